"""Operators for actions on devices: what they return, how they wait, what a kill leaves behind."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.client.device_actions import cancellation
from airflow_provider_vmanage.client.device_actions.task_status import MAX_REFUSALS
from airflow_provider_vmanage.client.errors import VManagePartialError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    ListDeviceSoftwareOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
)
from airflow_provider_vmanage.simulator import Simulator
from tests.triggers.event_loop import follow

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"
NAMES = ["edge-1", "edge-2"]


class FakeXCom:
    """The task instance, as far as a failure needs it."""

    max_tries = 0

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value


class Store(dict[str, Any]):
    """A task state store as Airflow 3.3 hands it to a task: JSON values."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)


@pytest.fixture
def edges(vm: Simulator) -> list[dict[str, Any]]:
    return [vm.add_device(name, "vedge", OLD, availableVersions=[NEW]) for name in NAMES]


def sent(vm: Simulator) -> Counter[str]:
    return Counter(one.action for one in vm.actions)


@pytest.mark.slow
def test_whole_upgrade_goes_from_image_to_removal(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    edges = [vm.add_device(name, "vedge", OLD) for name in NAMES]
    installed = run(InstallSoftwareOperator(task_id="t", devices=NAMES, version=IMAGE))
    assert (installed["action"], installed["counts"]) == ("installed", {"installed": 2})
    activated = run(ActivateSoftwareOperator(task_id="t", devices=installed["devices"], version=NEW))
    assert activated["counts"] == {"activated": 2}
    assert {edge["version"] for edge in edges} == {NEW}
    assert {edge["defaultVersion"] for edge in edges} == {OLD}
    assert run(SetDefaultSoftwareOperator(task_id="t", devices=NAMES, version=NEW))["counts"] == {"default_set": 2}
    assert run(RemoveSoftwareOperator(task_id="t", devices=NAMES, version=OLD))["counts"] == {"removed": 2}
    assert sent(vm) == {"install": 2, "changepartition": 2, "defaultpartition": 2, "removepartition": 2}
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(
    "operator", [ActivateSoftwareOperator, SetDefaultSoftwareOperator, RemoveSoftwareOperator, InstallSoftwareOperator]
)
def test_check_mode_sends_nothing_and_says_so(
    operator: Any, vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    if operator is InstallSoftwareOperator:
        for edge in edges:
            edge["availableVersions"] = []
    row = run(operator(task_id="t", devices=NAMES, version=NEW, check_mode="true"))
    assert row["changed"] is True
    assert row["applied"] is False
    assert vm.actions == []


def test_check_mode_waits_for_no_running_task(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    options: dict[str, Any] = {"devices": NAMES, "version": NEW, "deferrable": True}
    with pytest.raises(TaskDeferred):
        run(ActivateSoftwareOperator(task_id="t", **options))
    task = ActivateSoftwareOperator(task_id="t", check_mode=True, **options)
    row = run(task)
    assert (row["counts"], row["applied"]) == ({"activated": 2}, False)
    assert not task.process_ids  # a kill would cancel them


def test_wait_for_many_devices_fits_into_every_database(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    """MySQL takes 64 KiB of a trigger's arguments, and encryption makes them a third longer."""
    connect(vm)
    names = [f"branch-office-{number}-router-1" for number in range(200)]
    for name in names:
        vm.add_device(name, "vedge", OLD, availableVersions=[NEW])
    task = ActivateSoftwareOperator(task_id="t", devices=names, version=NEW, max_devices=200, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    stored = Trigger.encrypt_kwargs(deferred.value.trigger.serialize()[1])
    assert len(stored) * 4 / 3 < 64 * 1024


def test_devices_may_be_rendered_as_text(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    row = run(ActivateSoftwareOperator(task_id="t", devices=json.dumps(NAMES), version=NEW))
    assert row["counts"] == {"activated": 2}


@pytest.mark.parametrize("dump", [json.dumps, repr])
def test_versions_may_be_rendered_as_text(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], dump: Callable[[Any], str]
) -> None:
    connect(vm)
    edge = vm.add_device("edge-9", "vedge", OLD, availableVersions=[NEW, "17.06.05.0.6543"])
    row = run(RemoveSoftwareOperator(task_id="t", devices=["edge-9"], version=dump([NEW, "17.06.05.0.6543"])))
    assert row["counts"] == {"removed": 1}
    assert edge["availableVersions"] == []


def test_failed_device_leaves_the_rows_behind(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.behave("edge-2", fails_at="activation")
    ti = FakeXCom()
    with pytest.raises(VManageFailException, match="edge-2") as caught:
        run(ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW), {"ti": ti})
    assert isinstance(caught.value.error, VManagePartialError)
    assert ti.pushed["done"]["counts"] == {"activated": 1, "failed": 1}


def test_failed_installation_is_left_to_airflows_retry(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    for name in NAMES:
        vm.add_device(name, "vedge", OLD)
    vm.behave("edge-2", fails_at="download")
    task = InstallSoftwareOperator(task_id="t", devices=NAMES, version=IMAGE)
    with pytest.raises(VManagePartialError):
        run(task, {"ti": FakeXCom()})
    vm.behave("edge-2", fails_at=None)
    assert run(task)["counts"] == {"unchanged": 1, "installed": 1}
    assert sorted(Counter(one.device for one in vm.actions).values()) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"devices": []}, "at least one"),
        ({"devices": "edge-1"}, "give a list"),
        ({"devices": ["ghost"]}, "ghost not found"),
        ({"version": None}, "version is missing"),
        ({"version": " "}, "version is ' '"),
        ({"version": "17.15.01.0.1"}, "is not installed on it"),
        ({"timeout": 0}, "timeout is 0"),
        ({"poll_interval": "soon"}, "poll_interval is 'soon'"),
        ({"max_devices": 1}, "max_devices is 1"),
        ({"max_devices": "1"}, "max_devices is 1:"),
        ({"skip_blocked": "perhaps"}, "skip_blocked"),
    ],
)
def test_bad_input_names_the_field_and_sends_nothing(
    arguments: dict[str, Any],
    words: str,
    vm: Simulator,
    edges: list[dict[str, Any]],
    connect: Callable[..., None],
    run: Callable[..., Any],
) -> None:
    connect(vm)
    with pytest.raises(VManageFailException, match=words):
        run(ActivateSoftwareOperator(task_id="t", **{"devices": NAMES, "version": NEW, **arguments}))
    assert vm.actions == []


def test_missing_role_is_named(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.faults.add("status", status=403, body="<html>no</html>", method="POST", path="device/action/changepartition")
    with pytest.raises(VManageFailException, match=r"Software Upgrade \(write\)"):
        run(ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW))


def test_timeout_covers_the_request_and_the_wait(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.faults.add("slow", path="device/action/changepartition", delay=0.3)
    with pytest.raises(VManageFailException, match="the task has given no verdict in time"):
        run(ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW, timeout=0.3, poll_interval=0.01))


# -- deferred ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [True, False], ids=["with a store", "without"])
def test_deferred_activation_ends_as_one_that_holds_its_worker(
    store: bool, vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    context = {"task_state_store": Store()} if store else {}
    task = ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW, deferrable=True, poll_interval=0.05)
    row = follow(task, run, context)
    assert row["counts"] == {"activated": 2}
    assert sent(vm) == {"changepartition": 2}
    assert vm.counters.open_sessions == 0


def test_deferred_wait_that_the_manager_refuses_is_not_repeated(
    connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    with Simulator(seconds_per_minute=0.1) as vm:
        connect(vm)
        for name in NAMES:
            vm.add_device(name, "vedge", OLD, availableVersions=[NEW])
        status = "device/action/status/change_partition"
        vm.faults.add("error_4xx", path=f"{status}-*", times=None)
        task = ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW, deferrable=True, poll_interval=0.05)
        assert follow(task, run, {})["counts"] == {"activated": 2}  # by the versions
        assert sum(status in request.path for request in vm.requests) == MAX_REFUSALS


@pytest.mark.slow
def test_task_that_was_cleared_while_deferred_takes_its_task_over(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    context = {"task_state_store": Store()}
    options: dict[str, Any] = {"devices": NAMES, "version": NEW, "deferrable": True, "poll_interval": 0.05}
    with pytest.raises(TaskDeferred):
        run(ActivateSoftwareOperator(task_id="t", **options), context)
    assert follow(ActivateSoftwareOperator(task_id="t", **options), run, context)["counts"] == {"activated": 2}
    assert sent(vm) == {"changepartition": 2}


def test_file_name_chooses_the_image_to_install(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_image("newest.bin", version="17.15.03.0.176.1", platform_family=("vedge-x86",))
    options: dict[str, Any] = {"devices": NAMES, "version": "17.15.03.0.176", "file_name": "other.bin"}
    with pytest.raises(VManageFailException, match=r"no image of version 17.15.03.0.176 in file other.bin"):
        run(InstallSoftwareOperator(task_id="t", **options))
    assert sent(vm) == {}


def test_rows_of_devices_go_to_a_file(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm)
    result = run(ListDeviceSoftwareOperator(task_id="t", output=f"{tmp_path}/devices.jsonl"))
    lines = (tmp_path / "devices.jsonl").read_text().splitlines()
    assert result["count"] == len(lines) == len(run(ListDeviceSoftwareOperator(task_id="t")))
    before = len(vm.requests)
    with pytest.raises(VManageFailException, match=r"output .*ends in '.txt'"):
        run(ListDeviceSoftwareOperator(task_id="t", output="devices.txt"))
    assert len(vm.requests) == before


def test_kill_names_the_task_that_goes_on(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    connect(vm)
    task = ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW)
    task.process_ids = ["change_partition-1", "change_partition-2"]
    task.on_kill()
    assert "the manager's task goes on (change_partition-1, change_partition-2)" in capsys.readouterr().out
    assert vm.requests == []


def test_kill_cancels_only_if_asked_to(
    vm: Simulator, edges: list[dict[str, Any]], connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    task = ActivateSoftwareOperator(
        task_id="t", devices=NAMES, version=NEW, deferrable=True, cancel_on_kill=True, poll_interval=0.05
    )
    with pytest.raises(TaskDeferred):
        run(task)
    task.on_kill()
    cancelled = [one.path for one in vm.requests if "/status/cancel/" in one.path]
    assert cancelled == [f"/dataservice/device/action/status/cancel/{task.process_ids[0]}"]


def test_silent_manager_does_not_hold_a_kill(
    vm: Simulator, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(vm)
    assert cancellation.CANCEL_TIMEOUT_S < 5  # the supervisor's patience with a task that it has asked to end
    monkeypatch.setattr(cancellation, "CANCEL_TIMEOUT_S", 0.3)
    vm.faults.add("slow", times=None, path="device/action/status/cancel/*", delay=60)
    task = ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW, cancel_on_kill=True)
    task.process_ids = ["change_partition-1"]
    before = time.monotonic()
    task.on_kill()
    assert time.monotonic() - before < 2
    assert "could not be cancelled: The manager has not responded" in capsys.readouterr().out


def test_refused_cancellation_does_not_keep_the_next_from_it(
    vm: Simulator, connect: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    connect(vm)
    task = ActivateSoftwareOperator(task_id="t", devices=NAMES, version=NEW, cancel_on_kill=True)
    task.process_ids = ["unknown-1", "unknown-2"]
    task.on_kill()
    assert [one.path[-9:] for one in vm.requests if "/status/cancel/" in one.path] == ["unknown-1", "unknown-2"]
    assert "No task with id unknown-1" in capsys.readouterr().out
    assert vm.counters.open_sessions == 0
