"""The moment a transfer must have ended, and whether it can."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageDeadlineError

_UTC = re.compile("[Zz]$")

#: seconds of transfer from which its rate counts
LEARN = 5.0

#: seconds; an end that is further away is told as if it were this far, since dates end with the year 9999
_FAR = 366 * 86400.0


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
        self.check(sent, size)

    def check(self, sent: int, size: int) -> None:
        """Do nothing while an attempt can end in time, whether or not it has come further.

        :raises VManageDeadlineError: it cannot.
        """
        self._check(size - sent, size, f"{sent} of {size} bytes were sent, so no image came to be")

    def _check(self, left: int, size: int, told: str) -> None:
        now = self._now()
        needed = left / self.rate if self.rate else 0.0
        if needed <= (self.not_after - now).total_seconds():
            return
        when = "it is past"
        if now <= self.not_after and self.rate:
            end = now + timedelta(seconds=min(needed, _FAR))
            when = f"{size / 1e6:.0f} MB at {self.rate / 1e6:.1f} MB/s would end {end:%F %T %Z}"
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
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(_UTC.sub("+00:00", value.strip()))
    except (TypeError, ValueError, AttributeError) as err:  # rendered to native types, it may be anything
        raise VManageConfigurationError(f"{field} is {value!r}: write it as 2026-01-31T22:00:00+00:00") from err
    if moment.tzinfo is None:
        raise VManageConfigurationError(f"{field} {value!r} has no time zone: write it as 2026-01-31T22:00:00+00:00")
    return moment
