from airflow.sdk import DAG, task

from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator

FROM, TO = "vmanage_default", "vmanage_branch"

with DAG("compare_managers", schedule=None, default_args={"retries": 2}):

    @task
    def file_names(vmanage_conn_id: str) -> list[str]:
        """Return the images that a manager stores."""
        from airflow_provider_vmanage.hooks.vmanage import VManageHook  # here: parsing this file does not need it

        with fail_without_retry(), VManageHook(vmanage_conn_id) as hook:
            return [image.file_name for image in hook.list_images() if image.version_type == "vmanage"]

    @task
    def missing(here: list[str], there: list[str]) -> list[str]:
        """Return where to copy from what only the first manager has."""
        return [f"vmanage://{FROM}@software/{name}" for name in sorted({*here} - {*there})]

    names = [file_names.override(task_id=name)(name) for name in (FROM, TO)]
    UploadImageOperator.partial(
        task_id="copy",
        vmanage_conn_id=TO,
        max_active_tis_per_dagrun=1,  # one upload at a time
    ).expand(source=missing(*names))
