"""An upgrade in real Airflow, rejected or approved by a person, and the alert of its window: ``make test-live``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import ROOT, add_edge_images, connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(590)]

DAG = "upgrade_devices"
NEW = "17.12.04.0.6740"
CHOSEN = {"sites": ["100", "101"], "wave_sizes": [1, 2], "approvers": ["admin"]}
EDGES = ("hq-edge-1", "hq-edge-2", "site101-edge-1")


@pytest.fixture
def vm() -> Iterator[Simulator]:
    with Simulator(fleet=24, seconds_per_minute=0.1) as manager:
        add_edge_images(manager)
        yield manager


@pytest.fixture
def airflow(vm: Simulator, tmp_path: Path) -> Iterator[Standalone]:
    """One whose window is over after half a minute, as far as the alert knows."""
    dags, home = tmp_path / "dags", tmp_path / "airflow"
    dags.mkdir()
    home.mkdir()
    example = (ROOT / "example_dags" / f"{DAG}.py").read_text()
    quick = example.replace("interval=timedelta(hours=HOURS)", "interval=timedelta(seconds=30)")
    assert quick != example
    (dags / f"{DAG}.py").write_text(quick)
    settings = {
        "VMANAGE_REPORTS": str(tmp_path),
        "VMANAGE_MINUTE": "10",  # or waits are so short that Airflow may take one for a failure (docs/waits.md)
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "example_dags" / "plugins"),
    }
    with Standalone(home, {"vmanage_default": connection_to(vm)}, dags, settings=settings) as running:
        yield running


def choose(airflow: Standalone, run: str, option: str) -> str:
    """Choose an option as a person does, and return what the person was shown."""
    path = f"dags/{DAG}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"

    def asked() -> Any:
        return airflow.task(DAG, run, "approve")["state"] in ("deferred", "awaiting_input")

    airflow.wait(asked, 240, "request for approval")
    airflow.wait_paused(DAG, run, "approve")
    shown = airflow.call("GET", path)
    airflow.call("PATCH", path, {"chosen_options": [option], "params_input": {}})
    return str(shown["body"])


def ended(airflow: Standalone, run: str) -> dict[str, str]:
    def over() -> bool:
        return airflow.call("GET", f"dags/{DAG}/dagRuns/{run}")["state"] in ("success", "failed")

    airflow.wait(over, 300, "the end of the run")
    tasks = airflow.call("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


def test_rejected_upgrade_reboots_nothing_and_an_approved_one_is_done(
    airflow: Standalone, vm: Simulator, tmp_path: Path
) -> None:
    rejected = airflow.start_run(DAG, **CHOSEN)
    shown = choose(airflow, rejected, "Reject")
    assert all(name in shown for name in EDGES)
    assert ended(airflow, rejected)["upgrade"] == "skipped"
    staged = Counter((one.action, one.device) for one in vm.actions)
    assert len(staged) == len(EDGES)
    assert {action for action, _ in staged} == {"install"}

    approved = airflow.start_run(DAG, **CHOSEN)
    choose(airflow, approved, "Approve")
    states = ended(airflow, approved)
    assert states == dict.fromkeys(states, "success")
    assert airflow.result(DAG, approved, "upgrade")["counts"] == {"upgraded": 3}
    sent = Counter((one.action, one.device) for one in vm.actions)
    assert set(sent.values()) == {1}  # nothing was installed again
    assert len(sent) == 3 * len(EDGES)
    edges = [one for one in vm.devices if one["host-name"] in EDGES]
    assert {(one["version"], one["defaultVersion"]) for one in edges} == {(NEW, NEW)}
    pages = [page.read_text() for page in tmp_path.glob("*.html")]
    assert len(pages) == 2
    assert sum("admin" in page for page in pages) == 1  # who approved
    airflow.wait(
        lambda: f"run {approved} of {DAG} has not succeeded" in airflow.log.read_text(), 60, "the alert of the window"
    )
    assert vm.counters.open_sessions == 0
