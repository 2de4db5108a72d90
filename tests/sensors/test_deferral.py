"""How long Airflow lets a deferral last whose trigger is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.operators.software_upgrade import ActivateSoftwareOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.sensors.software_upgrade import DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"
ONE = {"task_id": "t", "devices": ["edge-1"], "version": NEW, "deferrable": True}
TASKS = {
    "image": lambda: ImageVersionSensor(task_id="t", version="20.15.1", deferrable=True, timeout=600.0),
    "device": lambda: DeviceVersionSensor(**ONE, timeout=600.0),
    "activation": lambda: ActivateSoftwareOperator(**ONE, timeout=600.0),
}


@pytest.mark.parametrize("task", TASKS)
def test_deferral_outlasts_its_trigger_by_six_hours(
    task: str, vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
    with pytest.raises(TaskDeferred) as deferred:
        run(TASKS[task]())
    assert deferred.value.timeout is not None
    assert 0 < 6 * 3600 + 600 - deferred.value.timeout.total_seconds() < 100
