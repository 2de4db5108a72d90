"""What an upload says while it runs."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_EVERY_PERCENT = 10
_EVERY_SECONDS = 30.0


class Progress:
    """Logs percent, MB/s and time left, every 10 % or 30 s.

    :param name: of what is sent.
    :param size: bytes in all.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._started = time.monotonic()
        self._next_percent = _EVERY_PERCENT
        self._next_moment = self._started + _EVERY_SECONDS

    def update(self, sent: int) -> None:
        """Note how many bytes are gone, and log where it is time to."""
        now = time.monotonic()
        percent = 100 * sent // self._size
        if percent < self._next_percent and now < self._next_moment:
            return
        self._next_percent = percent - percent % _EVERY_PERCENT + _EVERY_PERCENT
        self._next_moment = now + _EVERY_SECONDS
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
        """Log that the last byte is gone."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        log.info(
            "%s: all %.1f MB sent in %.1f s (%.1f MB/s); waiting for the manager to take the image in",
            self._name,
            self._size / 1e6,
            seconds,
            self._size / 1e6 / seconds,
        )
