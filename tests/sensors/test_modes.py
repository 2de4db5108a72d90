"""The sensor's three ways to wait end alike: run by Airflow's own task runner, one table for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.sensors.software_upgrade import DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator
from tests.task_runner import Outcome, run_to_the_end

LIST = "/dataservice/device/action/software"
MODES = {"poke": {}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}
FOR_EVER = 10_000

Scenario = Callable[[Simulator], Any]


def nothing(_: Simulator) -> None: ...


def there(vm: Simulator) -> None:
    vm.add_image("a.bin", version="20.15.1")


def blips(count: int) -> Scenario:
    return lambda vm: (vm.add_image("a.bin", version="20.15.1"), vm.faults.add("http_503", path=LIST, times=count))


def refused(vm: Simulator) -> None:
    vm.faults.add("login_refused", times=FOR_EVER)


def broken(vm: Simulator) -> None:
    vm.faults.add("data_null", path=LIST, times=FOR_EVER)


def forbidden(vm: Simulator) -> None:
    vm.faults.add("forbidden", path=LIST, times=FOR_EVER)


SHORT = {"timeout": 1.0}
SOFT, NEVER, SILENT = {"soft_fail": True}, {"never_fail": True}, {"silent_fail": True}

TABLE: dict[str, tuple[Scenario, dict[str, Any], str]] = {
    "found at once": (there, {}, "success"),
    "timeout": (nothing, SHORT, "failed"),
    "timeout with soft_fail": (nothing, {**SOFT, **SHORT}, "skipped"),
    "timeout with never_fail": (nothing, {**NEVER, **SHORT}, "failed"),  # Airflow: it covers errors of a poke only
    "three blips": (blips(3), {}, "success"),
    "blips for ever": (blips(FOR_EVER), {}, "up_for_retry"),
    "blips for ever with soft_fail": (blips(FOR_EVER), SOFT, "up_for_retry"),
    "blips for ever with never_fail": (blips(FOR_EVER), NEVER, "skipped"),
    "blips for ever with silent_fail": (blips(FOR_EVER), {**SILENT, **SHORT}, "failed"),  # by the timeout
    "login refused": (refused, {}, "failed"),
    "login refused with soft_fail": (refused, SOFT, "skipped"),
    "login refused with never_fail": (refused, NEVER, "skipped"),
    "login refused with silent_fail": (refused, SILENT, "failed"),
    "list broken": (broken, {}, "up_for_retry"),
    "list broken with soft_fail": (broken, SOFT, "up_for_retry"),
    "list broken with never_fail": (broken, NEVER, "skipped"),
    "list forbidden": (forbidden, {}, "failed"),
    "bad input": (there, {"version": " "}, "failed"),
}


def wait(mode: str, **arguments: Any) -> Outcome:
    given = {"version": "20.15.1", "poke_interval": 0.1, "timeout": 30.0, "max_unavailable": 0.5}
    given |= {**MODES[mode], **arguments}
    return run_to_the_end(lambda: ImageVersionSensor(task_id="wait", retries=1, **given))


@pytest.fixture(autouse=True)
def short_intervals_are_meant(recwarn: pytest.WarningsRecorder) -> None:
    """The log warns of them."""


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@contextmanager
def after_polls(vm: Simulator, polls: int, action: Callable[[], Any]) -> Iterator[None]:
    """Do something once the list was asked for that often."""
    over = threading.Event()

    def watch() -> None:
        while sum(request.path == LIST for request in vm.requests) < polls:
            if over.wait(0.01):
                return
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", TABLE)
def test_every_mode_ends_in_the_same_state(vm: Simulator, mode: str, case: str) -> None:
    prepare, arguments, expected = TABLE[case]
    prepare(vm)
    outcome = wait(mode, **arguments)
    assert outcome.state == expected
    assert vm.counters.open_sessions == 0
    if prepare is refused:
        assert [request.path for request in vm.requests] == ["/j_security_check", "/dataservice/client/server/ready"]
    if expected == "up_for_retry":
        assert type(outcome.error).__name__ == (
            "VManageProtocolError" if prepare is broken else "VManageUnavailableError"
        )
    if expected == "success":
        assert outcome.xcom["file_name"] == "a.bin"


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@pytest.mark.parametrize(
    ("device", "arguments", "expected"),
    [
        ("edge-1", {}, "failed"),
        ("edge-1", SOFT, "skipped"),
        ("edge-1", NEVER, "failed"),
        ("unknown", {}, "failed"),
        ("unknown", SOFT, "skipped"),
        ("unknown", NEVER, "skipped"),
    ],
)
def test_wait_for_devices_ends_alike_in_every_mode(
    vm: Simulator, mode: str, device: str, arguments: dict[str, Any], expected: str
) -> None:
    vm.add_device("edge-1", "vedge", "17.09.04.0.4733")
    given = {"devices": [device], "version": "17.12.04.0.6740", "poke_interval": 0.1, "timeout": 0.5}
    given |= {**MODES[mode], **arguments}
    outcome = run_to_the_end(lambda: DeviceVersionSensor(task_id="wait", retries=1, **given))
    assert outcome.state == expected


@pytest.mark.parametrize("mode", MODES)
def test_image_that_comes_later_is_the_same_row_everywhere(vm: Simulator, mode: str) -> None:
    with after_polls(vm, 3, lambda: vm.add_image("a.bin", version="20.15.1")):
        outcome = wait(mode)
    assert outcome.state == "success"
    assert list(outcome.xcom)[:3] == ["version", "version_id", "file_name"]
    assert outcome.xcom["version_id"] == vm.images[0].version_id
    way = {"poke": [], "reschedule": ["up_for_reschedule"], "deferrable": ["deferred"]}[mode]
    assert list(dict.fromkeys(outcome.steps[:-1])) == way
    assert vm.counters.open_sessions == 0


def test_deferred_wait_survives_fewer_failed_polls_than_its_limit(vm: Simulator) -> None:
    # Each poll is six requests: one, and five that repeat it. The worker's own poll is the first.
    vm.add_image("a.bin", version="20.15.1")
    vm.faults.add("http_503", path=LIST, times=2 * 6)
    assert wait("deferrable", max_consecutive_failures=3).state == "success"
    vm.faults.add("http_503", path=LIST, times=3 * 6)
    assert wait("deferrable", max_consecutive_failures=3).state == "up_for_retry"
    assert wait("deferrable").state == "success"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("count", "words"), [(0, "the 0 images"), (1, "the 1 image"), (12, "the 12 images")])
def test_timeout_says_the_same_in_every_mode(vm: Simulator, mode: str, count: int, words: str) -> None:
    for number in range(count):
        vm.add_image(f"{number}.bin", version="20.12.1")
    said = f"Timed out while waiting for an image with version 20.15.1: not among {words} at the last poll"
    assert str(wait(mode, timeout=0.3).error) == said


@pytest.mark.parametrize("mode", MODES)
def test_timeout_says_why_the_last_poll_failed(vm: Simulator, mode: str) -> None:
    broken(vm)
    outcome = wait(mode, timeout=0.3, silent_fail=True)
    said = "Timed out while waiting for an image with version 20.15.1: the last poll failed: The manager's "
    assert str(outcome.error).startswith(said)


def test_deferred_wait_outlasts_a_manager_that_starts(vm: Simulator) -> None:
    vm.add_image("a.bin", version="20.15.1")
    vm.faults.add("status", path="/j_security_check", times=4, status=404)
    assert wait("deferrable", max_unavailable=3600).state == "success"
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("seconds", [-1, "an hour", float("nan")])
def test_time_that_is_no_number_is_refused_unsent(vm: Simulator, seconds: Any) -> None:
    outcome = wait("deferrable", max_unavailable=seconds)
    assert outcome.state == "failed"
    assert "max_unavailable" in str(outcome.error)
    assert vm.requests == []


@pytest.mark.parametrize("limit", [0, -1, "many", 2.5])
def test_limit_that_is_no_count_is_refused_unsent(vm: Simulator, limit: Any) -> None:
    outcome = wait("deferrable", max_consecutive_failures=limit)
    assert outcome.state == "failed"
    assert "max_consecutive_failures" in str(outcome.error)
    assert vm.requests == []


def test_two_modes_are_refused_unless_one_is_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="give only one of them"):
        ImageVersionSensor(task_id="wait", version="20.15.1", deferrable=True, mode="reschedule")
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert ImageVersionSensor(task_id="wait", version="20.15.1", deferrable=True, mode="reschedule").deferrable


def test_custom_poke_is_refused_where_the_triggerer_ignores_it(vm: Simulator) -> None:
    class OwnPoke(ImageVersionSensor):
        def poke(self, context: Any) -> Any:
            raise AssertionError("never called")

    outcome = run_to_the_end(lambda: OwnPoke(task_id="wait", version="20.15.1", deferrable=True))
    assert outcome.state == "failed"
    assert "poke() of its own" in str(outcome.error)
    assert vm.requests == []
