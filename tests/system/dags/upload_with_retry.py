"""One upload that is tried again after a second; the image comes with the run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator

with DAG("upload_with_retry", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    UploadImageOperator(
        task_id="upload",
        source="{{ params.image }}",
        params={"image": ""},
        listing_timeout=20,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
