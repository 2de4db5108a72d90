"""The maintenance window in real Airflow: planned, approved or rejected by a person, applied: ``make test-live``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(590)]

DAG = "maintenance_window"
USED, UNUSED, NEW = (f"vmanage-20.{number}.1-x86_64.tar.gz" for number in (9, 10, 12))


@pytest.fixture
def vm() -> Iterator[Simulator]:
    with Simulator() as manager:
        manager.add_image(USED, version="20.9.1")
        manager.add_image(UNUSED, version="20.10.1")
        manager.add_device("edge-1", version="20.9.1")
        yield manager


@pytest.fixture
def airflow(vm: Simulator, tmp_path: Path) -> Iterator[Standalone]:
    connection = connection_to(vm)
    dags = tmp_path / "dags"
    dags.mkdir()
    example = Path(__file__).parents[2] / "example_dags" / f"{DAG}.py"
    (dags / example.name).write_text(example.read_text())
    home = tmp_path / "airflow"
    home.mkdir()
    with Standalone(home, {"vmanage_default": connection}, dags) as running:
        yield running


def choose(airflow: Standalone, run: str, option: str) -> str:
    """Choose an option as a person does, and return what the person was shown."""
    path = f"dags/{DAG}/dagRuns/{run}/taskInstances/approve"

    def asked() -> Any:
        return airflow.task(DAG, run, "approve")["state"] in ("deferred", "awaiting_input")

    airflow.wait(asked, 180, "request for approval")
    airflow.wait_paused(DAG, run, "approve")
    shown = airflow.call("GET", f"{path}/-1/hitlDetails")
    airflow.call("PATCH", f"{path}/-1/hitlDetails", {"chosen_options": [option], "params_input": {}})
    return str(shown["body"])


def ended(airflow: Standalone, run: str) -> dict[str, str]:
    def over() -> bool:
        return airflow.call("GET", f"dags/{DAG}/dagRuns/{run}")["state"] in ("success", "failed")

    airflow.wait(over, 240, "the end of the run")
    tasks = airflow.call("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


def test_rejected_plan_changes_nothing_and_an_approved_one_is_applied(
    airflow: Standalone, vm: Simulator, tmp_path: Path
) -> None:
    image = tmp_path / NEW
    image.write_bytes(b"an image" * 1000)

    rejected = airflow.start_run(DAG, image=str(image), exact=True)
    choose(airflow, rejected, "Reject")
    assert ended(airflow, rejected)["apply"] == "skipped"
    assert sorted(one.file_name for one in vm.images) == [UNUSED, USED]

    approved = airflow.start_run(DAG, image=str(image), exact=True)
    shown = choose(airflow, approved, "Approve")
    states = ended(airflow, approved)
    assert states == dict.fromkeys(states, "success")
    assert sorted(one.file_name for one in vm.images) == [NEW, USED]
    for name in (NEW, UNUSED, USED):
        assert name in shown
    assert {row["file_name"] for row in airflow.result(DAG, approved, "report")} == {NEW, USED}
    assert vm.counters.open_sessions == 0
