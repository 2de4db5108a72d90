"""The maintenance window: its tasks, rendered and run in their order, with the approval given in between."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_vmanage.simulator import Simulator

if TYPE_CHECKING:
    from airflow.sdk import DAG

FILE = Path(__file__).resolve().parents[2] / "example_dags" / "maintenance_window.py"
NEW, OLD, USED = (f"vmanage-20.12.{n}-x86_64.tar.gz" for n in (4, 3, 2))


@pytest.fixture
def dag() -> DAG:
    spec = importlib.util.spec_from_file_location("maintenance_window_example", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plan.dag


def test_approval_stands_between_the_plan_and_every_change(dag: DAG) -> None:
    order = {name: task.upstream_task_ids for name, task in dag.task_dict.items()}
    assert order["approve"] == {"device_software", "plan", "rehearse_upload"}
    assert getattr(dag.task_dict["approve"], "defaults") == ["Reject"]  # noqa: B009
    assert order["upload"] == {"approve"}
    assert order["wait"] == {"upload"}  # nothing is removed before the new image is listed
    assert order["apply"] == {"wait"}
    assert order["report"] == {"apply"}


@pytest.mark.usefixtures("recorded_sleeps")
def test_what_was_approved_is_what_is_done(
    dag: DAG, vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm)
    for name in (OLD, USED):
        vm.add_image(name)
    vm.add_device("branch-1", version="20.12.2")
    (tmp_path / NEW).write_bytes(b"an image")
    params = {**{name: dag.params[name] for name in dag.params}, "image": str(tmp_path / NEW), "exact": True}
    results: dict[str, Any] = {}
    context = {"params": params, "ti": SimpleNamespace(xcom_pull=results.get, xcom_push=lambda **_: None)}

    def work(name: str) -> Any:
        task = dag.task_dict[name]
        task.render_template_fields(context)  # type: ignore[arg-type]
        results[name] = run(task, context)
        return results[name]

    for name in ("device_software", "plan", "rehearse_upload"):
        work(name)
    assert sorted(one.file_name for one in vm.images) == [USED, OLD]  # nothing has changed yet

    approve = dag.task_dict["approve"]
    approve.render_template_fields(context)  # type: ignore[arg-type]
    body = str(getattr(approve, "body"))  # noqa: B009
    assert f"| add | {NEW} |" in body
    assert "is in use on branch-1" in body

    assert work("upload")["action"] == "uploaded"
    assert getattr(dag.task_dict["wait"], "deferrable")  # noqa: B009
    assert work("wait")["file_name"] == NEW
    row = work("apply")
    assert [one["file_name"] for one in row["removed"]] == [OLD]
    assert sorted(one["file_name"] for one in work("report")) == [USED, NEW]
