"""Prepare the repository inside a maintenance window: plan, approval, upload, wait, the rest of the plan, a report.

It changes no device: for that see ``upgrade_devices.py``.

The plan is shown to the person who approves, and applied only if the manager is still as the plan saw it. What a
device runs or boots is not removed. The upload has to end before the window does (``not_after``), and nothing is
removed before the manager lists the new image; no worker is held meanwhile.

Needs Airflow's human-in-the-loop operators (Airflow 3.1 and the standard provider): respond under
*Browse > Required Actions*.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, AssetAlias, Param

from airflow_provider_vmanage.operators.software_repository import (
    ApplyRepositoryOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

#: where the images lie: a folder that all workers see, or s3://conn@bucket
IMAGES = os.environ.get("VMANAGE_IMAGES", "/images")

with DAG(
    dag_id="maintenance_window",
    description="Plan the repository, have the plan approved, upload, wait for the image, apply the rest, report",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,  # a list of a param arrives as a list
    default_args={
        "vmanage_conn_id": "{{ params.manager }}",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
    },
    params={
        "manager": Param(
            "vmanage_default",
            type="string",
            title="Manager",
            description="Id of the Airflow connection to the manager",
        ),
        "image": Param(
            f"{IMAGES}/vmanage-20.12.4-x86_64.tar.gz",
            type="string",
            title="Image to upload",
            description="Path on the worker, or a URL such as s3://connection@bucket/key",
        ),
        "checksum": Param(
            os.environ.get("VMANAGE_CHECKSUM"),
            type=["null", "string"],
            title="Checksum of the image",
            description="sha512:<hex>, or file:<path or URL of a list of checksums>. Empty: not verified",
        ),
        "not_after": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Latest end of the upload",
            description="The upload is refused or stopped if it cannot end by then. Empty: no limit",
        ),
        "exact": Param(
            False,
            type="boolean",
            title="Delete all other images",
            description="Also deletes repository URLs that the plan does not name. An image in use always stays",
        ),
        "protect": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Images to protect",
            description="Patterns of file names and versions that are never deleted, such as vmanage-20.12.*",
        ),
    },
    tags=["vmanage", "example"],
):
    # [START list_device_software]
    device_software = ListDeviceSoftwareOperator(task_id="device_software")
    # [END list_device_software]

    # [START plan]
    wanted = [{"source": "{{ params.image }}", "checksum": "{{ params.checksum }}"}]
    plan = PlanRepositoryOperator(
        task_id="plan", images=wanted, exact="{{ params.exact }}", protect="{{ params.protect }}"
    )
    # [END plan]

    # [START check_mode]
    # Opens the image (with a checksum, reads all of it) and fails if not_after is past; nothing is changed. It cannot
    # measure the rate to the manager.
    rehearse_upload = UploadImageOperator(
        task_id="rehearse_upload",
        source="{{ params.image }}",
        checksum="{{ params.checksum }}",
        not_after="{{ params.not_after }}",
        check_mode=True,
    )
    # [END check_mode]

    approve = ApprovalOperator(
        task_id="approve",
        subject="Change the software repository of {{ params.manager }}?",
        body="{{ ti.xcom_pull('plan')['markdown'] }}",
        defaults="Reject",  # without a response
        response_timeout=timedelta(hours=12),
        retries=0,
    )

    upload = UploadImageOperator(
        task_id="upload",
        source="{{ params.image }}",
        checksum="{{ params.checksum }}",
        not_after="{{ params.not_after }}",
        outlets=[AssetAlias("vmanage_images")],
    )

    # [START wait]
    wait = ImageVersionSensor(
        task_id="wait",
        file_name="{{ ti.xcom_pull('upload')['file_name'] }}",
        deferrable=True,
        poke_interval=60,
        timeout=1800,
    )
    # [END wait]

    # [START apply]
    apply = ApplyRepositoryOperator(
        task_id="apply",
        plan="{{ ti.xcom_pull('plan') }}",
        max_deletions=5,
        outlets=[AssetAlias("vmanage_images")],
    )
    # [END apply]

    report = ListImagesOperator(task_id="report")

    [device_software, plan, rehearse_upload] >> approve >> upload >> wait >> apply >> report
