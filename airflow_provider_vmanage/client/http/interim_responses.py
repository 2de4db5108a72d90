"""Interim responses (1xx), which a manager or a proxy may send at any time before the final one (RFC 9110, 15.2).

``http.client`` skips ``100`` alone. Here all of them are skipped, while a body is sent and while the
response is read, except ``101``: no other protocol was requested.
"""

from __future__ import annotations

import io
import re
from http.client import BadStatusLine, HTTPResponse
from typing import Any

#: the whole head of an interim response
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")

#: the start of such a head
_BEGINS_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")

#: bytes of a status line that distinguish an interim response from a final one
_STATUS_BYTES = len("HTTP/1.1 100")

#: a longer head is not that of an interim response
_HEAD_MAX_BYTES = 65536


def without_interim(received: bytes) -> bytes:
    """Return the first bytes of a response without the interim responses that are complete."""
    while whole := _INTERIM.match(received):
        received = received[whole.end() :]
    return received


def is_final(received: bytes) -> bool:
    """Return whether these first bytes (:func:`without_interim`) belong to a final response, which ends the request."""
    if len(received) < _STATUS_BYTES:
        return False
    return _BEGINS_INTERIM.match(received) is None or len(received) > _HEAD_MAX_BYTES


class FinalResponse(HTTPResponse):
    """The first response that is not an interim one."""

    def begin(self) -> None:
        """Read status and headers.

        :raises http.client.BadStatusLine: 101.
        """
        super().begin()
        while 100 <= self.status < 200:
            if self.status == 101:
                raise BadStatusLine("101, though no other protocol was asked for")
            self.headers = self.msg = None  # type: ignore[assignment]  # what begin() checks
            super().begin()


class Replayed:
    """A socket that returns the first bytes of the response again.

    :param sock: the socket that they were read from.
    :param first: these bytes.
    """

    def __init__(self, sock: Any, first: bytes) -> None:
        self._sock = sock
        self._first = first

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return a stream of the response from its first byte."""
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
        """Return true: it can be read."""
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
        """Close the underlying stream too."""
        self._raw.close()
        super().close()
