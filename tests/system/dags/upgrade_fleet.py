"""An upgrade of all edges of a manager, tried again after a second as often as something dies."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator, UpgradeDevicesOperator

with DAG(
    "upgrade_fleet",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"manager": "vmanage_default", "size": 10, "max_failures": 0},
    render_template_as_native_obj=True,
    default_args={"retries": 50, "retry_delay": timedelta(seconds=1)},
):
    plan = PlanUpgradeOperator(
        task_id="plan",
        version="17.12.04.0.6740",
        wave_sizes="{{ [params.size] }}",
        max_devices=1000,
        vmanage_conn_id="{{ params.manager }}",
    )
    UpgradeDevicesOperator(
        task_id="upgrade",
        plan=plan.output,
        max_failures="{{ params.max_failures }}",
        accept_failures=True,
        rollback=True,
        settle_timeout=30,
        stable_for=2,
        timeout=900,
        poll_interval=3,
        deferrable=True,
        vmanage_conn_id="{{ params.manager }}",
    )
