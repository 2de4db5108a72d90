"""Upkeep of a repository: the image server is known to the manager, its image is in the list, old images are gone.

For managers that take images on remote servers (Cisco documents it for 20.16 and newer): the image stays there. Its
address, user and password are those of the connection ``vmanage_image_server``. Nothing is deleted unless ``delete`` is
set: before that, ``prune`` only reports what it would delete.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, AssetAlias, Param

from airflow_provider_vmanage.operators.software_repository import (
    AddRemoteImageOperator,
    PruneImagesOperator,
    RemoteServerOperator,
)

with DAG(
    dag_id="repository_upkeep",
    description="Keep the remote server and its image known to the manager, and delete what is old",
    doc_md=__doc__,
    schedule=None,  # such as "@weekly"
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
            "vmanage_default", type="string", title="Manager", description="Id of the Airflow connection to the manager"
        ),
        "server": Param(
            "image-server", type="string", title="Remote server", description="Name of the remote server on the manager"
        ),
        "image": Param(
            "vmanage-20.18.2-x86_64.tar.gz",
            type="string",
            title="Image on the remote server",
            description="Exact file name",
        ),
        "protect": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Images to protect",
            description="Patterns of file names and versions that are never deleted",
        ),
        "delete": Param(
            False,
            type="boolean",
            title="Delete old images",
            description="Off: the run only reports what it would delete",
        ),
    },
    tags=["vmanage", "example"],
):
    # [START remote_server]
    server = RemoteServerOperator(
        task_id="server",
        name="{{ params.server }}",
        url="{{ conn.vmanage_image_server.host }}",
        protocol="SCP",
        user="{{ conn.vmanage_image_server.login }}",
        password_conn_id="vmanage_image_server",
        location_prefix="/images",
    )
    # [END remote_server]

    # [START add_remote_image]
    image = AddRemoteImageOperator(
        task_id="image",
        remote_server="{{ params.server }}",
        file_name="{{ params.image }}",
        outlets=[AssetAlias("vmanage_images")],
    )
    # [END add_remote_image]

    # [START prune]
    prune = PruneImagesOperator(
        task_id="prune",
        keep=2,
        protect="{{ params.protect }}",
        older_than="90d",
        check_mode="{{ not params.delete }}",
        outlets=[AssetAlias("vmanage_images")],
    )
    # [END prune]

    server >> image >> prune
