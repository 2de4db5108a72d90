"""Interim answers (1xx), which a manager or a proxy may send at any time before the final one (RFC 9110, 15.2).

``http.client`` skips ``100`` alone. Here all of them are skipped, while a body is sent and while the answer is read,
but for ``101``: nobody asked for another protocol.
"""

from __future__ import annotations

import io
import re
from http.client import BadStatusLine, HTTPResponse
from typing import Any

#: the whole head of an interim answer
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")

#: how the head of one begins
_BEGINS_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")

#: bytes of a status line that tell an interim answer from a final one
_TELLING = len("HTTP/1.1 100")

#: from this size on, it is no head of an interim answer any more
_LARGEST_HEAD = 65536


def without_interim(received: bytes) -> bytes:
    """Return the first bytes of an answer without the interim answers that are whole."""
    while whole := _INTERIM.match(received):
        received = received[whole.end() :]
    return received


def is_final(received: bytes) -> bool:
    """Tell whether these first bytes (:func:`without_interim`) are of a final answer: it ends the request."""
    if len(received) < _TELLING:
        return False
    return _BEGINS_INTERIM.match(received) is None or len(received) > _LARGEST_HEAD


class FinalAnswer(HTTPResponse):
    """The first answer that is not an interim one."""

    def begin(self) -> None:
        """Read status and headers.

        :raises http.client.BadStatusLine: 101.
        """
        super().begin()
        while 100 <= self.status < 200:
            if self.status == 101:
                raise BadStatusLine("101, though no other protocol was asked for")
            self.headers = self.msg = None  # type: ignore[assignment]  # what begin() looks at
            super().begin()


class Replayed:
    """A socket that gives back the first bytes of the answer.

    :param sock: they were read from it.
    :param first: they themselves.
    """

    def __init__(self, sock: Any, first: bytes) -> None:
        self._sock = sock
        self._first = first

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return a stream of the answer from its first byte."""
        raw = self._sock.makefile("rb", buffering=0)
        first, self._first = self._first, b""
        return io.BufferedReader(Prefixed(raw, first))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Prefixed(io.RawIOBase):
    """A raw stream with some bytes in front.

    :param raw: the stream.
    :param first: the bytes.
    """

    def __init__(self, raw: Any, first: bytes) -> None:
        self._raw = raw
        self._first = first

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill the buffer, first with the bytes in front; 0 at the end."""
        if self._first:
            size = min(len(buffer), len(self._first))
            buffer[:size], self._first = self._first[:size], self._first[size:]
            return size
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Close the stream behind too."""
        self._raw.close()
        super().close()
