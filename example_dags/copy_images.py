"""Copy the images of one version to another manager, and keep them as files: a mapped task for each image.

Only images that the source manager stores are copied, not those that it knows on remote servers. A copy flows through
the worker and is stored nowhere in between. What the other manager has already is left as it is, so a rerun copies
what is missing. The files are for an archive: a folder of the worker, or a bucket.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, AssetAlias, Param, task

from airflow_provider_vmanage.operators.software_repository import (
    DownloadImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)

with DAG(
    dag_id="copy_images",
    description="Copy the images of one version to another manager, and into a folder or bucket",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={
        "from": Param(
            "vmanage_default",
            type="string",
            title="Source manager",
            description="Id of the Airflow connection to the manager that has the images",
        ),
        "to": Param(
            "vmanage_branch",
            type="string",
            title="Target manager",
            description="Id of the Airflow connection to the manager that receives them",
        ),
        "version": Param(
            "20.12.3",
            type="string",
            title="Version",
            description="Version of the images, exactly as the source manager lists it",
        ),
        "folder": Param(
            "/tmp",  # noqa: S108
            type="string",
            title="Folder for the files",
            description="Path on the worker, or a URL such as s3://connection@bucket/images",
        ),
    },
    tags=["vmanage", "example"],
):
    listed = ListImagesOperator(
        task_id="list_images", vmanage_conn_id="{{ params['from'] }}", version="{{ params.version }}"
    )

    @task
    def stored(rows: list[dict[str, Any]]) -> list[str]:
        names = [row["file_name"] for row in rows if row["version_type"] == "vmanage"]
        if not names:  # or else the run would be green
            raise AirflowFailException("The source manager stores no image of this version: check how it is listed")
        return names

    @task
    def sources(names: list[str], params: dict[str, Any] | None = None) -> list[str]:
        return [f"vmanage://{(params or {})['from']}@software/{name}" for name in names]

    names = stored(listed.output)

    # [START copy]
    UploadImageOperator.partial(
        task_id="copy",
        vmanage_conn_id="{{ params.to }}",
        max_active_tis_per_dagrun=1,  # one upload at a time
        outlets=[AssetAlias("vmanage_images")],
    ).expand(source=sources(names))
    # [END copy]

    # [START download_image]
    DownloadImageOperator.partial(
        task_id="archive",
        vmanage_conn_id="{{ params['from'] }}",
        target="{{ params.folder }}/",  # a folder, in which each image keeps its name
        max_active_tis_per_dagrun=1,
    ).expand(file_name=names)
    # [END download_image]
