"""One image to many managers: a mapped task per connection, its name on the map index, and a summary at the end.

Uploads share the pool ``vmanage_uploads``, whose slots say how many managers are served at once; make it first:
``airflow pools set vmanage_uploads 4 "uploads to managers"``. Each manager gets one upload, since each is named once.
What fails on one manager stops no other; the summary names it, and fails, so that the run is red.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, AssetAlias, Param, task

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator

#: where the images lie: a folder that all workers see, or s3://conn@bucket
IMAGES = os.environ.get("VMANAGE_IMAGES", "/images")

with DAG(
    dag_id="fleet_upload",
    description="Upload one image to every manager of a list, and report which managers have it",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "managers": Param(
            ["vmanage_default"],
            type="array",
            title="Managers",
            description="Ids of the Airflow connections to the managers",
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
    },
    tags=["vmanage", "example"],
):

    @task
    def managers(params: dict[str, Any] | None = None) -> list[str]:
        return list(dict.fromkeys((params or {})["managers"]))

    names = managers()

    # [START mapped_upload]
    upload = UploadImageOperator.partial(
        task_id="upload",
        source="{{ params.image }}",
        checksum="{{ params.checksum or '' }}",
        map_index_template="{{ task.vmanage_conn_id }}",
        pool="vmanage_uploads",
        retries=2,
        retry_delay=timedelta(minutes=2),
        outlets=[AssetAlias("vmanage_images")],  # an event for each manager
    ).expand(vmanage_conn_id=names)
    # [END mapped_upload]

    @task(trigger_rule="all_done")
    def summary(names: list[str], ti: Any = None) -> dict[str, str]:
        rows = [ti.xcom_pull(task_ids="upload", map_indexes=index) for index in range(len(names))]
        done = {name: row["action"] if row else "failed" for name, row in zip(names, rows, strict=True)}
        failed = [name for name, action in done.items() if action == "failed"]
        if failed:
            raise RuntimeError(f"{len(failed)} of {len(done)} managers do not have the image: {', '.join(failed)}")
        return done

    upload >> summary(names)
