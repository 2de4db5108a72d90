"""Rules of the tree that no linter knows: who imports whom, what a DAG file pays, how modules are named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "airflow_provider_vmanage"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

AT_PARSE_TIME = ("operators", "sensors", "triggers", "links", "assets", "get_provider_info")
"""The parts that a DAG file, or Airflow at its start, imports."""

TASK_ONLY = ("requests", "urllib3", "tenacity", "starlette", "uvicorn", "trustme", "python_multipart")
"""What only a running task, or only the simulator, may import."""


def part_of(module: str) -> str:
    """The first name below the package: client, hooks, operators, ..."""
    return module.partition(".")[2].partition(".")[0]


def modules_of(*parts: str) -> list[str]:
    return [module for module in MODULES if part_of(module) in parts]


def imports_of(module: str) -> Iterator[str]:
    """Every module that the source names in an import, wherever it stands, those for type checkers too."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_from_elsewhere(module: str) -> list[str]:
    """What the module imports of Airflow or of another part of the package than its own."""
    own = (f"{PACKAGE.name}.{part_of(module)}", f"{PACKAGE.name}.__version__")
    return [name for name in imports_of(module) if is_in(name, "airflow", PACKAGE.name) and not is_in(name, *own)]


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@cache
def loaded_after(code: str) -> frozenset[str]:
    """The modules that a fresh interpreter holds after this code."""
    code += "\nimport json, sys; print('loaded:' + json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return frozenset(json.loads(ended.stdout.rpartition("loaded:")[2]))


@pytest.mark.parametrize("module", modules_of("client"))
def test_the_client_names_no_airflow_and_no_other_part_of_the_package(module: str) -> None:
    assert imports_from_elsewhere(module) == []


def test_importing_the_whole_client_loads_no_airflow() -> None:
    loaded = loaded_after("\n".join(f"import {module}" for module in modules_of("client")))
    assert f"{PACKAGE.name}.client" in loaded
    assert [name for name in loaded if is_in(name, "airflow")] == []


def test_importing_the_whole_client_leaves_the_warning_filters_alone() -> None:
    imports = "\n".join(f"import {module}" for module in modules_of("client"))
    # Their libraries may add filters of their own: these are loaded before.
    libraries = "import requests, tenacity, warnings; before = list(warnings.filters)"
    loaded_after(f"{libraries}\n{imports}\nassert warnings.filters == before, warnings.filters")


@pytest.mark.parametrize("module", modules_of("simulator"))
def test_the_simulator_shares_nothing_with_what_it_tests(module: str) -> None:
    assert imports_from_elsewhere(module) == []


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {*modules_of("client", "simulator")}))
def test_no_http_library_is_used_outside_the_client(module: str) -> None:
    assert [name for name in imports_of(module) if is_in(name, "requests", "urllib3", "http.client")] == []


@pytest.mark.parametrize("part", [part for part in AT_PARSE_TIME if modules_of(part)])
def test_a_dag_file_pays_for_nothing_that_only_a_task_needs(part: str) -> None:
    with_part = loaded_after(f"import airflow.sdk, {', '.join(modules_of(part))}")
    assert with_part.issuperset(modules_of(part))
    added = with_part - loaded_after("import airflow.sdk")
    own = [f"{PACKAGE.name}.{name}" for name in ("client.session", "hooks", "simulator")]
    assert [name for name in sorted(added) if is_in(name, *TASK_ONLY, *own)] == []


def test_the_provider_info_imports_nothing() -> None:
    bare = loaded_after("import typing")
    added = loaded_after(f"import {PACKAGE.name}.get_provider_info") - bare
    assert added == {"__future__", PACKAGE.name, f"{PACKAGE.name}.get_provider_info"} - bare


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_named_for_what_it_holds(module: str) -> None:
    names = {name.strip("_") for name in module.split(".")}
    assert names & {"util", "utils", "helper", "helpers", "common", "base", "misc", "core"} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_file_can_be_read_in_one_sitting(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) < 400
