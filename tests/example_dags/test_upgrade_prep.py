"""The DAG of ``make demo``, run by real Airflow against a real (simulated) manager."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
NEW, OLD = "vmanage-20.12.4-x86_64.tar.gz", "vmanage-20.12.3-x86_64.tar.gz"


class Airflow:
    """An Airflow of its own, with a database that is deleted."""

    def __init__(self, home: Path, vm: Simulator) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        self.connect(vm)
        self.run("db", "migrate")

    def connect(self, vm: Simulator) -> None:
        connection = {
            "conn_type": "vmanage",
            "host": vm.url,
            "login": vm.username,
            "password": vm.password,
            "extra": {"ca_bundle": vm.ca_bundle},
        }
        self.environment["AIRFLOW_CONN_VMANAGE_DEFAULT"] = json.dumps(connection)

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def results(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            rows = database.execute("SELECT task_id, value FROM xcom WHERE key = 'return_value' ORDER BY timestamp")
            return {task: json.loads(value) for task, value in rows}


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_demo_dag_prepares_an_upgrade_and_then_changes_nothing(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    image = tmp_path / NEW
    image.write_bytes(content)
    sha512 = hashlib.sha512(content).hexdigest()
    conf = json.dumps({"image": str(image), "checksum": f"sha512:{sha512}"})
    with Simulator(version="20.12.4") as vm:
        vm.add_image(OLD, content=b"the previous image")
        airflow = Airflow(tmp_path / "home", vm)

        log = airflow.run("dags", "test", "upgrade_prep", "--conf", conf)
        first = airflow.results()
        airflow.run("dags", "test", "upgrade_prep", "2026-01-02", "--conf", conf)
        second = airflow.results()
        with Simulator(version="20.18.2") as newer:  # knows remote servers only
            airflow.connect(newer)
            without_url = json.dumps({**json.loads(conf), "repository_url": None})
            airflow.run("dags", "test", "upgrade_prep", "2026-01-03", "--conf", without_url)
            assert [image.file_name for image in newer.images] == [NEW]

        assert [image.file_name for image in vm.images if image.file_name] == [NEW]
        assert [image.sha512 for image in vm.images if image.file_name] == [sha512]
        assert vm.counters.logins == vm.counters.logouts == 10
        assert vm.counters.open_sessions == 0
    actions = ("add_repository", "upload_image", "delete_previous")
    assert [first[task]["action"] for task in actions] == ["added", "uploaded", "deleted"]
    assert [second[task]["action"] for task in actions] == ["unchanged"] * 3
    assert first["wait_for_version"]["version"] == "20.12.4"
    assert [row["file_name"] for row in first["list_images"]] == [None, NEW]
    assert "100 %" in log or "all 3.0 MB sent" in log
