"""A worker that is killed in the middle of an upload, under real Airflow: ``make test-live``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

DAG, TASK = "upload_with_retry", "upload"
PACKAGE = "/dataservice/device/action/software/package"


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(storage=tmp_path_factory.mktemp("manager")) as manager:
        yield manager


@pytest.fixture(scope="module")
def airflow(vm: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    connection = connection_to(vm)
    with Standalone(tmp_path_factory.mktemp("airflow"), {"vmanage_default": connection}) as running:
        yield running


def sparse(path: Path, megabytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    return path


def incoming(vm: Simulator) -> int:
    assert vm.storage is not None
    return max((file.stat().st_size for file in Path(vm.storage, "incoming").iterdir()), default=0)


def kill_when(airflow: Standalone, run: str, ready: Callable[[], Any], what: str) -> None:
    airflow.wait(ready, 90, what)
    pid = airflow.task(DAG, run, TASK)["pid"]
    os.kill(pid, signal.SIGKILL)


def finished(airflow: Standalone, run: str) -> dict[str, Any]:
    def over() -> Any:
        task = airflow.task(DAG, run, TASK)
        return task if task["state"] in ("success", "failed") else None

    task: dict[str, Any] = airflow.wait(over, 180, "end of the task")
    return task


def test_retry_of_a_killed_upload_uploads_one_image(vm: Simulator, airflow: Standalone, tmp_path: Path) -> None:
    image = sparse(tmp_path / "vmanage-20.12.5-x86_64.tar.gz", 3000)

    run = airflow.start_run(DAG, image=str(image))
    kill_when(airflow, run, lambda: incoming(vm) > 50_000_000, "upload under way")
    task = finished(airflow, run)

    assert (task["state"], task["try_number"]) == ("success", 2)
    assert airflow.result(DAG, run, TASK)["action"] == "uploaded"
    assert [(one.file_name, one.size) for one in vm.images] == [(image.name, 3_000_000_000)]
    assert incoming(vm) == 0


def test_worker_killed_after_the_last_byte_uploads_once(vm: Simulator, airflow: Standalone, tmp_path: Path) -> None:
    image = sparse(tmp_path / "vmanage-20.12.6-x86_64.tar.gz", 10)
    vm.faults.add("slow", delay=15, path=PACKAGE, method="POST")
    sent = len([one for one in vm.requests if one.path == PACKAGE])

    run = airflow.start_run(DAG, image=str(image))
    kill_when(airflow, run, lambda: _all_bytes_noted(airflow, run), "note that all bytes are sent")
    task = finished(airflow, run)

    assert (task["state"], task["try_number"]) == ("success", 2)
    assert airflow.result(DAG, run, TASK)["action"] == "uploaded"
    assert len([one for one in vm.requests if one.path == PACKAGE]) == sent + 1
    assert [one.size for one in vm.images if one.file_name == image.name] == [10_000_000]


def _all_bytes_noted(airflow: Standalone, run: str) -> bool:
    logs = (
        airflow.call("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances/{TASK}/logs/1") if _started(airflow, run) else ""
    )
    return "waiting for the manager" in str(logs)


def _started(airflow: Standalone, run: str) -> bool:
    return airflow.task(DAG, run, TASK)["state"] == "running"
