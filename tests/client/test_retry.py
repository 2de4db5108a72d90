"""When the same request is sent again, and after how long."""

from __future__ import annotations

import time
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError, VManageUnavailableError
from airflow_provider_vmanage.client.http import retry
from airflow_provider_vmanage.client.http.responses import asked_to_wait
from airflow_provider_vmanage.client.http.retry import parse_retry_after, retrying
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.simulator import Simulator


class Clock:
    """A time that passes only while somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.recorded_sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.recorded_sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep)
    monkeypatch.setattr("tenacity.time", fake)
    return clock


def attempts(clock: Clock, error: VManageError, *, seconds: float = 0.0, **options: Any) -> int:
    """How often something that always fails is tried, each try taking some seconds."""
    tries = []

    def fail() -> None:
        tries.append(clock.now)
        clock.now += seconds
        raise error

    with pytest.raises(type(error)):
        retrying(clock.sleep, **options)(fail)
    return len(tries)


def test_what_stays_unavailable_is_repeated_five_times_with_growing_waits(clock: Clock) -> None:
    assert attempts(clock, VManageUnavailableError("busy")) == 6
    assert len(clock.recorded_sleeps) == 5
    assert all(one < other for one, other in zip(clock.recorded_sleeps, clock.recorded_sleeps[1:], strict=False))
    assert [0.5, 1, 2, 4, 8] <= clock.recorded_sleeps <= [1.01, 1.51, 2.51, 4.51, 8.51]
    assert sum(clock.recorded_sleeps) < 60


def test_waits_of_two_calls_differ(clock: Clock) -> None:
    attempts(clock, VManageUnavailableError("busy"))
    attempts(clock, VManageUnavailableError("busy"))
    assert len(set(clock.recorded_sleeps)) == 10


def test_wait_that_the_manager_asks_for_is_obeyed(clock: Clock) -> None:
    assert attempts(clock, VManageUnavailableError("busy", retry_after=3)) == 6
    assert clock.recorded_sleeps == [3] * 5


@pytest.mark.parametrize(("retry_after", "tries", "waited"), [(20, 3, 40), (29, 3, 58), (59.5, 2, 59.5), (61, 1, 0)])
def test_all_waits_together_stay_below_a_minute(clock: Clock, retry_after: float, tries: int, waited: float) -> None:
    assert attempts(clock, VManageUnavailableError("busy", retry_after=retry_after)) == tries
    assert sum(clock.recorded_sleeps) == waited


def test_slow_failures_count_towards_the_minute(clock: Clock) -> None:
    assert attempts(clock, VManageUnavailableError("timed out"), seconds=25) == 3
    assert attempts(clock, VManageUnavailableError("timed out"), seconds=60) == 1


@pytest.mark.parametrize("error", [VManageUnavailableError("login", repeat=False), VManageProtocolError("html")])
def test_nothing_else_is_repeated(clock: Clock, error: VManageError) -> None:
    assert attempts(clock, error) == 1
    assert clock.recorded_sleeps == []


def test_fewer_repeats_can_be_asked_for(clock: Clock) -> None:
    assert attempts(clock, VManageUnavailableError("busy"), repeats=2) == 3
    assert attempts(clock, VManageUnavailableError("busy"), repeats=0) == 1


def test_each_repeat_is_logged_with_its_reason(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    attempts(clock, VManageUnavailableError("The manager is busy", retry_after=2), repeats=1)
    assert [record.message for record in caplog.records] == ["The manager is busy; attempt 2 follows in 2.0 s"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 2.5 ", 2.5),
        (formatdate(0, usegmt=True), 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 20, None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    assert parse_retry_after(formatdate(time.time() + 30, usegmt=True)) in (29, 30, 31)


def test_retry_after_as_a_date_is_relative_to_the_response() -> None:
    sent = 1_000_000_000
    date = formatdate(sent, usegmt=True)
    assert parse_retry_after(formatdate(sent + 5, usegmt=True), date=date) == 5
    assert parse_retry_after("7", date=date) == 7
    assert parse_retry_after(formatdate(time.time() + 30, usegmt=True), date="yesterday") in (29, 30, 31)


def test_retry_after_of_a_response_counts_by_the_managers_clock() -> None:
    sent, response = 1_000_000_000, requests.Response()
    response.headers.update(
        {"Date": formatdate(sent, usegmt=True), "Retry-After": formatdate(sent + 5, usegmt=True)}  # long ago, by ours
    )
    assert asked_to_wait(response) == (5, "; the manager asked to wait 5 s")


def test_request_is_repeated_at_the_date_of_retry_after(vm: Simulator) -> None:
    vm.faults.add("http_503", path="device/action/software", retry_after=formatdate(time.time() + 5, usegmt=True))
    settings = ManagerSettings(vm.url, vm.username, vm.password, ca_bundle=str(vm.ca_bundle))
    with ManagerSession(settings) as session:
        session.sleep = (recorded_sleeps := []).append  # type: ignore[method-assign, var-annotated]
        session.request("GET", "device/action/software")
    assert len(recorded_sleeps) == 1
    assert 3 <= recorded_sleeps[0] <= 6


@pytest.mark.slow
@given(st.text(), st.text())
def test_no_retry_after_breaks_the_parser(value: str, date: str) -> None:
    seconds = parse_retry_after(value, date=date)
    assert seconds is None or seconds >= 0


def test_limits_are_those_of_the_docs() -> None:
    assert (retry.MAX_REPEATS, retry.MAX_REPEATS_S) == (5, 60.0)
