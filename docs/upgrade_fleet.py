from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator, UpgradeDevicesOperator

with DAG("upgrade_fleet", schedule=None):
    plan = PlanUpgradeOperator(task_id="plan", version="17.12.04.0.6740", wave_sizes=[1, "10%", "50%"])
    approve = ApprovalOperator(
        task_id="approve",
        subject="Upgrade these devices?",
        body="{{ ti.xcom_pull(task_ids='plan')['markdown'] }}",
        defaults="Reject",
        response_timeout=timedelta(hours=4),
    )
    # [START upgrade]
    upgrade = UpgradeDevicesOperator(
        task_id="upgrade",
        plan=plan.output,
        not_after="{{ (dag_run.run_after + macros.timedelta(hours=6)).isoformat() }}",
        max_failures="5%",
        rollback=True,
        report="/srv/reports/{{ run_id | replace(':', '-') }}.html",
        deferrable=True,
        retries=0,
    )
    # [END upgrade]

    plan >> approve >> upgrade
