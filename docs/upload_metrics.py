import os
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import Stats  # Airflow's own metrics
from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator


def send_metrics(context):
    """Send the bytes of an upload and the seconds of its task; nothing if nothing was sent."""
    task = context["ti"]
    row = task.xcom_pull(task_ids=task.task_id, map_indexes=task.map_index)
    if not (row["changed"] and row["applied"]):
        return
    tags = {"connection": context["task"].vmanage_conn_id}
    Stats.gauge("vmanage.upload.bytes", row["size"], tags=tags)
    Stats.gauge("vmanage.upload.seconds", (datetime.now(timezone.utc) - task.start_date).total_seconds(), tags=tags)


with DAG("upload_metrics", schedule=None, default_args={"on_success_callback": send_metrics}) as dag:
    UploadImageOperator(
        task_id="upload",
        source=os.environ.get("VMANAGE_IMAGES", "/images") + "/vmanage-20.12.4-x86_64.tar.gz",
    )
