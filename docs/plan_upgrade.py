from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator

with DAG("plan_upgrade", schedule=None):
    plan = PlanUpgradeOperator(
        task_id="plan",
        version={"c8000v": "17.12.04.0.6740", "vedge-x86": "20.12.4"},
        sites=["101", "102", "103"],
        wave_sizes=[1, "10%", "50%"],
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Upgrade these devices?",
        body="{{ ti.xcom_pull(task_ids='plan')['markdown'] }}",
        defaults="Reject",
        response_timeout=timedelta(hours=4),
    )

    plan >> approve
