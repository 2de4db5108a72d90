"""Mapped uploads to two managers, and a DAG that Airflow runs when the image of the first one has changed."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, AssetAlias, task

from airflow_provider_vmanage.assets import vmanage_image
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
IMAGE = vmanage_image(os.environ["VMANAGE_HOST"], "vmanage-20.12.4-x86_64.tar.gz")

with DAG("upload_to_all", schedule=None, start_date=START):
    UploadImageOperator.partial(
        # An alias: which asset it is depends on the manager that a mapped task talks to.
        task_id="upload",
        source="{{ params.image }}",
        params={"image": ""},
        outlets=[AssetAlias("uploaded")],
    ).expand(vmanage_conn_id=["first", "second"])

with DAG("when_uploaded", schedule=[IMAGE], start_date=START, is_paused_upon_creation=False):

    @task
    def react(triggering_asset_events: dict[Any, list[Any]] | None = None) -> list[dict[str, Any]]:
        events = (triggering_asset_events or {}).values()
        return [event.extra for of_one_asset in events for event in of_one_asset]

    react()
