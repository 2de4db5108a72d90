"""Processes of a task on devices: each step in one of its own, some of them killed, as Airflow and a bad night do it.

A step is what Airflow runs in one process: a try of the task, the trigger of its deferral, or the rest of the task
after that. The waits of the client are a tenth as long as in reality, the minutes of the manager's tasks far shorter.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from airflow.sdk.bases.operator import ExecutorSafeguard

from airflow_provider_vmanage.client import software_upgrade
from airflow_provider_vmanage.client.device_actions import sending
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.hooks import vmanage  # noqa: F401 (once here, not in every process)
from airflow_provider_vmanage.operators import software_upgrade as operators
from airflow_provider_vmanage.reports import upgrade_run  # noqa: F401 (the same)
from airflow_provider_vmanage.triggers import upgrade as triggers  # noqa: F401 (the same)
from tests.soak.operations import RETRIES
from tests.soak.process import FORK
from tests.triggers.event_loop import first_event

SCALED = (
    (software_upgrade, "LIST_LAG_S"),
    (software_upgrade, "_VERIFY_INTERVAL_S"),
    (sending, "FIND_TIMEOUT_S"),
    (sending, "_FIND_INTERVAL_S"),
)

KINDS: dict[str, Any] = {
    "install": operators.InstallSoftwareOperator,
    "activate": operators.ActivateSoftwareOperator,
    "default": operators.SetDefaultSoftwareOperator,
    "remove": operators.RemoveSoftwareOperator,
    "plan": operators.PlanUpgradeOperator,
    "upgrade": operators.UpgradeDevicesOperator,
}


class Store:
    """The task state store of one task in a file, which outlives its processes.

    :param kill_at: number of the moment, before or after a change, at which the process is killed; ``None`` for never.
    """

    def __init__(self, path: str, kill_at: int | None) -> None:
        self._path = Path(path)
        self._left = kill_at

    def get(self, key: str, default: Any = None) -> Any:
        return self._rows().get(key, default)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self._change({**self._rows(), key: value})

    def delete(self, key: str) -> None:
        self._change({name: value for name, value in self._rows().items() if name != key})

    def _rows(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}  # type: ignore[no-any-return]

    def _change(self, rows: dict[str, Any]) -> None:
        self._pass_moment()
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.replace(self._path)
        self._pass_moment()

    def _pass_moment(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left is not None:
            self._left -= 1


class Instance:
    """The task instance, as far as a failure needs it."""

    max_tries = RETRIES  # the soak clears no task

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Run one step, and return how it has ended."""
    os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = given["connection"]
    if given["step"] == "trigger":
        module, _, name = given["trigger"][0].rpartition(".")
        trigger = getattr(import_module(module), name)(**given["trigger"][1])
        return {"end": "event", "event": asyncio.run(first_event(trigger))}
    ti = Instance()
    context: Any = {"ti": ti}
    if given["store"]:
        context["task_state_store"] = Store(given["store"], given["kill_at"])
    task = KINDS[given["kind"]](task_id="soak", **given["arguments"])
    sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
    try:
        if given["step"] == "resume":
            return {"end": "success", "result": task.execute_complete(context, given["event"])}
        return {"end": "success", "result": task.execute(context, **sentinel)}
    except TaskDeferred as deferred:
        return {"end": "deferred", "trigger": deferred.trigger.serialize()}
    except VManageError as err:
        return {"end": "retry", "error": f"{type(err).__name__}: {err}", "done": ti.pushed.get("done")}
    except AirflowFailException as err:
        return {"end": "failed", "error": f"{type(err).__name__}: {err}", "done": ti.pushed.get("done")}


def respond(given: dict[str, Any], sender: Connection) -> None:
    for module, name in SCALED:
        setattr(module, name, getattr(module, name) / 10)
    sender.send(json.dumps(attempt(given)))


def run_in_a_process(given: dict[str, Any]) -> dict[str, Any]:
    """Run one step in a process of its own, and kill it when its time is over; return the response."""
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=respond, args=(given, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(given["kill_after"]):
            response: dict[str, Any] = json.loads(receiver.recv())
            return response
    except EOFError:
        process.join()
        if process.exitcode != -signal.SIGKILL:
            return {"end": "crashed", "error": f"exit {process.exitcode}"}
    finally:
        process.kill()
        process.join()
    return {"end": "killed"}
