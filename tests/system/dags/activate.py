"""Activations that are tried again after a second: one holds its worker, one waits in the triggerer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_upgrade import ActivateSoftwareOperator

for deferrable in (False, True):
    with DAG(
        f"activate_{'deferred' if deferrable else 'held'}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        params={"device": ""},
    ):
        ActivateSoftwareOperator(
            task_id="activate",
            devices=["{{ params.device }}"],
            version="20.12.5",
            deferrable=deferrable,
            poll_interval=10,  # less, and Airflow may take a quick return for a failure (docs/waits.md)
            retries=1,
            retry_delay=timedelta(seconds=1),
        )
