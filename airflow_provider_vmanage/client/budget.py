"""The moment a transfer must have ended, and whether it can."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageDeadlineError

log = logging.getLogger(__name__)

#: seconds of transfer from which its rate counts
LEARN = 5.0


@dataclass
class Budget:
    """Stops a transfer that cannot end in time, as early as that is known.

    :param not_after: moment by which the last byte must be sent.
    :param rate: bytes per second that earlier attempts reached, once it is known.
    """

    not_after: datetime
    rate: float | None = None
    _now: Callable[[], datetime] = field(default=lambda: datetime.now(timezone.utc), repr=False)
    _clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _started: float = 0.0

    def start(self, size: int) -> None:
        """Begin an attempt.

        :param size: bytes to send.
        :raises VManageDeadlineError: it is too late, or was at the rate seen so far; no byte was sent.
        """
        self._started = self._clock()
        self._check(size, size, "no byte was sent")

    def update(self, sent: int, size: int) -> None:
        """Note how far an attempt is.

        :raises VManageDeadlineError: it cannot end in time.
        """
        seconds = self._clock() - self._started
        if seconds >= LEARN:
            self.rate = sent / seconds
        self._check(size - sent, size, f"{sent} of {size} bytes were sent, so no image came to be")

    def _check(self, left: int, size: int, told: str) -> None:
        now = self._now()
        needed = timedelta(seconds=left / self.rate) if self.rate else timedelta(0)
        if now + needed <= self.not_after:
            return
        pace = f" at {self.rate / 1e6:.1f} MB/s" if self.rate else ""
        when = "it is past" if now > self.not_after else f"{size / 1e6:.0f} MB{pace} would end {now + needed:%F %T %Z}"
        raise VManageDeadlineError(f"not_after is {self.not_after:%F %T %Z}, and {when}; {told}")


def parse_not_after(value: datetime | str | None, *, field: str = "not_after") -> datetime | None:
    """Return the moment a date or its ISO 8601 text means, or ``None`` for nothing.

    :param value: with a time zone.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: no date, or one without a zone.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        # Before 3.11 Python does not read the Z of ISO 8601.
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError as err:
        raise VManageConfigurationError(f"{field} is {value!r}: write it as 2026-01-31T22:00:00+00:00") from err
    if moment.tzinfo is None:
        raise VManageConfigurationError(f"{field} {value!r} has no time zone: write it as 2026-01-31T22:00:00+00:00")
    return moment
