"""Logs the progress of an upload."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_STEP_PERCENT = 10
_MIN_INTERVAL_S = 3.0
_MAX_INTERVAL_S = 30.0


class Progress:
    """Logs percent, MB/s and time left every 10 %, but at least 3 s and at most 30 s apart.

    :param name: of the file.
    :param size: bytes in total.
    :param clock: seconds that only go forward.
    """

    def __init__(self, name: str, size: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._size = size
        self._clock = clock
        self._started = clock()
        self._next_percent = _STEP_PERCENT
        self._logged_at = self._started

    def update(self, sent: int) -> None:
        """Log a line if one is due.

        :param sent: bytes so far.
        """
        now = self._clock()
        percent = 100 * sent // self._size
        since = now - self._logged_at
        if since < (_MIN_INTERVAL_S if percent >= self._next_percent else _MAX_INTERVAL_S):
            return
        self._next_percent = percent - percent % _STEP_PERCENT + _STEP_PERCENT
        self._logged_at = now
        rate = sent / max(now - self._started, 1e-6)
        left = (self._size - sent) / max(rate, 1e-6)
        log.info(
            "%s: %d %% of %.1f MB at %.1f MB/s, %.0f s left",
            self._name,
            percent,
            self._size / 1e6,
            rate / 1e6,
            left,
        )

    def done(self) -> None:
        """Log that the last byte was sent."""
        seconds = max(self._clock() - self._started, 1e-6)
        log.info(
            "%s: all %.1f MB sent in %.1f s (%.1f MB/s); waiting for the manager to process the image",
            self._name,
            self._size / 1e6,
            seconds,
            self._size / 1e6 / seconds,
        )
