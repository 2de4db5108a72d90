"""Sensors for devices: poked and deferred, over TLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_upgrade import ActivateSoftwareOperator
from airflow_provider_vmanage.sensors.software_upgrade import DeviceTaskSensor, DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.waiting.events import succeeded
from tests.triggers.event_loop import first_event

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"

# [START device_task]
await_reboot = DeviceTaskSensor(
    task_id="await_reboot",
    process_id="{{ dag_run.conf['process_id'] }}",  # started by someone else
    deferrable=True,
    poke_interval=30,
)
# [END device_task]


@pytest.fixture
def edge(vm: Simulator, connect: Callable[..., None]) -> dict[str, Any]:
    connect(vm)
    return vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])


@pytest.fixture
def process_id(vm: Simulator, edge: dict[str, Any], run: Callable[..., Any]) -> str:
    """A running activation of the edge."""
    task = ActivateSoftwareOperator(task_id="t", devices=["edge-1"], version=NEW, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    return str(deferred.value.trigger.process_ids[0])


def follow(task: Any, run: Callable[..., Any]) -> Any:
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    trigger = deferred.value.trigger
    arguments = json.loads(json.dumps(trigger.serialize()[1]))
    return task.execute_complete({}, asyncio.run(first_event(type(trigger)(**arguments))))


@pytest.mark.parametrize(("state", "version"), [("running", OLD), ("default", OLD), ("available", NEW)])
def test_version_that_is_there_returns_the_rows(
    state: str, version: str, edge: dict[str, Any], run: Callable[..., Any]
) -> None:
    (row,) = run(DeviceVersionSensor(task_id="t", devices=["edge-1"], version=version, state=state))
    assert (row["device"], row["running"], row["available"]) == ("edge-1", OLD, [NEW])


@pytest.mark.parametrize("deferrable", [True, False])
def test_version_is_waited_for(
    deferrable: bool, vm: Simulator, edge: dict[str, Any], process_id: str, run: Callable[..., Any]
) -> None:
    task = DeviceTaskSensor(task_id="task", process_id=f" {process_id}\n", deferrable=deferrable, poke_interval=0.05)
    (row,) = follow(task, run) if deferrable else run(task)
    assert (row["device_id"], row["succeeded"]) == (edge["uuid"], True)
    assert run(DeviceVersionSensor(task_id="t", devices=["edge-1"], version=NEW))[0]["running"] == NEW
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(("timeout", "error"), [(7200.0, TaskDeferred), (0.0, AirflowSensorTimeout)])
def test_device_that_is_lost_after_the_event_is_waited_for(
    timeout: float, error: type[Exception], edge: dict[str, Any], process_id: str, run: Callable[..., Any]
) -> None:
    task = DeviceVersionSensor(
        task_id="t", devices=["edge-1"], version=NEW, deferrable=True, poke_interval=0.05, timeout=timeout
    )
    with pytest.raises(TaskDeferred) as deferred:
        run(task)
    event = {**succeeded(), "payload": deferred.value.trigger.payload}
    edge["reachability"] = "unreachable"
    with pytest.raises(error):
        task.execute_complete({}, event)


def test_version_that_does_not_come_times_out(edge: dict[str, Any], run: Callable[..., Any]) -> None:
    task = DeviceVersionSensor(
        task_id="t", devices=["edge-1"], version=NEW, deferrable=True, poke_interval=0.05, timeout=0.3
    )
    with pytest.raises(AirflowSensorTimeout, match=rf"version {NEW} \(running\): not yet on 1 of 1 devices: edge-1"):
        follow(task, run)


def test_wait_for_a_thousand_devices_fits_into_every_database(vm: Simulator, connect: Any, run: Any) -> None:
    """MySQL takes 64 KiB of a trigger's arguments, and encryption makes them a third longer."""
    connect(vm)
    names = [f"branch-office-{number}-router-1" for number in range(1000)]
    for name in names:
        vm.add_device(name, "vedge", OLD, uuid=f"C8K-{uuid4()}")
    with pytest.raises(TaskDeferred) as deferred:
        run(DeviceVersionSensor(task_id="t", devices=names, version=NEW, deferrable=True))
    stored = Trigger.encrypt_kwargs(deferred.value.trigger.serialize()[1])
    assert len(stored) * 4 / 3 < 64 * 1024


def test_unreachable_device_does_not_count(edge: dict[str, Any], run: Callable[..., Any]) -> None:
    edge["reachability"] = "unreachable"
    with pytest.raises(AirflowSensorTimeout):
        run(DeviceVersionSensor(task_id="t", devices=["edge-1"], version=OLD, timeout=0, poke_interval=0.01))


@pytest.mark.parametrize("deferrable", [True, False])
def test_task_that_failed_fails(deferrable: bool, vm: Simulator, process_id: str, run: Callable[..., Any]) -> None:
    vm.behave("edge-1", fails_at="activation")
    task = DeviceTaskSensor(task_id="t", process_id=process_id, deferrable=deferrable, poke_interval=0.05)
    with pytest.raises(VManageFailException, match=r"has failed on 1 of 1 devices: .*'Failure'"):
        follow(task, run) if deferrable else run(task)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (DeviceVersionSensor(task_id="t", devices=["ghost"], version=NEW), "ghost not found"),
        (DeviceVersionSensor(task_id="t", devices=["edge-1"]), "version is missing"),
        (DeviceVersionSensor(task_id="t", devices=["edge-1"], version=[NEW, OLD]), "give one, since only a removal"),  # type: ignore[arg-type]
        (DeviceVersionSensor(task_id="t", devices=["edge-1"], version=NEW, state="on"), "state is 'on'"),
        (DeviceTaskSensor(task_id="t", process_id=" "), "process_id is ' '"),
        (DeviceTaskSensor(task_id="t", process_id="change_partition-no"), "No task with id"),
    ],
)
def test_bad_input_fails_at_once(task: Any, words: str, edge: dict[str, Any], run: Callable[..., Any]) -> None:
    with pytest.raises(VManageFailException, match=words):
        run(task)


def test_id_of_a_task_is_templated() -> None:
    assert set(await_reboot.template_fields) == {"process_id", "vmanage_conn_id"}
