from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

with DAG("load_image", schedule=None):
    upload = UploadImageOperator(
        task_id="upload",
        source=str(Path.home() / "vmanage-try" / "vmanage-20.12.4-x86_64.tar.gz"),
    )
    listed = ImageVersionSensor(task_id="listed", version="20.12.4", poke_interval=10, timeout=600)

    upload >> listed
