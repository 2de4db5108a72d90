"""A few devices by name, a task for each step: installed, activated once a person has approved it, then confirmed.

For a fleet in waves, with health checks and a report, see ``upgrade_devices.py``.

``install`` does not change the running version; but adding a large image has rebooted devices that were short of
memory, so try one device of each model first. ``approve`` waits for a person, and rejects if no one decides in time.
``activate`` reboots the devices; it is not retried, so that nothing reboots twice. ``back`` waits until all run the
version. ``confirm`` makes it the version of the next boot: until then a power cycle boots the earlier one.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task

from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
)
from airflow_provider_vmanage.sensors.software_upgrade import DeviceVersionSensor

with DAG(
    dag_id="activate_devices",
    description="Install a version on devices, activate it after an approval, and confirm it",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,  # a list of a param arrives as a list
    default_args={"vmanage_conn_id": "{{ params.manager }}", "retries": 0},
    params={
        "manager": Param(
            "vmanage_default", type="string", title="Manager", description="Id of the Airflow connection to the manager"
        ),
        "devices": Param(
            ["hq-edge-1"],
            type="array",
            items={"type": "string"},
            title="Devices to upgrade",
            description="Host names, system IPs or uuids",
        ),
        "version": Param(
            "17.12.04.0.6740",
            type="string",
            title="Version to run",
            description="As the repository or the devices spell it",
        ),
        "remove": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Versions to remove afterwards",
            description="Versions that are no longer needed on the devices; none by default",
        ),
    },
    tags=["vmanage", "example"],
) as dag:
    # [START install]
    install = InstallSoftwareOperator(
        task_id="install",
        devices="{{ params.devices }}",
        version="{{ params.version }}",
        deferrable=True,
        poll_interval=10,
    )
    # [END install]

    approve = ApprovalOperator(
        task_id="approve",
        subject="Activate {{ params.version }} on {{ params.devices | length }} devices of {{ params.manager }}?",
        body="The devices reboot into it: {{ params.devices | join(', ') }}.",
        defaults="Reject",
        response_timeout=timedelta(hours=4),
    )

    # [START activate]
    activate = ActivateSoftwareOperator(
        task_id="activate",
        devices="{{ params.devices }}",
        version="{{ params.version }}",
        deferrable=True,
        poll_interval=10,
        retries=0,  # before Airflow 3.3: a second try would not know what the first one sent
    )
    # [END activate]

    # [START device_version]
    back = DeviceVersionSensor(
        task_id="back",
        devices="{{ params.devices }}",
        version="{{ params.version }}",
        deferrable=True,
        poke_interval=30,
        timeout=3600,
    )
    # [END device_version]

    # [START set_default]
    confirm = SetDefaultSoftwareOperator(
        task_id="confirm", devices="{{ params.devices }}", version="{{ params.version }}"
    )
    # [END set_default]

    @task.short_circuit
    def anything_to_remove(params: dict[str, Any]) -> bool:
        return bool(params["remove"])

    # [START remove]
    clean_up = RemoveSoftwareOperator(task_id="clean_up", devices="{{ params.devices }}", version="{{ params.remove }}")
    # [END remove]

    install >> approve >> activate >> back >> confirm >> anything_to_remove() >> clean_up
