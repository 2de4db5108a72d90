"""The test that docs/testing.md shows passes, as it stands there, in an Airflow of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
def test_the_test_that_the_page_shows_passes(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
    }

    def run(*module: str) -> str:
        command = [sys.executable, "-m", *module]
        ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    run("airflow", "db", "migrate")
    run("airflow", "dags", "reserialize")
    told = run("pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), str(ROOT / "docs" / "test_my_dag.py"))
    assert "4 passed" in told
