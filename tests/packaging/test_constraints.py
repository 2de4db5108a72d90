"""constraints.txt pins what the package, its extras and constraints.in need, on every Python."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
EXTRAS = metadata.metadata("airflow-provider-vmanage").get_all("Provides-Extra") or []


def requirements_of(file: str) -> list[Requirement]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_is_pinned_once_by_a_fitting_version(python: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.14", "extra": ""}
    pins: dict[str, list[str]] = {}
    for pin in requirements_of("constraints.txt"):
        if pin.marker is None or pin.marker.evaluate(environment):
            pins.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))

    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}

    asked = requirements_of("constraints.in")
    for text in metadata.requires("airflow-provider-vmanage") or []:
        requirement = Requirement(text)
        if requirement.marker is None or any(
            requirement.marker.evaluate({**environment, "extra": extra}) for extra in ["", *EXTRAS]
        ):
            asked.append(requirement)
    for requirement in asked:
        (version,) = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"
