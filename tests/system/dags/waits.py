"""Thirty deferred waits on two managers, and a DAG that an image starts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, dag, task

from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger

with DAG("many_waits", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    ImageVersionSensor.partial(
        task_id="wait", deferrable=True, poke_interval=10, timeout=1200, retries=0, max_consecutive_failures=30
    ).expand_kwargs(
        [
            {"version": f"20.{number}.1", "vmanage_conn_id": ("vmanage_a", "vmanage_b")[number % 2]}
            for number in range(30)
        ]
    )

watched = Asset(
    "watched_images",
    watchers=[
        AssetWatcher(
            name="of_a",
            trigger=ImageAvailableTrigger(vmanage_conn_id="vmanage_a", version_pattern="99.*", poke_interval=3),
        )
    ],
)


@dag(schedule=[watched], catchup=False, max_active_runs=4, default_args={"retry_delay": timedelta(seconds=1)})
def started_by_image() -> None:
    @task
    def names(triggering_asset_events: Any) -> list[str]:
        return [event.extra["payload"]["file_name"] for event in triggering_asset_events[watched]]

    names()


started_by_image()
