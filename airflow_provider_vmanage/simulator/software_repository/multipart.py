"""A multipart body cut into its parts while it arrives (RFC 2046, section 5.1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable

_LONGEST_HEAD_BYTES = 64 * 1024
# What follows a boundary that is one: the two hyphens of the last, or blanks (some gateways add them) and a line end.
_ENDING = re.compile(rb"(--)|[ \t]{0,1000}\r\n")
_ENDING_TO_COME = re.compile(rb"-|[ \t]{0,1000}\r?")


class BrokenMultipart(Exception):
    """The headers of a part have no end."""


class MultipartCutter:
    """Passes on the headers of each part, and then its content piece by piece.

    What stands before the first boundary and after the last one is dropped.

    :param boundary: As the header of the request gives it.
    :param on_part: Called with the headers of each part, as they were sent.
    :param on_content: Called with each piece of the content of a part.
    """

    def __init__(self, boundary: bytes, on_part: Callable[[bytes], None], on_content: Callable[[bytes], None]) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._on_part, self._on_content = on_part, on_content
        self._rest = b"\r\n"  # of the line before the first boundary, which a body may lack
        self._step = self._skip_preamble
        self.complete = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        :raises BrokenMultipart: The headers of a part have no end.
        """
        if self.complete:
            return
        self._rest += chunk
        while self._step() and not self.complete:
            pass

    def _skip_preamble(self) -> bool:
        return self._cut(lambda _: None)

    def _take_content(self) -> bool:
        return self._cut(self._on_content)

    def _take_head(self) -> bool:
        # The line end of the boundary is still there, so that a part without headers has its empty line too.
        end = self._rest.find(b"\r\n\r\n")
        if end >= 0:
            self._on_part(self._rest[2:end])
            self._rest, self._step = self._rest[end + 4 :], self._take_content
        elif len(self._rest) > _LONGEST_HEAD_BYTES:
            raise BrokenMultipart("the headers of a part have no end")
        return end >= 0

    def _cut(self, pass_on: Callable[[bytes], None]) -> bool:
        start = self._rest.find(self._delimiter)
        while start >= 0:
            after = start + len(self._delimiter)
            ending = _ENDING.match(self._rest, after)
            if ending is not None:
                pass_on(self._rest[:start])
                self.complete = ending[1] is not None
                self._rest, self._step = self._rest[ending.end() - 2 :], self._take_head
                return True
            if _ENDING_TO_COME.fullmatch(self._rest, after):
                break
            start = self._rest.find(self._delimiter, after)
        held = start if start >= 0 else self._half_delimiter()
        pass_on(self._rest[:held])
        self._rest = self._rest[held:]
        return False

    def _half_delimiter(self) -> int:
        """Where a delimiter may begin whose other half is still to come; the end if there is none."""
        start = self._rest.rfind(b"\r", 1 - len(self._delimiter))  # a boundary holds no other
        return start if start >= 0 and self._delimiter.startswith(self._rest[start:]) else len(self._rest)
