"""Every operator can be mapped: the tasks of docs/expand_operators.py, unmapped as Airflow does it, and run."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_provider_vmanage.get_provider_info import get_provider_info
from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import ROOT, connection_to

if TYPE_CHECKING:
    from airflow.sdk import DAG

FILES = ("vmanage-20.12.4-x86_64.tar.gz", "c8000v-universalk9.17.12.04.SPA.bin")
CHANGES = ("POST", "PUT", "DELETE")


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        found = {name: stack.enter_context(Simulator("20.12.4")) for name in ("vmanage_default", "vmanage_branch")}
        for name, vm in found.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection_to(vm)))
            vm.add_remote_server("image-server", remoteServerUrl="images.example.com")
            for file in FILES:
                vm.add_image(file, file.encode())
            for device in ("branch-1", "branch-2", "branch-3"):
                vm.add_device(device, version="17.09.04a.0.6", availableVersions=["17.12.04.0.6740", "17.06.05.0.8"])
        yield found


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("VMANAGE_IMAGES", str(tmp_path))
    (tmp_path / "copies").mkdir()
    for file in FILES:
        (tmp_path / file).write_bytes(file.encode())
    spec = importlib.util.spec_from_file_location("expand_operators", ROOT / "docs" / "expand_operators.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments_of(task: MappedOperator, recipe: ModuleType, results: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The arguments of each task that Airflow makes of a mapped one."""
    given: Any = task._get_specified_expand_input().value
    if isinstance(given, dict):
        ((argument, values),) = given.items()
        return [{argument: value} for value in values]
    if isinstance(given, list):
        return given
    plans = {"apply": "plan", "upgrade": "plan_upgrade"}[task.task_id]
    made: list[dict[str, Any]] = recipe.with_connection.function(results[plans])
    return made


def test_each_operator_of_the_recipe_runs_mapped_in_check_mode(
    managers: dict[str, Simulator], recipe: ModuleType, run: Callable[..., Any], recorded_sleeps: list[float]
) -> None:
    dag: DAG = recipe.dag
    results: dict[str, list[Any]] = {}
    for task in dag.topological_sort():
        if isinstance(task, MappedOperator) and task.operator_class.__module__.startswith("airflow_provider_vmanage"):
            context = {"ti": SimpleNamespace(xcom_push=lambda **_: None), "run_id": "a_run"}
            results[task.task_id] = [run(task.unmap(given), context) for given in arguments_of(task, recipe, results)]
    assert [len(results[name]) for name in ("images", "upload", "apply", "activate")] == [2, 2, 2, 2]
    rows = [row for of in results.values() for row in of if isinstance(row, dict) and "applied" in row]
    assert {row["applied"] for row in rows} == {False}
    for vm in managers.values():
        sent = [request.path for request in vm.requests if request.method in CHANGES and "log" not in request.path]
        assert [path for path in sent if "j_security" not in path] == []


def test_recipe_maps_every_operator(recipe: ModuleType) -> None:
    modules = [name for one in get_provider_info()["operators"] for name in one["python-modules"]]
    known = {
        name for module in modules for name in importlib.import_module(module).__all__ if name.endswith("Operator")
    }
    assert {task.operator_class.__name__ for task in recipe.dag.tasks if isinstance(task, MappedOperator)} == known
