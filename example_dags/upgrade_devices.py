"""A maintenance window: a fleet brought to a version in waves, after a person has approved the plan.

By day ``stage`` copies the image to the devices, which does not change the running version. Adding a large image has
rebooted devices that were short of memory: stage one device of each model first. ``plan`` lists what is left to do;
``rehearse`` finds what would stop the upgrade at night. ``approve`` shows the plan to a person until the window opens;
without a response it is rejected. In the window ``upgrade`` takes the waves one after the other: each device has to
come back as healthy as it was before it boots the version by default. It stops by itself after ``max_failures``, or
when no wave fits into the window any more. Its report says for each device what happened.

Run it again after a failure: devices that are done stay as they are, and the others get a new plan and a new approval.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, Connection, Param, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.sdk.timezone import parse

from airflow_provider_vmanage.operators.software_upgrade import (
    InstallSoftwareOperator,
    PlanUpgradeOperator,
    UpgradeDevicesOperator,
)

log = logging.getLogger(__name__)

#: where the reports go: a folder that all workers see, or s3://conn@bucket
REPORTS = os.environ.get("VMANAGE_REPORTS", "/srv/reports")

#: seconds in a minute of a device; those of ``make up`` are quicker
MINUTE = float(os.environ.get("VMANAGE_MINUTE", "60"))

#: from the start of a run to the end of its window, and to the alert; that reads no params, so it does not follow
#: ``window_ends``
HOURS = 12
WINDOW_ENDS = f"(params.window_ends or (dag_run.run_after + macros.timedelta(hours={HOURS})).isoformat())"


class ApprovalUntil(ApprovalOperator):
    """Ask until a moment, then reject.

    :param until: when no response counts any more, as ISO 8601.
    :param approvers: Airflow's names of those who may respond; all who may act on the DAG if empty.
    """

    template_fields = (*ApprovalOperator.template_fields, "until", "approvers")

    def __init__(self, *, until: str, approvers: Any, **kwargs: Any) -> None:
        super().__init__(defaults="Reject", **kwargs)
        self.until = until
        self.approvers = approvers

    def execute(self, context: Any) -> Any:
        left = (parse(self.until) - datetime.now(timezone.utc)).total_seconds()
        self.response_timeout = timedelta(seconds=max(left, 1))
        self.assigned_users = [{"id": name, "name": name} for name in self.approvers] or None
        return super().execute(context)


def report_to_chat(context: Any) -> None:
    """Log the outcome of a task, and post it to the chat whose incoming webhook is the password of a connection."""
    ti = context["ti"]
    result = ti.xcom_pull(task_ids=ti.task_id, key="done") or ti.xcom_pull(task_ids=ti.task_id)
    text = (isinstance(result, dict) and result.get("markdown")) or (
        f"{ti.task_id}: {context.get('exception', 'Airflow lost track of it: see the log of the scheduler')}"
    )
    log.info("%s", text)
    if chat := context["params"]["chat"]:
        requests.post(Connection.get(chat).password, json={"text": text}, timeout=10).raise_for_status()


with DAG(
    dag_id="upgrade_devices",
    description="Stage by day, have the plan approved, upgrade in waves inside a window, report",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,  # a list of a param arrives as a list
    # [START deadline]
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=HOURS),
        callback=AsyncCallback("window_alert.window_is_over"),  # plugins/window_alert.py
    ),
    # [END deadline]
    default_args={
        "vmanage_conn_id": "{{ params.manager }}",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "on_failure_callback": report_to_chat,
    },
    params={
        "manager": Param(
            "vmanage_default", type="string", title="Manager", description="Id of the Airflow connection to the manager"
        ),
        "version": Param(
            "17.12.04.0.6740",
            type="string",
            title="Version to run",
            description="As the repository or the devices spell it",
        ),
        "sites": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Sites",
            description="Ids of the sites whose edges are upgraded. Leave it unset (null) for all",
        ),
        "exclude": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Devices to leave out",
            description="Host names, system IPs or uuids",
        ),
        "max_devices": Param(
            50,
            type="integer",
            minimum=1,
            title="Most devices that may change",
            description="More than these, and nothing begins",
        ),
        "wave_sizes": Param(
            [1, "25%", "50%"],
            type="array",
            items={"type": ["integer", "string"]},
            title="Devices in each wave",
            description="Numbers or percentages; the last one repeats. Two routers of a site are never in one wave",
        ),
        "max_failures": Param(
            0,
            type=["integer", "string"],
            title="Devices that may fail",
            description="Number, or percentage such as 5%. More than these, and no further wave begins",
        ),
        "window_opens": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Beginning of the window",
            description="The plan has to be approved by then. Empty: the upgrade begins as soon as it is approved",
        ),
        "window_ends": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="End of the window",
            description="No wave begins that might not end by then. Empty: 12 hours after the start of the run",
        ),
        "approvers": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Approvers",
            description="Airflow's names of the users who may approve. Empty: all who may act on this DAG",
        ),
        "chat": Param(
            None,
            type=["null", "string"],
            title="Chat",
            description="Id of a connection whose password is the URL of an incoming webhook. Empty: only the log",
        ),
    },
    tags=["vmanage", "example"],
):
    wanted: dict[str, Any] = {
        "version": "{{ params.version }}",
        "sites": "{{ params.sites }}",
        "exclude": "{{ params.exclude }}",
        "wave_sizes": "{{ params.wave_sizes }}",
        "max_devices": "{{ params.max_devices }}",
    }
    choose = PlanUpgradeOperator(task_id="choose", **wanted)

    @task.short_circuit
    def anything_to_do(ti: Any) -> bool:
        return bool(ti.xcom_pull(task_ids="choose")["waves"])

    # [START stage]
    stage = InstallSoftwareOperator(
        task_id="stage",
        devices="{{ ti.xcom_pull('choose')['waves'] | sum(start=[]) }}",
        max_devices="{{ params.max_devices }}",
        deferrable=True,
        poll_interval=MINUTE / 6,
    )
    # [END stage]

    plan = PlanUpgradeOperator(task_id="plan", **wanted)  # again: less is left to do, and the devices as they are now

    # [START upgrade]
    upgrade_arguments: dict[str, Any] = {
        "plan": "{{ ti.xcom_pull('plan') }}",
        "max_failures": "{{ params.max_failures }}",
        "not_after": f"{{{{ {WINDOW_ENDS} }}}}",
        "rollback": True,
        "report": REPORTS + "/{{ run_id | replace(':', '-') }}.html",
        "poll_interval": MINUTE / 2,
        "stable_for": MINUTE,
        "settle_timeout": 30 * MINUTE,
    }
    # By day, since it finds a wrong argument, a missing folder or a stale plan before the window.
    rehearse = UpgradeDevicesOperator(task_id="rehearse", check_mode=True, **upgrade_arguments)

    approve = ApprovalUntil(
        task_id="approve",
        subject="Upgrade to {{ params.version }} on {{ params.manager }}?",
        body="{{ ti.xcom_pull('plan')['markdown'] }}",
        until=f"{{{{ params.window_opens or {WINDOW_ENDS} }}}}",
        approvers="{{ params.approvers }}",
        retries=0,
    )

    window = DateTimeSensorAsync(
        task_id="window", target_time="{{ params.window_opens or dag_run.run_after.isoformat() }}"
    )

    upgrade = UpgradeDevicesOperator(
        task_id="upgrade",
        approved_by="{{ ((ti.xcom_pull('approve') or {}).get('responded_by_user') or {}).get('name') }}",
        deferrable=True,
        retries=0,  # from Airflow 3.3 on a retry goes on where the upgrade was; before, it might activate twice
        on_success_callback=report_to_chat,
        **upgrade_arguments,
    )
    # [END upgrade]

    choose >> anything_to_do() >> stage >> plan >> rehearse >> approve >> window >> upgrade
