"""The fleet DAG serves every manager it can, and names the one that it cannot."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
NAME = "vmanage-20.12.4-x86_64.tar.gz"


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_refusing_manager_stops_no_other_and_is_named(tmp_path: Path) -> None:
    image = tmp_path / NAME
    image.write_bytes(b"an image")
    home = tmp_path / "home"
    with ExitStack() as stack:
        managers = {name: stack.enter_context(Simulator()) for name in ("north", "south", "west")}
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        for name, vm in managers.items():
            password = "wrong" if name == "south" else vm.password
            fields = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": password}
            connection = {**fields, "extra": {"ca_bundle": vm.ca_bundle}}
            environment[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)

        def airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "airflow", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        assert airflow("db", "migrate").returncode == 0
        conf = json.dumps({"managers": list(managers), "image": str(image)})
        ended = airflow("dags", "test", "fleet_upload", "--conf", conf)
        log = ended.stdout + ended.stderr
        held = {name: [one.file_name for one in vm.images] for name, vm in managers.items()}
        logins = managers["south"].counters.logins
    assert held == {"north": [NAME], "south": [], "west": [NAME]}, log
    assert "1 of 3 managers do not have the image: south" in log
    assert logins == 0
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        rows = database.execute("SELECT rendered_map_index FROM task_instance WHERE task_id = 'upload' ORDER BY 1")
        assert [name for (name,) in rows] == ["north", "south", "west"]
