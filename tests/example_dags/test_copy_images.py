"""The copy DAG moves images from one manager to another and archives them, and a rerun sends nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["c8000v-universalk9.20.12.4.bin", "vmanage-20.12.4-x86_64.tar.gz"]


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_images_of_one_version_are_copied_and_archived(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    with Simulator() as vm, Simulator() as other:
        for name in (*NAMES, "vmanage-20.9.4-x86_64.tar.gz"):
            vm.add_image(name, name.encode())
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        for conn_id, manager in (("FIRST", vm), ("SECOND", other)):
            fields = {"host": manager.url, "login": manager.username, "password": manager.password}
            connection = {"conn_type": "vmanage", **fields, "extra": {"ca_bundle": manager.ca_bundle}}
            environment[f"AIRFLOW_CONN_{conn_id}"] = json.dumps(connection)
        conf = {"from": "first", "to": "second", "version": "20.12.4", "folder": str(archive)}

        def airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "airflow", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        assert airflow("db", "migrate").returncode == 0
        for uploads in (2, 2):  # a rerun sends nothing
            ended = airflow("dags", "test", "copy_images", "--conf", json.dumps(conf))
            log = ended.stdout + ended.stderr
            assert ended.returncode == 0, log
            assert sum(one.path.endswith("/package") for one in other.requests) == uploads
        assert sorted(image.file_name for image in other.images) == NAMES
        assert (vm.counters.open_sessions, other.counters.open_sessions) == (0, 0)
    assert {path.name: path.read_bytes() for path in archive.iterdir()} == {name: name.encode() for name in NAMES}
