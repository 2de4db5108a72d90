"""An upgrade of the edges of each of many managers, tried again after some seconds when a worker dies."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, task, task_group

from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator, UpgradeDevicesOperator

with DAG(
    "upgrade_fleets",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"managers": [], "size": 4, "max_failures": 2},
    render_template_as_native_obj=True,
    default_args={"retries": 10, "retry_delay": timedelta(seconds=2)},
):

    @task
    def managers(params: dict[str, Any] | None = None) -> list[str]:
        return list((params or {})["managers"])

    @task_group
    def fleet(manager: str) -> None:
        plan = PlanUpgradeOperator(
            task_id="plan", version="17.12.04.0.6740", wave_sizes="{{ [params.size] }}", vmanage_conn_id=manager
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
            poll_interval=5,
            deferrable=True,
            vmanage_conn_id=manager,
        )

    fleet.expand(manager=managers())
