"""The maintenance window of a fleet: its tasks, rendered and run in their order, with the approval given in between."""

from __future__ import annotations

import asyncio
import logging
import runpy
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.standard.operators import hitl

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import add_edge_images
from tests.example_dags.test_notify_chat import Chat, chat  # noqa: F401 - a fixture
from tests.operators.test_software_upgrade import Store
from tests.triggers.event_loop import follow

if TYPE_CHECKING:
    from airflow.sdk import DAG

FOLDER = Path(__file__).resolve().parents[2] / "example_dags"
NEW = "17.12.04.0.6740"
APPROVED = {"responded_by_user": {"id": "7", "name": "n.okafor"}, "chosen_options": ["Approve"]}
BEFORE = ("choose", "anything_to_do", "stage", "plan", "rehearse")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("VMANAGE_MINUTE", "0.02")
    monkeypatch.setenv("VMANAGE_REPORTS", str(tmp_path))
    return runpy.run_path(str(FOLDER / "upgrade_devices.py"))


@pytest.fixture
def dag(example: dict[str, Any]) -> DAG:
    dag: DAG = example["upgrade"].dag
    return dag


@pytest.fixture
def vm(connect: Callable[..., None]) -> Iterator[Simulator]:
    """As ``make up`` has it, and quicker."""
    with Simulator(fleet=24, seconds_per_minute=0.01) as vm:
        add_edge_images(vm)
        connect(vm)
        yield vm


class Run:
    """One run of the DAG: its params, and the results of its tasks."""

    def __init__(self, dag: DAG, run: Callable[..., Any], **params: Any) -> None:
        self.dag, self.run = dag, run
        self.params = {**{name: dag.params[name] for name in dag.params}, **params}
        self.results: dict[str, Any] = {}
        self.pushed: dict[str, Any] = {}
        self.begun = datetime.now(timezone.utc)

    def pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.results.get(task_ids) if key == "return_value" else self.pushed.get(key)

    def context(self, task_id: str) -> dict[str, Any]:
        ti = SimpleNamespace(xcom_pull=self.pull, xcom_push=lambda key, value: self.pushed.update({key: value}))
        ti.dag_id, ti.task_id, ti.run_id, ti.try_number = "upgrade_devices", task_id, "manual__1", 1
        macros = SimpleNamespace(timedelta=timedelta)
        dag_run = SimpleNamespace(run_after=self.begun)
        return {
            "params": self.params,
            "ti": ti,
            "run_id": "manual__1",
            "dag_run": dag_run,
            "macros": macros,
            "task_state_store": Store(),
        }

    def rendered(self, task_id: str) -> Any:
        task = self.dag.task_dict[task_id]
        task.render_template_fields(self.context(task_id))  # type: ignore[arg-type]
        return task

    def work(self, task_id: str) -> Any:
        context = self.context(task_id)
        if task_id == "anything_to_do":
            return self.dag.task_dict[task_id].python_callable(context["ti"])  # type: ignore[attr-defined]
        self.results[task_id] = follow(self.rendered(task_id), self.run, context)
        return self.results[task_id]


def test_approval_stands_between_the_plan_and_every_reboot(dag: DAG) -> None:
    order = [one.task_id for one in dag.topological_sort()]
    assert order == [*BEFORE, "approve", "window", "upgrade"]
    assert all(len(task.upstream_task_ids) == 1 for task in dag.tasks[1:])  # one after the other
    assert (dag.task_dict["upgrade"].retries, dag.task_dict["approve"].retries) == (0, 0)


def test_what_was_approved_is_upgraded_and_a_rerun_changes_nothing(
    dag: DAG, vm: Simulator, run: Callable[..., Any], tmp_path: Path
) -> None:
    night = Run(dag, run)
    assert [night.work(name) for name in BEFORE][1] is True
    staged, planned = night.results["stage"], night.results["plan"]
    assert staged["counts"] == {"installed": len(staged["devices"])}
    assert {row["step"] for wave in planned["waves"] for row in wave} == {"activate"}
    assert {one.action for one in vm.actions} == {"install"}
    assert not any(one["version"].startswith("17.12") for one in vm.devices)  # nothing has rebooted

    body = night.rendered("approve").body
    assert "hq-edge-1" in body
    night.results["approve"] = APPROVED
    result = night.work("upgrade")
    assert result["counts"] == {"upgraded": len(staged["devices"])}
    page = (tmp_path / "manual__1.html").read_text()
    assert "n.okafor" in page
    assert set(Counter((one.action, one.device) for one in vm.actions).values()) == {1}

    again = Run(dag, run)
    again.work("choose")
    assert again.work("anything_to_do") is False


@pytest.mark.usefixtures("vm")
def test_most_devices_is_a_param(dag: DAG, run: Callable[..., Any]) -> None:
    night = Run(dag, run, max_devices=1)
    with pytest.raises(VManageFailException, match="devices would change, but max_devices is 1:"):
        night.work("choose")
    night.results["choose"] = {"waves": [[{"device_id": "x"}]]}
    assert night.rendered("stage").max_devices == 1


def test_failed_wave_is_reported_to_the_chat(
    example: dict[str, Any],
    dag: DAG,
    vm: Simulator,
    run: Callable[..., Any],
    chat: list[Any],  # noqa: F811
) -> None:
    vm.behave("site101-edge-1", loses_colour="biz-internet")
    night = Run(dag, run, chat="chat", sites=["100", "101"], wave_sizes=[3])
    for name in BEFORE:
        night.work(name)
    with pytest.raises(VManageFailException) as failure:
        night.work("upgrade")
    assert [callback.__name__ for callback in dag.task_dict["upgrade"].on_failure_callback] == ["report_to_chat"]  # type: ignore[union-attr]
    example["report_to_chat"]({**night.context("upgrade"), "exception": failure.value})
    (post,) = chat
    assert "site101-edge-1" in post["text"]
    assert "biz-internet" in post["text"]
    assert night.pushed["done"]["counts"] == {"upgraded": 1, "rolled_back": 1, "skipped": 1}


def test_lost_upgrade_is_reported_to_the_chat(
    example: dict[str, Any],
    dag: DAG,
    run: Callable[..., Any],
    chat: list[Any],  # noqa: F811
) -> None:
    example["report_to_chat"](Run(dag, run, chat="chat").context("upgrade"))
    assert [post["text"] for post in chat] == ["upgrade: Airflow lost track of it: see the log of the scheduler"]


@pytest.mark.parametrize(("opens", "least", "most"), [(90, 89, 90), (None, 719, 720), (-5, 0, 0.02)])
def test_request_is_open_until_the_window_opens(
    opens: float | None,
    least: float,
    most: float,
    dag: DAG,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **fields: asked.update(fields))
    moment = None if opens is None else (datetime.now(timezone.utc) + timedelta(minutes=opens)).isoformat()
    night = Run(dag, run, window_opens=moment, approvers=["n.okafor"])
    night.results["plan"] = {"markdown": "the plan"}
    task = night.rendered("approve")
    with pytest.raises(BaseException, match=r".*"):  # it waits: another class for each release
        run(task, {**night.context("approve"), "task_instance": SimpleNamespace(id="1")})
    assert type(task.response_timeout) is timedelta  # Airflow sends no other class
    assert least <= task.response_timeout.total_seconds() / 60 <= most
    assert (asked["defaults"], asked["body"]) == (["Reject"], "the plan")
    assert asked["assigned_users"] == [{"id": "n.okafor", "name": "n.okafor"}]


def test_alert_names_the_run(dag: DAG, caplog: pytest.LogCaptureFixture) -> None:
    (deadline,) = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline]  # type: ignore[attr-defined]
    module, name = deadline.callback.path.rsplit(".", 1)
    alert = runpy.run_path(str(FOLDER / "plugins" / f"{module}.py"))[name]
    with caplog.at_level(logging.WARNING):
        asyncio.run(alert(context={"dag_run": {"dag_run_id": "manual__1", "dag_id": "upgrade_devices"}}))
    assert "run manual__1 of upgrade_devices has not succeeded" in caplog.text
