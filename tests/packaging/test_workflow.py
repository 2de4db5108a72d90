"""GitHub's workflows and forms: CI runs every command that a change has to pass, a tag releases its version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_vmanage import __version__

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS: dict[str, dict[str, Any]] = {
    file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in (GITHUB / "workflows").glob("*.yml")
}
JOBS: dict[str, dict[str, Any]] = WORKFLOWS["ci"]["jobs"]
FORMS = sorted(file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config")

#: run by people only: what rewrites files of the clone, parts of `make test`, and mutation, which has its own workflow
BY_HAND = {"help", "venv", "quick", "lint", "types", "format", "constraints", "clean", "pages", "trace", "mutation"}
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)) - BY_HAND


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_each_command_has_a_job(target: str) -> None:
    commands = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    lines = [line.strip() for command in commands for line in command.splitlines()]
    script = f"scripts/try-{target}.sh"
    assert [line for line in lines if line.startswith(script) or f"{line} ".startswith(f"make {target} ")]


def test_last_job_asks_for_all_others() -> None:
    assert sorted([*JOBS["all"]["needs"], "all"]) == sorted(JOBS)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_workflow_may_only_read_and_jobs_are_limited(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert [job for job, what in workflow["jobs"].items() if "timeout-minutes" not in what] == []
    checkouts = [
        step
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_release_is_published_without_a_stored_token() -> None:
    publish = WORKFLOWS["release"]["jobs"]["publish"]
    assert sorted(publish["needs"]) == ["dist", "test"]
    assert publish["permissions"] == {"id-token": "write", "attestations": "write", "contents": "read"}
    (step,) = (one for one in publish["steps"] if one["uses"].startswith("pypa/gh-action-pypi-publish@"))
    assert step["with"] == {"attestations": True}
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("tag", "code"),
    [(f"v{__version__}", 0), (__version__, 1), (f"v{__version__}.1", 1), ("v", 1), ("", 1)],
)
def test_only_the_tag_of_the_present_version_is_released(tag: str, code: int) -> None:
    ended = subprocess.run([str(ROOT / "scripts" / "check-tag.sh"), tag], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert (f"tag '{tag}' is not v{__version__}: change __version__" in ended.stderr) == bool(code)
    steps = [step.get("run") for step in WORKFLOWS["release"]["jobs"]["dist"]["steps"]]
    assert steps.index('scripts/check-tag.sh "$GITHUB_REF_NAME"') < steps.index("make dist")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_form_of_an_issue_names_its_fields_once_each(form: Path) -> None:
    found = yaml.safe_load(form.read_text(encoding="utf-8"))
    ids = [part["id"] for part in found["body"] if part["type"] != "markdown"]
    assert found["name"]
    assert found["description"]
    assert sorted(set(ids)) == sorted(ids)


def test_help_of_make_lists_each_target_under_a_heading() -> None:
    ended = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    shown = ended.stdout.splitlines()
    assert [line for line in shown if line and not line.startswith(" ")] == [
        "Try it",
        "Work on it",
        "Prove it",
        "Release it",
    ]
    assert {line.split()[1] for line in shown if line.startswith("  make ")} == {*TARGETS, *BY_HAND}
