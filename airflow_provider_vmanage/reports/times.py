"""Moments and durations as a report shows them, and the axis that they are drawn on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_vmanage.reports.text_table import UNKNOWN

#: minutes between two ticks
_TICK_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
_MOST_TICKS = 8

#: the end of the window is drawn unless the axis would become longer than this many times the run
_WINDOW_STRETCH = 2


def parse_time(value: Any) -> datetime | None:
    """Return an ISO 8601 text as a moment in UTC, or ``None`` for what is not readable; a missing zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def moment_text(moment: datetime | None) -> str:
    """Return a moment with its date, such as ``2026-11-26 02:05 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else UNKNOWN


def duration_text(begin: datetime | None, end: datetime | None) -> str:
    """Return the time between two moments, such as ``1 h 05 min``, or a dash where one is missing."""
    if begin is None or end is None:
        return UNKNOWN
    seconds = max(0, round((end - begin).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@dataclass(frozen=True)
class Clock:
    """How the moments of one run are written in its tables: without the date if all are of one day.

    :param same_day: whether they are.
    """

    same_day: bool

    @classmethod
    def for_moments(cls, moments: Iterable[datetime | None]) -> Clock:
        """Return the clock for these moments."""
        return cls(len({moment.date() for moment in moments if moment}) <= 1)

    def text(self, moment: datetime | None) -> str:
        """Return a moment, such as ``02:05`` or ``11-27 02:05``."""
        if moment is None:
            return UNKNOWN
        return f"{moment:%H:%M}" if self.same_day else f"{moment:%m-%d %H:%M}"

    def span(self, begin: datetime | None, end: datetime | None) -> str:
        """Return two moments, such as ``02:05 to 02:40``; without an end, that it goes on."""
        return f"{self.text(begin)} to {self.text(end)}" if end else f"since {self.text(begin)}"


@dataclass(frozen=True)
class Axis:
    """The time that a chart covers; positions are percent of its width."""

    begin: datetime
    end: datetime

    @classmethod
    def for_moments(cls, moments: Iterable[datetime | None], not_after: datetime | None) -> Axis | None:
        """Return the axis from the first moment to the last, or ``None`` if there are none.

        :param not_after: end of the window, which is included if it is near.
        """
        known = [moment for moment in moments if moment]
        if not known:
            return None
        begin, end = min(known), max(*known, min(known) + timedelta(minutes=1))
        if not_after and end < not_after <= begin + (end - begin) * _WINDOW_STRETCH:
            end = not_after + (not_after - begin) / 50  # room for the line itself
        return cls(begin, end)

    def position(self, moment: datetime) -> float:
        """Return where a moment is, from 0 to 100."""
        share = (moment - self.begin) / (self.end - self.begin)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Return position and text of each tick; the text has the date where a day begins."""
        minutes = (self.end - self.begin) / timedelta(minutes=1)
        most = _TICK_MINUTES[-1]
        days = max(1, round(minutes / most / _MOST_TICKS + 0.5))
        step = timedelta(minutes=next((one for one in _TICK_MINUTES if minutes / one <= _MOST_TICKS), days * most))
        midnight = self.begin.replace(hour=0, minute=0, second=0, microsecond=0)
        moment = midnight + step * -((midnight - self.begin) // step)
        ticks = []
        while moment <= self.end:
            is_midnight = moment.time() == midnight.time()
            ticks.append((self.position(moment), f"{moment:%m-%d}" if is_midnight else f"{moment:%H:%M}"))
            moment += step
        return ticks
