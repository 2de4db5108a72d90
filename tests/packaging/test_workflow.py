"""The workflow of GitHub runs every command that a change has to pass, and asks for all of them at its end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
JOBS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]

#: run by people only: what rewrites files of the clone, parts of `make test`, and mutation, which has its own workflow
BY_HAND = {"help", "venv", "lint", "types", "format", "constraints", "clean", "pages", "mutation"}
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)) - BY_HAND


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_each_command_has_a_job(target: str) -> None:
    commands = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    lines = [line.strip() for command in commands for line in command.splitlines()]
    script = f"scripts/try-{target}.sh"
    assert [line for line in lines if line.startswith(script) or f"{line} ".startswith(f"make {target} ")]


def test_the_last_job_asks_for_all_others() -> None:
    assert sorted([*JOBS["all"]["needs"], "all"]) == sorted(JOBS)
