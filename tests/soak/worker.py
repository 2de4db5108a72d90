"""One worker process of the soak: runs a task of the operators, as a task runner would, until its input ends.

Reads one JSON task from a line of its standard input and responds with one line: how it ended, and its result.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# What anybody prints from here on is log: Airflow writes to file 1 as soon as it is imported.
_RESPONSES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from airflow.sdk.bases.operator import ExecutorSafeguard  # noqa: E402
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout  # noqa: E402

from airflow_provider_vmanage.client.errors import VManageError  # noqa: E402
from airflow_provider_vmanage.operators import software_repository as operators  # noqa: E402
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor  # noqa: E402

KINDS: dict[str, Any] = {
    "list": operators.ListImagesOperator,
    "add": operators.AddRepoOperator,
    "upload": operators.UploadImageOperator,
    "delete": operators.DeleteImageOperator,
    "wait": ImageVersionSensor,
}


def attempt(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    task = KINDS[kind](task_id="soak", **arguments)
    sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
    try:
        return {"end": "success", "result": task.execute({}, **sentinel)}
    except VManageError as err:
        return {"end": "retry", "error": f"{type(err).__name__}: {err}"}
    except (AirflowFailException, AirflowSensorTimeout) as err:
        return {"end": "failed", "error": f"{type(err).__name__}: {err}"}


def main() -> None:
    for line in sys.stdin:
        given = json.loads(line)
        print(json.dumps(attempt(given["kind"], given["arguments"])), file=_RESPONSES, flush=True)


main()
