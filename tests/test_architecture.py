"""Rules of the tree that no linter knows: who imports whom, what a DAG file pays, how modules are named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.trace import call_paths

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


MOST_FILES = 20
"""The most modules that a folder holds, ``__init__`` not counted."""

MORE_FILES: dict[str, int] = {}
"""Folders above the limit; a number here may only fall."""

MOST_METHODS = 19
MORE_METHODS: dict[str, int] = {}
"""Classes above the limit; a number here may only fall."""

MOST_LINES = 400
FEWER_LINES = {"airflow_provider_vmanage.hooks.vmanage": 249}

MOST_PRIVATE_NAMES_IN_TESTS = 14

LONGEST_CALL_PATHS = {"poll": (6, 4), "upload": (6, 4), "upload task": (8, 6)}
"""How many functions of the package, in how many files, a public call goes through until ``requests`` sends."""


def part_of(module: str) -> str:
    """The first name below the package: client, hooks, operators, ..."""
    return module.partition(".")[2].partition(".")[0]


def modules_of(*parts: str) -> list[str]:
    return [module for module in MODULES if part_of(module) in parts]


def imports_of(module: str) -> Iterator[str]:
    """Every module that the source names in an import, wherever it stands, those for type checkers too."""
    for node in ast.walk(tree_of(MODULES[module])):
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
def test_client_imports_no_airflow_and_no_other_part(module: str) -> None:
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
def test_simulator_shares_nothing_with_what_it_tests(module: str) -> None:
    assert imports_from_elsewhere(module) == []


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {*modules_of("client", "simulator")}))
def test_no_http_library_is_used_outside_the_client(module: str) -> None:
    assert [name for name in imports_of(module) if is_in(name, "requests", "urllib3", "http.client")] == []


@cache
def loaded_after_airflow_by(*parts: str) -> list[frozenset[str]]:
    """The modules after Airflow alone, and after each part: in forks of one interpreter, for Airflow takes seconds."""
    imports = ["", *(f"import {', '.join(modules_of(part))}" for part in parts)]
    code = f"""
import json, os, sys
import airflow.sdk
for each in {imports!r}:
    if os.fork() == 0:
        exec(each)
        print("loaded:" + json.dumps(sorted(sys.modules)), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, each
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [frozenset(json.loads(line[7:])) for line in ended.stdout.splitlines() if line.startswith("loaded:")]


@pytest.mark.parametrize("part", [part for part in AT_PARSE_TIME if modules_of(part)])
def test_dag_file_pays_for_nothing_that_only_a_task_needs(part: str) -> None:
    parts = tuple(part for part in AT_PARSE_TIME if modules_of(part))
    bare, *after = loaded_after_airflow_by(*parts)
    with_part = after[parts.index(part)]
    assert with_part.issuperset(modules_of(part))
    added = with_part - bare
    own = [f"{PACKAGE.name}.{name}" for name in ("client.session", "hooks", "simulator")]
    assert [name for name in sorted(added) if is_in(name, *TASK_ONLY, *own)] == []


def test_provider_info_imports_nothing() -> None:
    bare = loaded_after("import typing")
    added = loaded_after(f"import {PACKAGE.name}.get_provider_info") - bare
    assert added == {"__future__", PACKAGE.name, f"{PACKAGE.name}.get_provider_info"} - bare


@pytest.mark.parametrize("module", MODULES)
def test_module_is_named_for_what_it_holds(module: str) -> None:
    names = {name.strip("_") for name in module.split(".")}
    assert names & {"util", "utils", "helper", "helpers", "common", "base", "misc", "core"} == set()


@pytest.mark.parametrize("module", MODULES)
def test_file_is_short(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= FEWER_LINES.get(module, MOST_LINES)


def test_folder_holds_few_files() -> None:
    files = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values() if path.name != "__init__.py")
    assert [folder for folder, count in files.items() if count > MORE_FILES.get(folder, MOST_FILES)] == []


def test_class_has_few_methods() -> None:
    methods = {
        node.name: sum(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body)
        for module in MODULES
        for node in ast.walk(tree_of(MODULES[module]))
        if isinstance(node, ast.ClassDef)
    }
    assert [name for name, count in methods.items() if count > MORE_METHODS.get(name, MOST_METHODS)] == []


def test_imports_have_no_circle() -> None:
    """Imports inside functions and those for type checkers count too."""
    imports = {module: own_imports(module) for module in MODULES}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as err:
        pytest.fail(" imports ".join(reversed(err.args[1])))


def own_imports(module: str) -> set[str]:
    """The modules of the package that a module imports, by their own name or by that of something in them."""
    found = {name if name in MODULES else name.rpartition(".")[0] for name in imports_of(module)}
    return found & MODULES.keys() - {module}


def test_tests_reach_few_private_names() -> None:
    found = {path.name: list(private_names_in(path)) for path in (ROOT / "tests").rglob("*.py")}
    assert sum(map(len, found.values())) <= MOST_PRIVATE_NAMES_IN_TESTS, found


def private_names_in(path: Path) -> Iterator[str]:
    """Every use of a private name that the package defines: attribute, import, or text given to ``setattr``."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and is_in(str(node.module), PACKAGE.name):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call):
            names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
        else:
            names = []
        yield from (f"{node.lineno}: {name}" for name in names if name in private_names())


@cache
def private_names() -> frozenset[str]:
    """The private names that the package gives to functions, classes, variables and attributes."""
    names = set()
    for path in MODULES.values():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return frozenset(name for name in names if name.startswith("_") and name.strip("_") and not name.endswith("__"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("recorded_sleeps")
def test_requests_have_short_call_paths(vm: Simulator, connect: Callable[..., None], tmp_path: Path) -> None:
    """`make trace` prints them."""
    connect(vm)
    image = tmp_path / "image.bin"
    image.write_bytes(b"an image")
    paths = call_paths(image)
    assert paths.keys() == LONGEST_CALL_PATHS.keys()
    for name, path in paths.items():
        calls, files = LONGEST_CALL_PATHS[name]
        assert (len(path.calls) <= calls, len(path.files) <= files) == (True, True), path
