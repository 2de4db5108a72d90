"""Prepare an upgrade: the right image on the manager before the window, verified, and the previous one gone.

Run it as often as you like: what is done already shows as ``unchanged``. ``make demo`` runs it against the simulator.

A manager that knows remote servers only (Cisco documents that for 20.16 and newer) takes no URL of a repository, and
``add_repository`` fails there: clear ``repository_url``, which leaves that task out. See ``repository_upkeep.py``.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, AssetAlias, Param, task

from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

#: where the images lie: a folder that all workers see, or s3://conn@bucket
IMAGES = os.environ.get("VMANAGE_IMAGES", "/images")

with DAG(
    dag_id="upgrade_prep",
    description="Add the repository URL, upload and await the new image, delete the previous one, list what is there",
    doc_md=__doc__,
    schedule=None,  # such as "0 20 * * FRI", for the evening before a Saturday window
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={
        "vmanage_conn_id": "{{ params.manager }}",
        "retries": 2,  # every task lists first, so a retry never does a thing twice
        "retry_delay": timedelta(minutes=2),
    },
    params={
        "manager": Param(
            "vmanage_default", type="string", title="Manager", description="Id of the Airflow connection to the manager"
        ),
        "repository_name": Param(
            "17.12.4",
            type="string",
            title="Name of the repository URL",
            description="Version name under which the manager lists the URL",
        ),
        "repository_url": Param(
            "https://images.example.com/sd-wan/17.12.4/",
            type=["null", "string"],
            title="Repository URL",
            description="Leave it empty for a manager that knows remote servers only",
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
        "version": Param(
            "20.12.4",
            type="string",
            title="Version to wait for",
            description="Version that the manager lists for the uploaded image",
        ),
        "previous_version": Param(
            "20.12.3",
            type="string",
            title="Version to delete",
            description="Exact version, as the manager lists it. An image in use is not deleted",
        ),
    },
    tags=["vmanage", "example"],
):

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def url_is_given(params: dict[str, Any] | None = None) -> bool:
        return bool((params or {})["repository_url"])

    # [START add_repo]
    add_repository = AddRepoOperator(
        task_id="add_repository",
        version_name="{{ params.repository_name }}",
        version_url="{{ params.repository_url }}",
        outlets=[AssetAlias("vmanage_images")],
    )
    # [END add_repo]

    # [START upload_image]
    upload_image = UploadImageOperator(
        task_id="upload_image",
        source="{{ params.image }}",
        checksum="{{ params.checksum or '' }}",
        trigger_rule="none_failed",  # also where no URL was to be added
        outlets=[AssetAlias("vmanage_images")],  # becomes the image's asset, with an event
        # One upload at a time per manager: create a pool with one slot and name it here.
        # pool="vmanage_default",
    )
    # [END upload_image]

    # [START image_version]
    wait_for_version = ImageVersionSensor(
        task_id="wait_for_version",
        version="{{ params.version }}",
        file_name="{{ ti.xcom_pull('upload_image')['file_name'] }}",
        mode="reschedule",
        poke_interval=60,
        timeout=1800,
    )
    # [END image_version]

    # [START delete_image]
    delete_previous = DeleteImageOperator(
        task_id="delete_previous",
        version="{{ params.previous_version }}",
        outlets=[AssetAlias("vmanage_images")],
    )
    # [END delete_image]

    list_images = ListImagesOperator(task_id="list_images")

    url_is_given() >> add_repository >> upload_image >> wait_for_version >> delete_previous >> list_images
