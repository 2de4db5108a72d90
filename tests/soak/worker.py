"""One worker process of the soak: runs a task of the operators, as a task runner would."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.operators import software_repository as operators
from airflow_provider_vmanage.operators.desired_state import PruneImagesOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

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
        return {"end": "success", "result": task.execute({}, **sentinel)}
    except VManageError as err:
        return {"end": "retry", "error": f"{type(err).__name__}: {err}"}
    except (AirflowFailException, AirflowSensorTimeout) as err:
        return {"end": "failed", "error": f"{type(err).__name__}: {err}"}
