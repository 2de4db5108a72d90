"""Every example DAG ends well with the images, managers and connections of ``make up``."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scripts import up
from scripts.simulated import MEGABYTE, ROOT, image_name

EXAMPLES = {file.stem for file in (ROOT / "example_dags").glob("*.py")}

#: what a person chooses in the form, where a DAG is not run just as it is
CHOSEN: list[tuple[str, dict[str, Any]]] = [
    ("copy_images", {}),
    ("upgrade_prep", {}),
    ("fleet_upload", {"managers": [*up.MANAGERS]}),
    ("fleet_upload", {"image": image_name(up.WATCHED)}),
    ("maintenance_window", {}),
    ("inventory_export", {"managers": [*up.MANAGERS]}),
    ("repository_upkeep", {}),
    ("repository_upkeep", {"manager": "vmanage_branch"}),
    ("on_new_image", {}),
    ("activate_devices", {}),
    ("upgrade_devices", {}),
]

#: by task: the actions in its asset events. A plan that changes nothing and a check mode have none.
EVENTS = {
    ("copy_images", "copy"): ["uploaded"],
    ("upgrade_prep", "add_repository"): ["added"],
    ("upgrade_prep", "upload_image"): ["uploaded"],
    ("upgrade_prep", "delete_previous"): ["deleted"],
    ("fleet_upload", "upload"): ["unchanged", "uploaded", "uploaded", "uploaded"],
    ("maintenance_window", "upload"): ["unchanged"],
    ("inventory_export", "export.load"): ["rows"] * 2,
    ("repository_upkeep", "image"): ["added"] * 2,
}

# One Airflow for all of them, since its start is what takes the time. The test approves; no retry is waited for.
RUN = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag
dags = DagBag(sys.argv[1]).dags
for task in (task for dag in dags.values() for task in dag.tasks):
    task.retries = 0
for dag in dags.values():
    dag.deadline = None  # dag.test of Airflow 3.3.2 fails with one
for name, conf in json.loads(sys.argv[2]):
    state = dags[name].test(run_conf=conf, mark_success_pattern="approve").state
    print("ended:", name, state, flush=True)
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """As ``make up`` hands it over, but for the pages: connections in the environment, images that are small."""
    monkeypatch.setattr(up, "IMAGE_SIZE", MEGABYTE)
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
        **up.sample_images(tmp_path),
        **up.window_settings(tmp_path),
    }
    with up.run_managers(tmp_path, [0] * len(up.MANAGERS)) as managers:
        for fields in up.connections(managers, tmp_path):
            name = fields.pop("connection_id")
            del fields["description"]  # which the environment does not take
            settings[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(fields)
        yield {**os.environ, **settings}


def test_first_connection_of_airflows_list_is_a_manager(tmp_path: Path) -> None:
    with up.run_managers(tmp_path, [0] * len(up.MANAGERS)) as managers:
        ids = [one["connection_id"] for one in up.connections(managers, tmp_path)]
    assert sorted(ids)[: len(up.MANAGERS)] == sorted(up.MANAGERS)  # the page sorts by id


@pytest.mark.whole_airflow
@pytest.mark.timeout(1200)  # for each task, dag.test of Airflow 3.1 makes its API again: 5 s and more
def test_every_example_ends_well_in_what_make_up_starts(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    run("-m", "airflow", "db", "migrate")
    conf = [(name, _paths(given, environment, tmp_path)) for name, given in CHOSEN]
    log = run("-c", RUN, environment["AIRFLOW__CORE__DAGS_FOLDER"], json.dumps(conf))

    ended = [line.split()[1:] for line in log.splitlines() if line.startswith("ended:")]
    assert ended == [[name, "success"] for name, _ in CHOSEN], log
    assert {name for name, _ in CHOSEN} == EXAMPLES
    with closing(sqlite3.connect(tmp_path / "inventory.db")) as database:
        for table in ("vmanage_snapshots", "vmanage_images", "vmanage_devices"):
            managers = database.execute(f"SELECT DISTINCT connection FROM {table} ORDER BY 1").fetchall()  # noqa: S608
            assert [name for (name,) in managers] == sorted(up.MANAGERS)
    (report,) = (tmp_path / "reports").iterdir()
    assert "upgrade_devices" in report.read_text()
    assert events_by_task(tmp_path / "airflow" / "airflow.db") == EVENTS


def events_by_task(database: Path) -> dict[tuple[str, str], list[str]]:
    """The actions in the asset events of each task, sorted: mapped tasks run in any order; an image names its file."""
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT source_dag_id, source_task_id, uri, asset_event.extra"
            " FROM asset_event JOIN asset ON asset.id = asset_id ORDER BY asset_event.id"
        ).fetchall()
    actions: dict[tuple[str, str], list[str]] = {}
    for dag_id, task_id, uri, extra in found:
        row = json.loads(extra)
        if row.get("file_name"):
            assert uri.endswith(f"/software/{row['file_name']}")
        actions.setdefault((dag_id, task_id), []).append(row.get("action", "rows"))
    return {task: sorted(done) for task, done in actions.items()}


def _paths(given: dict[str, Any], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    if "image" in given:
        return {**given, "image": f"{environment['VMANAGE_IMAGES']}/{given['image']}"}
    return {**given, "folder": str(folder)}
