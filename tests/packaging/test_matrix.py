"""README, package metadata, workflow and pins name the same versions as `make test-matrix` runs on."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text(file: str) -> str:
    return ROOT.joinpath(file).read_text(encoding="utf-8")


(CELLS,) = re.findall(r'^CELLS="(.*)"$', text("scripts/test-matrix.sh"), re.MULTILINE)
LINES = sorted({cell.partition("-")[0] for cell in CELLS.split()} - {"lowest"})
PYTHONS = sorted({cell.partition("-")[2] for cell in CELLS.split()}, key=lambda python: int(python.partition(".")[2]))


def pinned_airflow(file: str) -> str:
    (version,) = re.findall(r"^apache-airflow==(\S+)$", text(file), re.MULTILINE)
    return str(version)


def test_readme_names_the_tested_releases_of_airflow() -> None:
    (row,) = re.findall(r"^\| Airflow \|.*$", text("README.md"), re.MULTILINE)
    files = {line: f"constraints-{line}.txt" for line in LINES} | {"3.3": "constraints.txt"}
    tested = [pinned_airflow(files[line]) for line in LINES]
    assert f"tested on {tested[0]}, {tested[1]} and {tested[2]}" in row
    assert [version.rpartition(".")[0] for version in tested] == LINES


def test_readme_and_package_name_the_tested_pythons() -> None:
    assert f"| Python | {PYTHONS[0]} to {PYTHONS[-1]}; 3.14, which" in text("README.md")
    classifiers = metadata.metadata("airflow-provider-vmanage").get_all("Classifier") or []
    assert [python for python in PYTHONS if f"Programming Language :: Python :: {python}" in classifiers] == PYTHONS


def test_corners_are_run() -> None:
    assert {f"{line}-{python}" for line in (LINES[0], LINES[-1]) for python in (PYTHONS[0], PYTHONS[-1])} <= {
        *CELLS.split()
    }


def test_workflow_runs_the_same_cells_and_python_3_14() -> None:
    (cells,) = re.findall(r"cell: \[(.*)\]", text(".github/workflows/ci.yml"))
    assert [cell.strip(' "') for cell in cells.split(",")] == [*CELLS.split(), "3.3-3.14"]
    assert "We have not run the\nsuite on it" in text("docs/requirements.md")


def test_lowest_versions_are_those_of_the_package() -> None:
    assert pinned_airflow("constraints-lowest.txt") == "3.1.5"  # pyproject.toml allows 3.1.4, which was yanked
    pins = text("constraints-lowest.txt")
    for name in ("requests", "tenacity", "apache-airflow-providers-common-compat"):
        (lowest,) = re.findall(rf'"{name}>=([\d.]+)', text("pyproject.toml"))
        assert re.search(rf"^{name}=={re.escape(lowest)}(\.\d+)?$", pins, re.MULTILINE)


def test_cell_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, tmp_path)
    command = ["/bin/sh", str(tmp_path / "scripts/test-matrix.sh"), "3.3-3.13"]  # no .venv there, so no uv
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "failed: 3.3-3.13 (whole output in .tmp/matrix-<cell>.log)\n"
    assert "uv" in (tmp_path / ".tmp/matrix-3.3-3.13.log").read_text(encoding="utf-8")
