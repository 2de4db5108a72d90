"""The upkeep DAG: remote server, its image, and what is old, in real Airflow against a simulated manager."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "vmanage-20.18.2-x86_64.tar.gz"
OLD = [f"vmanage-20.12.{number}-x86_64.tar.gz" for number in (1, 2, 3)]
LONG_AGO = 1_600_000_000_000  # ms: in 2020


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_upkeep_adds_server_and_image_and_deletes_on_request(tmp_path: Path, connect: Callable[..., None]) -> None:
    home = tmp_path / "home"
    with Simulator(version="20.18.2") as vm:
        connect(vm)
        for name in OLD:
            vm.add_image(name, updated_on=LONG_AGO)
        server = {"conn_type": "ssh", "host": "images.example.com", "login": "sdwan", "password": "a password"}
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW_CONN_VMANAGE_IMAGE_SERVER": json.dumps(server),
        }

        def airflow(*arguments: str) -> str:
            command = [sys.executable, "-m", "airflow", *arguments]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            return ended.stdout + ended.stderr

        def rows() -> dict[str, Any]:
            with closing(sqlite3.connect(home / "airflow.db")) as database:
                found = database.execute(
                    "SELECT task_id, value FROM xcom WHERE key = 'return_value' ORDER BY timestamp"
                )
                return {task: json.loads(value) for task, value in found}

        airflow("db", "migrate")
        log = airflow("dags", "test", "repository_upkeep", "2026-01-01")
        first = rows()
        assert [first[task]["action"] for task in ("server", "image", "prune")] == ["added", "added", "deleted"], log
        assert first["prune"]["applied"] is False
        (known,) = vm.remote_servers
        assert (known["remoteServerUrl"], known["remoteServerUser"]) == ("images.example.com", "sdwan")
        assert sorted(image.file_name for image in vm.images) == sorted([*OLD, IMAGE])
        assert "a password" not in log

        airflow("dags", "test", "repository_upkeep", "2026-01-02", "--conf", '{"delete": true}')
        second = rows()
        assert [second[task]["action"] for task in ("server", "image", "prune")] == [
            "unchanged",
            "unchanged",
            "deleted",
        ]
        assert sorted(image.file_name for image in vm.images) == sorted([*OLD[1:], IMAGE])
