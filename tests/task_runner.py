"""Runs a task as a worker does, with Airflow's own task runner, through every reschedule and deferral to its end.

Only the supervisor is missing: what the supervisor would send is sent here. Triggers run in a real event loop, and
all that Airflow would keep in its database meanwhile goes through its own serialization.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import import_module
from typing import Any
from uuid import uuid4

import structlog
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.datamodels._generated import TIRunContext
from airflow.sdk.execution_time import task_runner

try:
    from airflow.sdk.serde import deserialize, serialize
except ImportError:  # Airflow 3.1
    from airflow.serialization.serialized_objects import BaseSerialization

    deserialize, serialize = BaseSerialization.deserialize, BaseSerialization.serialize

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Supervisor:
    """Responds to what a task asks; keeps the XCom and every message.

    :param since: when the task was rescheduled first.
    """

    def __init__(self) -> None:
        self.since: datetime | None = None
        self.xcom: Any = None
        self.messages: list[Any] = []

    def send(self, msg: Any) -> Any:
        from airflow.sdk.execution_time.comms import TaskRescheduleStartDate

        self.messages.append(msg)
        if type(msg).__name__ == "GetTaskRescheduleStartDate":
            return TaskRescheduleStartDate(start_date=self.since)
        if type(msg).__name__ == "SetXCom" and msg.key == "return_value":
            self.xcom = msg.value
        return None


class Outcome:
    """How a task ended.

    :param state: final state of this try, such as ``success`` or ``up_for_retry``.
    :param xcom: what it returned.
    :param steps: the states on the way, the final one included.
    :param error: what it raised.
    """

    def __init__(self, state: str, xcom: Any, steps: list[str], error: BaseException | None) -> None:
        self.state, self.xcom, self.steps, self.error = state, xcom, steps, error


def run_to_the_end(make_task: Any, log: Any = None) -> Outcome:
    """Run one try of a task.

    :param make_task: returns a new task for each process that Airflow would start for it.
    :param log: what Airflow's task runner itself logs to.
    """
    supervisor, steps = Supervisor(), []
    resume: dict[str, Any] = {}
    while True:
        ended, msg, error = _one_process(make_task(), supervisor, resume, log)
        state = str(getattr(ended, "value", ended))
        steps.append(state)
        if state == "up_for_reschedule":
            supervisor.since = supervisor.since or datetime.now(timezone.utc)
            resume = {"task_reschedule_count": steps.count(state)}
        elif state == "deferred":
            resume = {"next_method": msg.next_method, "next_kwargs": serialize({"event": _fire(msg)})}
        else:
            return Outcome(state, supervisor.xcom, steps, error)


def _one_process(task: BaseOperator, supervisor: Supervisor, resume: dict[str, Any], log: Any) -> tuple[Any, Any, Any]:
    with DAG("a_dag", schedule=None, start_date=START) as dag:
        dag.add_task(task)
    ti = task_runner.RuntimeTaskInstance.model_construct(
        id=uuid4(), task_id=task.task_id, dag_id="a_dag", run_id="a_run", try_number=1, map_index=-1,
        task=task, start_date=datetime.now(timezone.utc), max_tries=1, state="running",
    )  # fmt: skip
    ti._ti_context_from_server = TIRunContext.model_construct(
        dag_run=_dag_run(),
        max_tries=1,
        should_retry=True,
        xcom_keys_to_clear=[],
        **{"task_reschedule_count": 0, **resume},
    )
    with _in_the_place_of_the_supervisor(supervisor):
        return task_runner.run(ti, ti.get_template_context(), log or structlog.get_logger("task"))


def _dag_run() -> Any:
    from airflow.sdk.api.datamodels._generated import DagRun

    return DagRun.model_construct(
        dag_id="a_dag", run_id="a_run", logical_date=START, data_interval_start=START, data_interval_end=START,
        run_after=START, start_date=START, end_date=None, run_type="manual", state="running", conf={},
        consumed_asset_events=[], partition_key=None, partition_date=None,
    )  # fmt: skip


@contextmanager
def _in_the_place_of_the_supervisor(supervisor: Supervisor) -> Iterator[None]:
    had = hasattr(task_runner, "SUPERVISOR_COMMS")
    before = getattr(task_runner, "SUPERVISOR_COMMS", None)
    task_runner.SUPERVISOR_COMMS = supervisor  # type: ignore[assignment]
    try:
        yield
    finally:
        if had:
            task_runner.SUPERVISOR_COMMS = before  # type: ignore[assignment]
        else:
            del task_runner.SUPERVISOR_COMMS


def through_the_database(value: Any) -> Any:
    """What Airflow makes of a value that it stores and reads again."""
    return deserialize(json.loads(json.dumps(serialize(value))))


def _fire(msg: Any) -> Any:
    """Run the trigger as the triggerer does: rebuilt from its row, cleaned up at the end."""
    module, _, name = msg.classpath.rpartition(".")
    arguments = msg.trigger_kwargs
    if "__classname__" in arguments or "__type" in arguments:  # serialized already, from Airflow 3.2 on
        arguments = deserialize(arguments)
    arguments = through_the_database(arguments)
    payload = asyncio.run(_first_event(getattr(import_module(module), name)(**arguments)))
    return through_the_database(payload)


async def _first_event(trigger: Any) -> Any:
    try:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")
    finally:
        await trigger.cleanup()
