"""How fast one process sends to one manager, however many sessions it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageConfigurationError
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.rate_limit import BURST, RateLimit, limit_for
from airflow_provider_vmanage.client.http.transport import ManagerAdapter
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, read_settings
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def waits(limit: RateLimit, clock: Clock, count: int) -> list[float]:
    """What each of so many requests waits that are sent as fast as the limit lets them."""
    taken = []
    for _ in range(count):
        taken.append(limit.reserve())
        clock.now += taken[-1]
    return taken


def near(seconds: list[float]) -> Any:
    return pytest.approx(seconds, abs=1e-6)


def test_burst_is_sent_at_once_and_later_requests_are_spread() -> None:
    clock = Clock()
    limit = RateLimit(10, clock=clock)
    assert waits(limit, clock, BURST + 50) == near([0] * BURST + [0.1] * 50)
    clock.now += 0.25
    assert waits(limit, clock, 3) == near([0, 0, 0.05])
    clock.now += 3600
    assert waits(limit, clock, BURST + 1) == near([0] * BURST + [0.1])


def test_rate_stays_below_half_of_the_documented_limit() -> None:
    """Cisco: 100 requests per second from release 20.6 on, for all clients together."""
    clock = Clock()
    limit = RateLimit(ManagerSettings("https://vm").requests_per_second, clock=clock)
    sent = []
    for _ in range(500):
        clock.now += limit.reserve()
        sent.append(clock.now)
    assert max(sum(start <= one < start + 1 for one in sent) for start in sent) <= 50


def test_all_threads_of_a_process_share_one_limit() -> None:
    clock = Clock()
    limit = RateLimit(10, clock=clock)
    seconds: list[float] = []
    threads = [threading.Thread(target=lambda: seconds.extend(limit.reserve() for _ in range(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seconds) == near([0.0] * BURST + [0.1 * place for place in range(1, 81 - BURST)])


def test_sessions_share_the_limit_of_their_manager_only() -> None:
    one = limit_for("https://vm:8443", 20)
    assert limit_for("https://vm:8443", 20) is one
    assert limit_for("https://other:8443", 20) is not one
    assert limit_for("https://vm:8443", 5) is not one


def test_session_waits_before_it_sends_too_fast(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded_sleeps: list[float] = []
    monkeypatch.setattr(ManagerConnection, "sleep", lambda _, seconds: recorded_sleeps.append(seconds))
    session = connect(vm, requests_per_second=1)
    for _ in range(BURST):
        session.request("GET", "device/action/software")
    session.close()
    assert len(vm.requests) == BURST + 3
    assert [round(seconds) for seconds in recorded_sleeps] == [
        1,
        2,
    ]  # each later one of a burst waits longer; a logout does not wait


def test_wait_for_the_rate_limit_ends_with_an_abort(vm: Simulator, connect: Connect) -> None:
    session = connect(vm, requests_per_second=0.001)
    for _ in range(BURST - 2):
        session.request("GET", "device/action/software")
    threading.Timer(0.05, session.abort).start()
    began = time.monotonic()
    with pytest.raises(VManageCancelledError):
        session.request("GET", "device/action/software")
    session.close()
    assert time.monotonic() - began < 10
    assert vm.counters.open_sessions == 0


def test_logout_after_an_abort_keeps_its_connection(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The abort breaks connections of the call under way, not those that come after it, however slowly."""
    session = connect(vm, requests_per_second=0.001)
    for _ in range(BURST - 2):
        session.request("GET", "device/action/software")
    break_connections = ManagerAdapter.break_connections

    def break_slowly(adapter: ManagerAdapter) -> None:
        time.sleep(0.2)
        break_connections(adapter)

    monkeypatch.setattr(ManagerAdapter, "break_connections", break_slowly)
    vm.faults.add("slow", path="*", times=None, delay=0.4)
    threading.Timer(0.05, session.abort).start()
    with pytest.raises(VManageCancelledError):
        session.request("GET", "device/action/software")
    session.close()
    assert "Logout failed" not in caplog.text
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(("given", "rate"), [({}, 20), ({"requests_per_second": "2.5"}, 2.5)])
def test_connection_sets_the_rate(given: dict[str, Any], rate: float) -> None:
    assert read_settings(host="vm", login="admin", password="secret", extra=given).requests_per_second == rate


@pytest.mark.parametrize("value", [0, -1, 101, "fast", True, "nan"])
def test_rate_that_no_manager_takes_is_an_error(value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=r"requests_per_second is .* above 0, at most 100"):
        read_settings(host="vm", login="admin", password="secret", extra={"requests_per_second": value})
