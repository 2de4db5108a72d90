"""Downloads that cannot succeed, as a person sees them who runs the DAG on a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to

DAG = """
from airflow.sdk import DAG
from airflow_provider_vmanage.operators.software_repository import DownloadImageOperator

with DAG("download"):
    for name in ("missing", "cut"):
        DownloadImageOperator(task_id=name, file_name=name + ".bin", target={target!r}, retries=0)
"""


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_failed_downloads_end_with_status_1_and_leave_nothing(tmp_path: Path) -> None:
    target, dags = tmp_path / "archive", tmp_path / "dags"
    target.mkdir()
    dags.mkdir()
    (dags / "download.py").write_text(DAG.format(target=f"{target}/"))
    with Simulator() as vm:
        vm.add_image("cut.bin", b"x" * 2_000_000)
        vm.faults.add("cut_download", after_bytes=1_000_000, times=None)
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_VMANAGE_DEFAULT": json.dumps(connection_to(vm)),
        }

        def airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "airflow", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        assert airflow("db", "migrate").returncode == 0
        ended = airflow("dags", "test", "download")
        assert vm.counters.open_sessions == 0
    log = ended.stdout + ended.stderr
    assert ended.returncode == 1, log
    for line in ("No image has the file_name 'missing.bin'", "The download of 'cut.bin' broke off after"):
        assert line in log
    assert list(target.iterdir()) == []
