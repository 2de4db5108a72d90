"""Downloads that cannot succeed, as a person sees them who runs the DAG on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

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
        airflow = AirflowCommand(tmp_path / "home", {"vmanage_default": vm}, dags=dags)
        status, log = airflow.run("dags", "test", "download")
        assert vm.counters.open_sessions == 0
    assert status == 1, log
    for line in ("No image has the file_name 'missing.bin'", "The download of 'cut.bin' broke off after"):
        assert line in log
    assert list(target.iterdir()) == []
