"""Moments, durations, and the axis."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_vmanage.reports.times import Axis, Clock, duration_text, parse_time

AT = datetime(2026, 11, 26, 22, 10, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26T22:10:00+00:00", AT),
        ("2026-11-26T22:10:00Z", AT),
        ("2026-11-26T22:10:00", AT),
        ("2026-11-27T00:10:00+02:00", AT),
        ("soon", None),
        ("0001-01-01T00:00:00+14:00", None),
        (None, None),
        (5, None),
    ],
)
def test_time_is_read_as_utc(text: Any, moment: datetime | None) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3570, "1 h 00 min"), (3900, "1 h 05 min"), (-5, "0 s")],
)
def test_duration_is_short(seconds: int, text: str) -> None:
    assert duration_text(AT, AT + timedelta(seconds=seconds)) == text


def test_date_is_shown_where_a_run_passes_midnight() -> None:
    later = AT + timedelta(hours=3)
    assert Clock.for_moments([AT, None]).span(AT, None) == "since 22:10"
    assert Clock.for_moments([AT, later]).span(AT, later) == "11-26 22:10 to 11-27 01:10"


@pytest.mark.parametrize("minutes", [0, 1, 7, 59, 60, 300, 720, 5000, 50_000])
def test_axis_has_few_ticks_in_order(minutes: int) -> None:
    axis = Axis.for_moments([AT, AT + timedelta(minutes=minutes)], None)
    assert axis is not None
    positions = [position for position, _ in axis.ticks()]
    assert positions == sorted(set(positions))
    assert 1 <= len(positions) <= 9
    assert all(0 <= position <= 100 for position in positions)


def test_tick_at_midnight_has_the_date() -> None:
    axis = Axis.for_moments([AT, AT + timedelta(hours=4)], None)
    assert axis is not None
    assert [text for _, text in axis.ticks()][:5] == ["22:30", "23:00", "23:30", "11-27", "00:30"]


@pytest.mark.parametrize(("hours", "is_drawn"), [(0.5, True), (1.5, True), (2.5, False)])
def test_window_is_on_the_axis_if_it_is_near(hours: float, is_drawn: bool) -> None:
    not_after = AT + timedelta(hours=hours)
    axis = Axis.for_moments([AT, AT + timedelta(hours=1)], not_after)
    assert axis is not None
    assert (axis.end >= not_after) is is_drawn


def test_no_moments_make_no_axis() -> None:
    assert Axis.for_moments([None], AT) is None
