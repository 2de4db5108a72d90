"""Progress lines of an upload."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_EVERY_PERCENT = 10
_LEAST_SECONDS = 3.0
_MOST_SECONDS = 30.0


class Progress:
    """Logs percent, MB/s and time left: every 10 %, at least 3 s apart, and after 30 s in any case.

    :param name: of what is sent.
    :param size: bytes in all.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = time.monotonic()
        self._next_percent = _EVERY_PERCENT
        self._logged_at = self._started

    def update(self, sent: int) -> None:
        """Note how many bytes were sent, and log progress when a line is due."""
        now = time.monotonic()
        percent = 100 * sent // self._size
        since = now - self._logged_at
        if since < (_LEAST_SECONDS if percent >= self._next_percent else _MOST_SECONDS):
            return
        self._next_percent = percent - percent % _EVERY_PERCENT + _EVERY_PERCENT
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
        seconds = max(time.monotonic() - self._started, 1e-6)
        log.info(
            "%s: all %.1f MB sent in %.1f s (%.1f MB/s); waiting for the manager to take the image in",
            self._name,
            self._size / 1e6,
            seconds,
            self._size / 1e6 / seconds,
        )
