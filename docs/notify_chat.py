import os

import requests
from airflow.sdk import DAG, Connection

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator


def post_to_chat(context):
    """Send what failed, and the first line of why, to a chat. The URL of the webhook is a secret: the password."""
    if "reason" in context:  # as the callback of a DAG
        text = f"{context['dag'].dag_id}, run {context['run_id']}, failed: {context['reason']}"
    else:
        task, error = context["ti"], context.get("exception", "Airflow lost track of it: see the log of the scheduler")
        text = f"{task.dag_id}.{task.task_id} failed: {str(error).partition(chr(10))[0][:500]}"
    requests.post(Connection.get("chat").password, json={"text": text}, timeout=10).raise_for_status()


with DAG("notify_chat", schedule=None, default_args={"on_failure_callback": post_to_chat}) as dag:
    UploadImageOperator(
        task_id="upload",
        source=os.environ.get("VMANAGE_IMAGES", "/images") + "/vmanage-20.12.4-x86_64.tar.gz",
    )
