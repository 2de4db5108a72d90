"""The operator that upgrades a fleet: what it returns, how it waits, what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.client.errors import VManageCancelledError
from airflow_provider_vmanage.client.upgrade.packing import pack, unpack
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator, UpgradeDevicesOperator
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.upgrade import DeviceHealthTrigger, PauseTrigger
from airflow_provider_vmanage.waiting.events import timed_out
from tests.operators.test_software_upgrade import IMAGE, NEW, OLD, FakeXCom, Store
from tests.triggers.event_loop import first_event, follow

COLOUR = "biz-internet"

#: of a manager whose minutes take a hundredth of a second
QUICK: dict[str, Any] = {"poll_interval": 0.05, "stable_for": 0.1, "settle_timeout": 2.0, "timeout": 20.0}


@pytest.fixture
def vm(connect: Callable[..., None]) -> Iterator[Simulator]:
    """A manager with four edges on the old version, and the image of the new one."""
    with Simulator(seconds_per_minute=0.01) as vm:
        vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
        for number in range(1, 5):
            vm.add_device(f"edge-{number}", "vedge", OLD, site_id=str(100 + number))
        connect(vm)
        yield vm


@pytest.fixture
def plan(vm: Simulator, run: Callable[..., Any]) -> dict[str, Any]:
    """The plan of two waves, as its XCom."""
    plan = run(PlanUpgradeOperator(task_id="plan", version=NEW, wave_sizes=[1, 3]))
    return json.loads(json.dumps(plan))


def upgrade(plan: Any, **options: Any) -> UpgradeDevicesOperator:
    return UpgradeDevicesOperator(task_id="t", plan=plan, **{**QUICK, **options})


def posts(vm: Simulator) -> Counter[tuple[str, str, str]]:
    return Counter((one.action, one.device, one.version) for one in vm.actions)


@pytest.mark.slow
@pytest.mark.parametrize("deferrable", [True, False])
def test_upgrade_ends_alike_with_and_without_deferral(
    deferrable: bool, vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    task = upgrade(plan, deferrable=deferrable, report=f"{tmp_path}/report.html", approved_by="the night shift")
    result = follow(task, run, {"task_state_store": Store()})
    assert result["counts"] == {"upgraded": 4}
    assert (result["action"], result["changed"], result["version"]) == ("upgraded", True, NEW)
    assert [wave["counts"] for wave in result["waves"]] == [{"upgraded": 1}, {"upgraded": 3}]
    assert {row["running"] for row in result["devices"]} == {row["default"] for row in result["devices"]} == {NEW}
    assert "4" in result["markdown"]
    assert "the night shift" in (tmp_path / "report.html").read_text()
    assert set(posts(vm).values()) == {1}
    assert vm.counters.open_sessions == 0


class TaskInstance(FakeXCom):
    """The task instance, as far as a report needs it."""

    dag_id, run_id, task_id, try_number = "maintenance", "saturday", "upgrade", 1


@pytest.mark.slow
def test_page_names_the_run(vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    run(upgrade(plan, report=str(page)), {"ti": TaskInstance()})
    assert all(name in page.read_text() for name in ("maintenance", "saturday"))


@pytest.mark.slow
def test_pause_between_waves_is_waited_for_in_the_triggerer(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    task, event = upgrade(plan, deferrable=True, pause=3600.0), None
    for _ in range(200):
        with pytest.raises(TaskDeferred) as deferred:
            run(task) if event is None else task.execute_complete({}, event)
        if isinstance(deferred.value.trigger, PauseTrigger):
            break
        event = asyncio.run(first_event(deferred.value.trigger))
    assert 3500 < deferred.value.trigger.until - time.time() <= 3600
    assert {device for _, device, _ in posts(vm)} == {plan["waves"][0][0]["device_id"]}


@pytest.mark.slow
def test_result_is_small(vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]) -> None:
    result = follow(upgrade(plan, deferrable=True), run, {"task_state_store": Store()})
    assert max(len(json.dumps(row)) for row in result["devices"]) <= 800


class DyingStore(Store):
    """Kills the process that is about to delete the notes of the actions, once."""

    has_killed = False

    def delete(self, key: str) -> None:
        if key == "vmanage_device_action" and not self.has_killed:
            self.has_killed = True
            raise SystemExit
        super().delete(key)


@pytest.mark.slow
def test_only_a_cleared_task_forgets_an_upgrade_that_has_ended(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    """Killed at its end, and run again: as a retry, which ends likewise, and cleared, which reads the devices again."""
    ti = FakeXCom()
    ti.max_tries = 2
    context = {"task_state_store": DyingStore(), "ti": ti}
    with pytest.raises(SystemExit):
        run(upgrade(plan), context)
    assert run(upgrade(plan), context)["counts"] == {"upgraded": 4}
    ti.max_tries = 4
    assert run(upgrade(plan), context)["counts"] == {"unchanged": 4}


@pytest.mark.slow
def test_failure_leaves_rows_and_a_page_behind(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    vm.behave("edge-1", loses_colour=COLOUR)
    ti = FakeXCom()
    task = upgrade(plan, rollback=True, report=f"{tmp_path}/report.html", deferrable=True)
    with pytest.raises(VManageFailException, match=r"edge-1: .*colour worse"):
        follow(task, run, {"ti": ti})
    done = ti.pushed["done"]
    assert done["counts"] == {"rolled_back": 1, "skipped": 3}
    assert done["stopped_because"] == "failures"
    assert "edge-1" in done["markdown"]
    assert "colour" in (tmp_path / "report.html").read_text()


def test_check_mode_sends_nothing(vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]) -> None:
    result = run(upgrade(plan, check_mode="true"))
    assert (result["counts"], result["applied"]) == ({"upgraded": 4}, False)
    assert vm.actions == []


@pytest.mark.slow
@pytest.mark.parametrize("store", [True, False], ids=["with a store", "without"])
def test_cleared_task_goes_on_where_it_was(
    store: bool, vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    context = {"task_state_store": Store()} if store else {}
    with pytest.raises(TaskDeferred):
        run(upgrade(plan, deferrable=True), context)
    result = follow(upgrade(plan, deferrable=True), run, context)
    assert result["counts"] == {"upgraded": 4}
    assert set(posts(vm).values()) == {1}


def test_unreachable_device_that_a_note_names_is_waited_for(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    """The first try was killed after it had sent the installation, and the manager's task has ended since."""
    context = {"task_state_store": Store()}
    with pytest.raises(TaskDeferred) as first:
        run(upgrade(plan, deferrable=True), context)
    asyncio.run(first_event(first.value.trigger))
    edge = next(one for one in vm.devices if one["host-name"] == "edge-1")
    edge["reachability"] = "unreachable"
    with pytest.raises(TaskDeferred) as second:
        run(upgrade(plan, deferrable=True), context)
    assert second.value.trigger.process_ids == first.value.trigger.process_ids
    assert set(posts(vm).values()) == {1}


def test_task_that_is_not_reported_on_is_not_polled_again(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    task = upgrade(plan, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    trigger = deferred.value.trigger
    (process_id,) = trigger.process_ids
    vm.faults.add("forbidden", path=f"device/action/status/{process_id}", times=1000)
    event = asyncio.run(first_event(trigger))
    before = len(vm.requests)
    with pytest.raises(TaskDeferred):
        task.execute_complete({}, event)
    assert not [one.path for one in vm.requests[before:] if one.path.endswith(process_id)]


@pytest.mark.slow
def test_wait_without_a_reading_leaves_devices_time_to_settle(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    """What a new triggerer sends at once where the wait's deadline has passed, while a device is not yet as before."""
    task, planned = upgrade(plan, deferrable=True, rollback=True, timeout=600.0), parse_plan(plan)
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    while not isinstance(trigger := deferred.value.trigger, DeviceHealthTrigger):
        event = asyncio.run(first_event(trigger))
        with pytest.raises(TaskDeferred) as deferred:
            task.execute_complete({}, event)
    state = replace(unpack(trigger.payload["state"], planned), until=time.time() - 60.0, good_since={})
    late = {**timed_out("Timed out"), "payload": {"state": pack(state, planned)}}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute_complete({}, late)
    assert isinstance(deferred.value.trigger, DeviceHealthTrigger)
    assert deferred.value.trigger.deadline > time.time()


@pytest.mark.slow
def test_rows_go_to_a_file(vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path) -> None:
    result = run(upgrade(plan, output=f"{tmp_path}/rows.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert (len(rows), result["devices"], result["counts"]) == (4, [], {"upgraded": 4})
    assert {row["action"] for row in rows} == {"upgraded"}


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_rows_that_cannot_be_written_change_no_outcome(
    fails: bool, vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").symlink_to("/dev/full")
    vm.behave("edge-1", fails_at="activation" if fails else None)
    ti = TaskInstance()
    task = upgrade(plan, output=f"{tmp_path}/rows.jsonl")
    with pytest.raises(VManageFailException, match="1 of 4 devices failed") if fails else nullcontext():
        ti.pushed["done"] = run(task, {"ti": ti})
    result = ti.pushed["done"]
    assert result["counts"] == ({"failed": 1, "skipped": 3} if fails else {"upgraded": 4})
    assert (len(result["devices"]), "output" in result) == (4, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"plan": {}}, "give the whole result of PlanUpgradeOperator"),
        ({"plan": "soon"}, "plan is text that is neither JSON"),
        ({"plan": {"waves": [None]}}, "give the whole result of PlanUpgradeOperator"),
        ({"plan": {"waves": [], "baseline": {"C8K-1": {"mood": "good"}}}}, "give the whole result"),
        ({"plan": {"waves": [], "blocked": 3}}, "give the whole result"),
        ({"max_failures": "many"}, "max_failures is 'many'"),
        ({"max_failures": "101%"}, "max_failures is '101%'"),
        ({"not_after": "2026-01-31T22:00:00"}, "has no time zone"),
        ({"checks": ["weather"]}, "checks is"),
        ({"wave_minutes": -1}, "wave_minutes is -1"),
        ({"pause": -1}, "pause is -1"),
        ({"rollback": "perhaps"}, "rollback"),
        ({"report": "/nowhere/at/all.html"}, "report '/nowhere/at/all.html' is in a folder that does not exist"),
        ({"output": "rows.txt"}, "ends in '.txt'"),
    ],
)
def test_bad_input_names_the_field_and_sends_nothing(
    arguments: dict[str, Any], words: str, vm: Simulator, plan: dict[str, Any], run: Callable[..., Any]
) -> None:
    before = len(vm.requests)
    with pytest.raises(VManageFailException, match=words):
        run(upgrade(**{"plan": plan, **arguments}))
    assert len(vm.requests) == before


@pytest.mark.slow
def test_folder_that_is_gone_ends_no_upgrade(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    """The worker that resumes the task is another one, or has lost its mount."""
    folder = tmp_path / "reports"
    folder.mkdir()
    options = {"deferrable": True, "report": f"{folder}/report.html", "output": f"{folder}/rows.jsonl"}
    with pytest.raises(TaskDeferred) as deferred:
        run(upgrade(plan, **options))
    rmtree(folder)
    event = asyncio.run(first_event(deferred.value.trigger))
    result = follow(upgrade(plan, **options), lambda task, context: task.execute_complete(context, event))
    assert (result["counts"], len(result["devices"])) == ({"upgraded": 4}, 4)
    with pytest.raises(VManageFailException, match=r"report .* is in a folder that does not exist"):
        run(upgrade(plan, **options))


@pytest.mark.slow
def test_page_stays_as_the_kill_has_written_it(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    task = upgrade(plan, report=str(page), stable_for=60.0, settle_timeout=60.0)
    before = signal.signal(signal.SIGUSR1, lambda *_: task.on_kill())  # as the task runner does with SIGTERM
    kill = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR1))
    kill.start()
    try:
        with pytest.raises(VManageCancelledError):
            run(task)
    finally:
        kill.join()
        signal.signal(signal.SIGUSR1, before)
    assert "killed" in page.read_text()


def test_kill_writes_a_page_that_says_so(
    vm: Simulator, plan: dict[str, Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    task = upgrade(plan, deferrable=True, report=f"{tmp_path}/report.html")
    with pytest.raises(TaskDeferred):
        run(task)
    task.on_kill()
    assert "killed" in (tmp_path / "report.html").read_text()
