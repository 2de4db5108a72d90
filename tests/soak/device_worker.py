"""Processes of a task on devices: each step in one of its own, some of them killed, as Airflow and a bad night do it.

A step is what Airflow runs in one process: a try of the task, the trigger of its deferral, or the rest of the task
after that. The waits of the client are a tenth as long as in reality, the minutes of the manager's tasks far shorter.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
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
from tests.soak.process import run_in_a_process
from tests.soak.store import Store
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


def scaled_attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Run one step with waits that are a tenth as long."""
    for module, name in SCALED:
        setattr(module, name, getattr(module, name) / 10)
    return attempt(given)


def attempt_in_a_process(given: dict[str, Any]) -> dict[str, Any]:
    """Run one step in a process of its own."""
    return run_in_a_process(scaled_attempt, given)
