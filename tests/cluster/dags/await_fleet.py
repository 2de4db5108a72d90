"""Deferred waits for images on many managers: however they come there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

with DAG(
    "await_fleet",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"managers": [], "images": []},
):

    @task
    def wanted(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        given = params or {}
        return [{"vmanage_conn_id": one, "file_name": name} for one in given["managers"] for name in given["images"]]

    ImageVersionSensor.partial(
        task_id="wait", deferrable=True, poke_interval=10, timeout=900, retries=2, retry_delay=timedelta(seconds=10)
    ).expand_kwargs(wanted())
