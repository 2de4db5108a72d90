"""Every operator and the sensor, on a manager that works, one that fails, and one that refuses the login."""

from __future__ import annotations

from airflow.sdk import DAG, task

from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

FILE = "new-20.15.1.bin"

with DAG("secrets_everywhere", schedule=None, default_args={"retries": 0, "trigger_rule": "all_done"}):
    for conn_id in ("good", "broken", "refused"):
        same = {"vmanage_conn_id": conn_id}
        add = AddRepoOperator(
            task_id=f"add_{conn_id}", version_name="20.15", version_url="{{ var.value.repository }}", **same
        )
        token = AddRepoOperator(
            task_id=f"token_{conn_id}", version_name="20.16", version_url="{{ var.value.token_repository }}", **same
        )
        upload = UploadImageOperator(
            task_id=f"upload_{conn_id}",
            source="{{ var.value.image }}",
            checksum="{{ var.value.checksums }}",
            listing_timeout=1,
            **same,
        )
        wait = ImageVersionSensor(task_id=f"wait_{conn_id}", file_name=FILE, timeout=1, poke_interval=1, **same)
        listed = ListImagesOperator(task_id=f"list_{conn_id}", **same)
        delete = DeleteImageOperator(task_id=f"delete_{conn_id}", file_name=FILE, **same)

        @task(task_id=f"hook_{conn_id}")
        def use_hook(conn_id: str) -> list[object]:
            from airflow_provider_vmanage.hooks.vmanage import VManageHook

            hook = VManageHook(conn_id)
            works, words = hook.test_connection()
            with hook:
                hook.log.warning("%r %r %r %s", hook, hook.settings, hook.get_conn(), vars(hook))
            return [works, words]

        add >> token >> upload >> wait >> listed >> delete >> use_hook(conn_id)
