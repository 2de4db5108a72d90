"""Many waits on one manager: one session, one list call per interval, in a real event loop over TLS."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger, ImageVersionTrigger
from airflow_provider_vmanage.waiting import poll as repository_poll
from tests.triggers.event_loop import LIST, first_event, lists, until

FOR_EVER = 10_000


def wait(version: str = "20.15.1", interval: float = 0.2, **arguments: Any) -> asyncio.Task[Any]:
    trigger = ImageVersionTrigger(version=version, poke_interval=interval, **arguments)
    return asyncio.get_running_loop().create_task(first_event(trigger))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def polls_left() -> list[repository_poll.Poll]:
    return [poll for polls in repository_poll._polls.values() for poll in polls.values()]


def test_hundred_waits_share_one_session_and_one_call_per_interval(vm: Simulator) -> None:
    async def scenario() -> None:
        waits = [wait(f"20.{number}.1") for number in range(100)]
        await until(lambda: lists(vm) >= 3)
        for number in range(100):
            vm.add_image(f"{number}.bin", version=f"20.{number}.1")
        events = await asyncio.gather(*waits)
        assert [event["image"]["file_name"] for event in events] == [f"{number}.bin" for number in range(100)]

    run(scenario())
    assert lists(vm) <= 6
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (1, 1, 0)


def test_shortest_interval_is_the_pace_of_all_waits(vm: Simulator) -> None:
    async def scenario() -> None:
        waits = [wait(f"20.{number}.1", interval=0.2 + number) for number in range(20)]
        started = time.monotonic()
        await until(lambda: lists(vm) >= 6)
        assert time.monotonic() - started >= 6 * 0.2
        for one in waits:
            one.cancel()
        await asyncio.wait(waits)

    run(scenario())
    assert vm.counters.open_sessions == 0


def test_newcomer_gets_a_result_within_its_own_interval(vm: Simulator) -> None:
    async def scenario() -> None:
        slow = wait("20.1.1", interval=3600.0)
        await asyncio.sleep(0)
        vm.add_image("a.bin", version="20.15.1")
        event = await asyncio.wait_for(wait(interval=0.2), 10)
        assert event["status"] == "success"
        slow.cancel()
        await asyncio.wait([slow])

    run(scenario())
    assert vm.counters.open_sessions == 0


def test_nothing_is_asked_before_the_first_interval_is_over(vm: Simulator) -> None:
    async def scenario() -> None:
        waits = [wait(interval=3600.0) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        for one in waits:
            one.cancel()
        await asyncio.wait(waits)

    run(scenario())
    assert vm.requests == []


def test_error_reaches_every_wait_and_counts_once_for_each(vm: Simulator) -> None:
    vm.faults.add("data_null", path=LIST, times=FOR_EVER)

    async def scenario() -> None:
        events = await asyncio.gather(*(wait(max_consecutive_failures=limit) for limit in (1, 2, 2, 4)))
        assert Counter(event["error"] for event in events) == {"VManageProtocolError": 4}

    run(scenario())
    # A list that is no list is not repeated inside the call: one request for each failed poll.
    assert lists(vm) == 4
    assert vm.counters.open_sessions == 0


def test_refused_login_ends_every_wait_after_one_attempt(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, password="wrong")

    async def scenario() -> None:
        events = await asyncio.gather(*(wait() for _ in range(50)))
        assert {event["error"] for event in events} == {"VManageAuthenticationError"}

    run(scenario())
    assert vm.counters.refused_logins == 1


def test_changed_connection_is_read_before_the_wait_fails(vm: Simulator, connect: Callable[..., None]) -> None:
    async def scenario() -> None:
        first = wait("20.15.1")
        await until(lambda: lists(vm) >= 1)
        vm.faults.add("login_refused")
        connect(vm, extra={"read_timeout": 42})
        vm.expire_sessions()
        await until(lambda: vm.counters.logins >= 2)
        vm.add_image("a.bin", version="20.15.1")
        assert (await first)["status"] == "success"

    run(scenario())
    assert sum(request.path == "/j_security_check" for request in vm.requests) == 3
    assert vm.counters.open_sessions == 0


def test_session_that_dies_is_opened_again_once_for_all(vm: Simulator) -> None:
    async def scenario() -> None:
        waits = [wait() for _ in range(30)]
        await until(lambda: lists(vm) >= 1)
        vm.expire_sessions()
        vm.add_image("a.bin", version="20.15.1")
        assert {event["status"] for event in await asyncio.gather(*waits)} == {"success"}

    run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


def test_who_leaves_while_others_wait_takes_nothing_from_them(vm: Simulator) -> None:
    async def scenario() -> None:
        stays, leaves = wait("20.15.1"), wait("20.15.2")
        await until(lambda: lists(vm) >= 1)
        leaves.cancel()
        await asyncio.wait([leaves])
        assert vm.counters.open_sessions == 1
        vm.add_image("a.bin", version="20.15.1")
        assert (await stays)["status"] == "success"

    run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_last_to_leave_cancels_a_slow_call_and_logs_out(vm: Simulator) -> None:
    async def scenario() -> None:
        one = wait()
        await until(lambda: lists(vm) >= 1)
        vm.faults.add("slow", path=LIST, delay=60.0, times=FOR_EVER)
        before = lists(vm)
        await until(lambda: lists(vm) > before)
        started = time.monotonic()
        one.cancel()
        await asyncio.wait([one])
        assert time.monotonic() - started < 10.0

    run(scenario())
    assert vm.counters.open_sessions == 0


def test_leaving_waits_for_no_thread_that_is_busy(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the first import of the client on a slow disk: there is no session yet that could be logged out."""
    is_busy, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow_hook(_: str) -> VManageHook:
        is_busy.set()
        may_end.wait(2.0)
        ended.set()
        return VManageHook()

    async def scenario() -> None:
        one = wait(interval=0.01)
        await until(is_busy.is_set)
        one.cancel()
        await asyncio.wait([one])
        assert not ended.is_set()
        may_end.set()
        await until(ended.is_set)

    monkeypatch.setattr(repository_poll, "_new_hook", slow_hook)
    run(scenario())


def test_stopped_event_loop_leaves_no_session_and_no_poll_behind(vm: Simulator) -> None:
    async def scenario() -> None:
        waits = [wait() for _ in range(10)]
        await until(lambda: lists(vm) >= 1)
        assert waits
        # and the loop ends here, as a triggerer does on SIGTERM: asyncio.run cancels what is left

    run(scenario())
    assert vm.counters.open_sessions == 0
    assert polls_left() == []


def test_missing_connection_is_an_error_that_names_it() -> None:
    async def scenario() -> None:
        event = await wait(vmanage_conn_id="nowhere")
        assert (event["status"], event["error"]) == ("error", "VManageConfigurationError")
        assert "nowhere" in event["message"]

    run(scenario())


def test_each_connection_has_a_poll_of_its_own(
    vm: Simulator, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"])

    async def scenario() -> None:
        waits = [wait(), wait(vmanage_conn_id="other")]
        await until(lambda: vm.counters.open_sessions == 2)
        vm.add_image("a.bin", version="20.15.1")
        await asyncio.gather(*waits)

    run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


def test_event_loop_is_never_blocked(vm: Simulator) -> None:
    """A heartbeat next to the first import of the client, logins, lists, failures, a death and the logout."""
    gaps: list[float] = []

    async def heartbeat() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    async def scenario() -> None:
        beat = asyncio.get_running_loop().create_task(heartbeat())
        vm.faults.add("slow", path=LIST, delay=0.5, times=2)
        waits = [wait() for _ in range(200)]
        await until(lambda: lists(vm) >= 3)
        vm.expire_sessions()
        vm.add_image("a.bin", version="20.15.1")
        await asyncio.gather(*waits)
        beat.cancel()

    gc.collect()
    gc.freeze()  # what other tests have left behind takes Python's collector a second, and is none of a triggerer's
    try:
        run(scenario())
    finally:
        gc.unfreeze()
    assert max(gaps) < 0.25  # the slow responses alone take twice that, and the triggerer warns from 0.2 s on


def test_asyncio_warning_about_a_poll_quotes_no_manager(vm: Simulator) -> None:
    """Asyncio writes a task into its warnings together with what it waits for, a finished response included."""
    vm.faults.add("error_4xx", times=None, message="c4nary", details="c4nary", code="c4nary")

    async def scenario() -> None:
        one = wait(interval=0.001, max_consecutive_failures=None)
        watch = asyncio.get_running_loop().create_task(first_event(ImageAvailableTrigger(poke_interval=0.001)))
        await asyncio.sleep(0)
        poll = repository_poll.poll_of("vmanage_default")
        seen = ""
        while lists(vm) < 20:
            seen += repr(vars(poll))
            time.sleep(0.0005)  # noqa: ASYNC251 - the threads of client and manager get their turn, and no step is missed
            await asyncio.sleep(0)
        for task in (one, watch):
            task.cancel()
        await asyncio.wait([one, watch])
        assert "_run" in seen
        assert "c4nary" not in seen

    run(scenario())


# -- a poll that dies, a manager that starts ---------------------------------------------------------------------------


class Deadlock(BaseException):
    """As Airflow's DeadlockImminentError: no Exception."""


def test_connection_whose_second_lookup_fails_leaves_no_wait_hanging(
    vm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        waits = [wait(max_consecutive_failures=2) for _ in range(3)]
        await until(lambda: lists(vm) >= 1)
        with monkeypatch.context() as patch:
            patch.setattr(VManageHook, "aload_connection", fails_with(RuntimeError("no channel")))
            vm.faults.add("data_null", path=LIST, times=FOR_EVER)
            events = await asyncio.wait_for(asyncio.gather(*waits), 20)
        assert {event["error"] for event in events} == {"VManageProtocolError"}
        vm.faults.clear()
        vm.add_image("a.bin", version="20.15.1")
        assert (await asyncio.wait_for(wait(), 20))["status"] == "success"

    run(scenario())
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("error", [RuntimeError("broken"), Deadlock("broken"), MemoryError()])
@pytest.mark.parametrize("where", ["_poll", "_until_due", "_pass_on"])
def test_dead_poll_fails_its_waits_and_another_can_start(
    vm: Simulator, monkeypatch: pytest.MonkeyPatch, error: BaseException, where: str
) -> None:
    async def scenario() -> None:
        waits = [wait(max_consecutive_failures=None) for _ in range(3)]
        await until(lambda: lists(vm) >= 1)
        with monkeypatch.context() as patch:
            patch.setattr(repository_poll.Poll, where, fails_with(error))
            events = await asyncio.wait_for(asyncio.gather(*waits), 20)
        assert {event["error"] for event in events} == {"VManageUnavailableError"}
        assert all(type(error).__name__ in event["message"] for event in events)
        vm.add_image("a.bin", version="20.15.1")
        assert (await asyncio.wait_for(wait(), 20))["status"] == "success"

    run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)
    assert polls_left() == []


def test_wait_that_joins_a_dead_poll_gets_another(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        first = wait()
        await until(lambda: lists(vm) >= 1)
        vm.faults.add("slow", path="/logout", delay=1.0)
        with monkeypatch.context() as patch:
            patch.setattr(repository_poll.Poll, "_poll", fails_with(RuntimeError("broken")))
            await until(lambda: polls_left() == [])
        vm.add_image("a.bin", version="20.15.1")
        second = wait()
        events = await asyncio.wait_for(asyncio.gather(first, second), 20)
        assert [event["status"] for event in events] == ["error", "success"]

    run(scenario())
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(
    "options",
    [
        {"status": 404, "body": "<html>Not Found</html>"},
        {"status": 403, "body": "<html>Forbidden</html>"},
        {"status": 302, "body": ""},
        {"status": 200, "body": ""},
    ],
)
def test_wait_survives_a_manager_that_starts(vm: Simulator, options: dict[str, Any]) -> None:
    async def scenario() -> None:
        one = wait(max_consecutive_failures=100)
        await until(lambda: lists(vm) >= 1)
        vm.faults.add("status", path="/j_security_check", times=3, **options)
        vm.expire_sessions()
        vm.add_image("a.bin", version="20.15.1")
        assert (await asyncio.wait_for(one, 20))["status"] == "success"

    run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


def test_wait_survives_the_login_page_of_a_starting_manager(vm: Simulator) -> None:
    async def scenario() -> None:
        one = wait()
        await until(lambda: lists(vm) >= 1)
        vm.faults.add("status", path="/j_security_check", status=200, body="<html>login</html>")
        for is_ready in (False, True, False):
            vm.faults.add("status", path="client/server/ready", status=200, body={"isServerReady": is_ready})
        vm.expire_sessions()
        vm.add_image("a.bin", version="20.15.1")
        assert (await asyncio.wait_for(one, 20))["status"] == "success"

    run(scenario())
    assert [one.path for one in vm.requests].count("/j_security_check") == 3


def test_manager_unavailable_for_too_long_stops_the_wait(vm: Simulator) -> None:
    vm.faults.add("data_null", path=LIST, times=FOR_EVER)

    async def scenario() -> None:
        started = time.monotonic()
        event = await wait(interval=0.05, max_unavailable=1.0)
        assert event["error"] == "VManageProtocolError"
        assert time.monotonic() - started >= 1.0

    run(scenario())
    assert lists(vm) > 5


def test_waits_one_after_the_other_send_a_refused_login_once(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, password="wrong")

    async def scenario() -> None:
        for _ in range(6):
            assert (await wait(interval=0.01))["error"] == "VManageAuthenticationError"

    run(scenario())
    assert vm.counters.refused_logins == 1


def fails_with(error: BaseException) -> Callable[..., Any]:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
