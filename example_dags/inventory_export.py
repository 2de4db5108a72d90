"""The inventory for a data team: the images of one or more managers, as files and as rows of a SQL table.

The list of each manager is written to a file of its own (JSON lines, with the same columns for every release). Then it
replaces this manager's rows of the table ``vmanage_images``, in one transaction, so that a rerun doubles nothing and
what was deleted on the manager goes from the table too. A manager that is unavailable keeps the rows it had and stops
no other; its name stands red in the grid.

Wants the provider of the database: here ``apache-airflow-providers-sqlite``, and a connection to a file:
``airflow connections add vmanage_inventory_db --conn-type sqlite --conn-host /tmp/inventory.db``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, ObjectStoragePath, Param, task, task_group

from airflow_provider_vmanage.operators.software_repository import ListImagesOperator

# What to change: the folder, to one that every worker reaches (a bucket, where there is more than one worker); the
# schedule; and for another database than SQLite these statements. On PostgreSQL parameters are written %(rows)s, and
# the rows come from jsonb_to_recordset(%(rows)s::jsonb) AS image (manager text, version text, ...).
CREATE = """
CREATE TABLE IF NOT EXISTS vmanage_images (
    connection text NOT NULL, manager text NOT NULL, version text, version_id text, file_name text,
    image_type text, version_type text, platform_family text, updated_on bigint
)
"""
FORGET = "DELETE FROM vmanage_images WHERE connection = :connection"
LOAD = """
INSERT INTO vmanage_images
SELECT :connection, json_extract(value, '$.manager'), json_extract(value, '$.version'),
    json_extract(value, '$.version_id'), json_extract(value, '$.file_name'), json_extract(value, '$.image_type'),
    json_extract(value, '$.version_type'), json_extract(value, '$.platform_family'), json_extract(value, '$.updated_on')
FROM json_each(:rows)
"""

with DAG(
    dag_id="inventory_export",
    description="Write the images of each manager to a file, and load them into a SQL table",
    doc_md=__doc__,
    schedule=None,  # such as "@hourly"
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
    },
    params={
        "managers": Param(
            ["vmanage_default"],
            type="array",
            title="Managers",
            description="Ids of the Airflow connections to the managers",
        ),
        "folder": Param(
            "/tmp",  # noqa: S108
            type="string",
            title="Folder for the files",
            description="Path on the worker, or a URL such as s3://connection@bucket/key",
        ),
        "database": Param(
            "vmanage_inventory_db",
            type="string",
            title="Database",
            description="Id of the Airflow connection to the database",
        ),
    },
    tags=["vmanage", "example"],
):
    create_table = SQLExecuteQueryOperator(task_id="create_table", conn_id="{{ params.database }}", sql=CREATE)

    @task
    def exports(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        given = params or {}
        return [
            {"manager": name, "file": f"{given['folder']}/{name}.jsonl"} for name in dict.fromkeys(given["managers"])
        ]

    @task
    def rows_of(written: dict[str, Any]) -> str:
        """Return the file as one JSON array: a thousand images are some 300 kB."""
        return f"[{','.join(ObjectStoragePath(written['path']).read_text().splitlines())}]"

    @task_group
    def export(manager: str, file: str) -> None:
        # [START list_images]
        written = ListImagesOperator(
            task_id="list_images",
            vmanage_conn_id=manager,
            output=file,
            map_index_template="{{ task.vmanage_conn_id }}",
        )
        # [END list_images]
        load = SQLExecuteQueryOperator(
            task_id="load",
            conn_id="{{ params.database }}",
            sql=[FORGET, LOAD],  # one transaction: the table is never seen without this manager's rows
            parameters={"connection": manager, "rows": rows_of(written.output)},
            hook_params={"log_sql": False},  # the log would hold all rows
            map_index_template="{{ task.parameters.connection }}",
        )
        create_table >> load

    export.expand_kwargs(exports())
