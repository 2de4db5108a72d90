"""The moment by which a transfer must end."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageDeadlineError
from airflow_provider_vmanage.client.http.clock import Clock

_UTC = re.compile("[Zz]$")

#: seconds of a transfer after which its rate is measured
RATE_WARMUP_S = 5.0

#: cap of the estimate in seconds: datetimes end at year 9999
_MAX_ESTIMATE_S = 366 * 86400.0


@dataclass
class Deadline:
    """Stops a transfer that cannot end in time, as soon as its rate shows that.

    :param not_after: moment by which the last byte must be sent; ``None`` never stops anything.
    :param rate: bytes per second that earlier attempts reached, once it is known.
    :param clock: the time of day, and that of the rate.
    """

    not_after: datetime | None = None
    rate: float | None = None
    clock: Clock = field(default=time, repr=False)
    _started: float = 0.0

    def start(self, size: int) -> None:
        """Start an attempt.

        :param size: bytes to send.
        :raises VManageDeadlineError: the moment is past, or would be at the rate so far; no byte was sent.
        """
        self._started = self.clock.monotonic()
        self._check(size, size, "no byte was sent")

    def update(self, sent: int, size: int) -> None:
        """Record the progress of an attempt.

        :raises VManageDeadlineError: it cannot end in time.
        """
        seconds = self.clock.monotonic() - self._started
        if seconds >= RATE_WARMUP_S:
            self.rate = sent / seconds
        self.check(sent, size)

    def check(self, sent: int, size: int) -> None:
        """Raise if an attempt cannot end in time; called without progress, too.

        :raises VManageDeadlineError: it cannot.
        """
        self._check(size - sent, size, f"{sent} of {size} bytes were sent, so no image was created")

    def _check(self, left: int, size: int, consequence: str) -> None:
        if self.not_after is None:
            return
        now = datetime.fromtimestamp(self.clock.time(), timezone.utc)
        needed = left / self.rate if self.rate else 0.0
        if needed <= (self.not_after - now).total_seconds():
            return
        when = "it is past"
        if now <= self.not_after and self.rate:
            end = now + timedelta(seconds=min(needed, _MAX_ESTIMATE_S))
            when = f"{size / 1e6:.0f} MB at {self.rate / 1e6:.1f} MB/s would end {end:%F %T %Z}"
        raise VManageDeadlineError(f"not_after is {self.not_after:%F %T %Z}, and {when}; {consequence}")


def parse_not_after(value: datetime | str | None, *, field: str = "not_after") -> datetime | None:
    """Return the moment that a datetime or its ISO 8601 text means, or ``None`` for nothing.

    :param value: with a time zone.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: not a datetime, or one without a time zone.
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
