"""A try of a task on a repository in a process that may be killed, as a task runner would run it."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.operators import software_repository as operators
from airflow_provider_vmanage.operators.desired_state import PruneImagesOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from tests.soak.process import run_in_a_process
from tests.soak.store import Store

KINDS: dict[str, Any] = {
    "list": operators.ListImagesOperator,
    "add": operators.AddRepoOperator,
    "upload": operators.UploadImageOperator,
    "delete": operators.DeleteImageOperator,
    "wait": ImageVersionSensor,
    "prune": PruneImagesOperator,
}


def attempt(given: dict[str, Any]) -> dict[str, Any]:
    """Run one try of a task, and return how it has ended."""
    os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = given["connection"]
    task = KINDS[given["kind"]](task_id="soak", **given["arguments"])
    sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
    try:
        context: Any = {"task_state_store": Store(given["store"], given["kill_at"])}
        return {"end": "success", "result": task.execute(context, **sentinel)}
    except VManageError as err:
        return {"end": "retry", "error": f"{type(err).__name__}: {err}"}
    except (AirflowFailException, AirflowSensorTimeout) as err:
        return {"end": "failed", "error": f"{type(err).__name__}: {err}"}


def attempt_in_a_process(given: dict[str, Any]) -> dict[str, Any]:
    """Run one try in a process of its own."""
    return run_in_a_process(attempt, given)
