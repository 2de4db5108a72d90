"""The test that docs/testing.md shows passes, by the commands of that page, where a reader has saved its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def commands() -> str:
    """The block of the page that ends with the test."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (DOCS / "testing.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = (block for block in blocks if block.endswith("\npytest test_my_dag.py\n"))
    return found


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_documented_test_passes_with_the_documented_commands(tmp_path: Path) -> None:
    shutil.copy(DOCS / "test_my_dag.py", tmp_path)
    (tmp_path / "dags").mkdir()
    shutil.copy(ROOT / "example_dags" / "upgrade_prep.py", tmp_path / "dags")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as in an activated environment
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}

    ended = subprocess.run(
        ["/bin/sh", "-eu", "-c", commands()],
        env={**environment, "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout
