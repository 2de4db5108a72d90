"""An activation under real Airflow, its worker or triggerer killed, or cleared after a failure: ``make test-live``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

TASK, OLD, NEW = "activate", "20.9.4", "20.12.5"


@pytest.fixture(scope="module")
def vm() -> Iterator[Simulator]:
    """A manager whose activations take about 30 seconds."""
    with Simulator(seconds_per_minute=3) as manager:
        yield manager


@pytest.fixture(scope="module")
def airflow(vm: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with Standalone(tmp_path_factory.mktemp("airflow"), {"vmanage_default": connection_to(vm)}) as running:
        yield running


def sent(vm: Simulator, device: dict[str, Any]) -> list[str]:
    return [one.action for one in vm.actions if one.device == device["uuid"]]


def finished(airflow: Standalone, dag: str, run: str) -> dict[str, Any]:
    def over() -> Any:
        task = airflow.task(dag, run, TASK)
        return task if task["state"] in ("success", "failed") else None

    task: dict[str, Any] = airflow.wait(over, 240, "end of the task")
    return task


def test_killed_worker_costs_no_second_activation(vm: Simulator, airflow: Standalone) -> None:
    device = vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
    run = airflow.start_run("activate_held", device="edge-1")
    airflow.wait(lambda: sent(vm, device), 90, "the activation")
    os.kill(airflow.task("activate_held", run, TASK)["pid"], signal.SIGKILL)
    task = finished(airflow, "activate_held", run)
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert airflow.result("activate_held", run, TASK)["counts"] == {"activated": 1}
    assert sent(vm, device) == ["changepartition"]
    assert device["version"] == NEW


def test_killed_triggerer_costs_no_second_activation(vm: Simulator, airflow: Standalone) -> None:
    device = vm.add_device("edge-2", "vedge", OLD, availableVersions=[NEW])
    run = airflow.start_run("activate_deferred", device="edge-2")
    airflow.wait(lambda: airflow.task("activate_deferred", run, TASK)["state"] == "deferred", 90, "the deferral")
    airflow.kill("triggerer")
    airflow.start("triggerer")
    task = finished(airflow, "activate_deferred", run)
    assert (task["state"], task["try_number"]) == ("success", 1)
    assert airflow.result("activate_deferred", run, TASK)["counts"] == {"activated": 1}
    assert sent(vm, device) == ["changepartition"]
    assert device["version"] == NEW


def test_failed_activation_is_sent_again_only_once_cleared(vm: Simulator, airflow: Standalone) -> None:
    device = vm.add_device("edge-3", "vedge", OLD, availableVersions=[NEW])
    vm.behave("edge-3", fails_at="activation")
    run = airflow.start_run("activate_deferred", device="edge-3")
    assert finished(airflow, "activate_deferred", run)["state"] == "failed"
    assert sent(vm, device) == ["changepartition"]

    vm.behave("edge-3", fails_at=None)
    clear = {"dry_run": False, "dag_run_id": run, "task_ids": [TASK], "only_failed": True}
    airflow.call("POST", "dags/activate_deferred/clearTaskInstances", clear)
    assert finished(airflow, "activate_deferred", run)["state"] == "success"
    assert sent(vm, device) == ["changepartition"] * 2
    assert device["version"] == NEW
