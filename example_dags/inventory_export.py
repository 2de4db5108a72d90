"""The inventory for a data team: images and devices of one or more managers, as files and as history in SQL tables.

Each morning, and after each change that the other examples make, both lists of each manager are written to files (JSON
lines, with the same columns for every release). Then they are added to the tables ``vmanage_images`` and
``vmanage_devices``, with the time ``taken_at``. ``vmanage_snapshots`` has a row for each manager whose lists were read,
even if they are empty. All three are written in one transaction, and nothing is ever deleted.

A rerun of a run adds only the managers that failed: what the run has stored stays. A manager that is unavailable stops
no other; its name stands red in the grid. ``docs/history.md`` shows what to ask the tables.

Needs the provider of the database: here ``apache-airflow-providers-sqlite``, and a connection to a file:
``airflow connections add vmanage_inventory_db --conn-type sqlite --conn-host /tmp/inventory.db``. A file
serves one worker only; with several, use a database server.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Asset, AssetAlias, ObjectStoragePath, Param, task, task_group
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_vmanage.operators.software_repository import ListImagesOperator
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator

# What to change: the folder, to one that every worker reaches (a bucket, where there is more than one worker); the
# schedule; and for another database than SQLite these statements. On PostgreSQL parameters are written %(images)s, and
# the rows come from jsonb_to_recordset(%(images)s::jsonb) AS image (manager text, version text, ...).
CREATE = [
    """
CREATE TABLE IF NOT EXISTS vmanage_snapshots (
    run_id text NOT NULL, connection text NOT NULL, taken_at text NOT NULL, PRIMARY KEY (run_id, connection)
)
""",
    """
CREATE TABLE IF NOT EXISTS vmanage_images (
    run_id text NOT NULL, connection text NOT NULL, taken_at text NOT NULL, manager text, version text,
    version_id text, file_name text, image_type text, version_type text, platform_family text, updated_on bigint
)
""",
    """
CREATE TABLE IF NOT EXISTS vmanage_devices (
    run_id text NOT NULL, connection text NOT NULL, taken_at text NOT NULL, manager text, device text, device_id text,
    system_ip text, site_id text, role text, platform_family text, model text, running text, running_order text,
    default_version text, available text, reachable boolean
)
""",
]
LOAD = [
    """
INSERT INTO vmanage_images
SELECT :run_id, :connection, :taken_at, json_extract(value, '$.manager'), json_extract(value, '$.version'),
    json_extract(value, '$.version_id'), json_extract(value, '$.file_name'), json_extract(value, '$.image_type'),
    json_extract(value, '$.version_type'), json_extract(value, '$.platform_family'), json_extract(value, '$.updated_on')
FROM json_each(:images)
WHERE NOT EXISTS (SELECT 1 FROM vmanage_snapshots WHERE run_id = :run_id AND connection = :connection)
""",
    """
INSERT INTO vmanage_devices
SELECT :run_id, :connection, :taken_at, json_extract(value, '$.manager'), json_extract(value, '$.device'),
    json_extract(value, '$.device_id'), json_extract(value, '$.system_ip'), json_extract(value, '$.site_id'),
    json_extract(value, '$.role'), json_extract(value, '$.platform_family'), json_extract(value, '$.model'),
    json_extract(value, '$.running'), json_extract(value, '$.running_order'), json_extract(value, '$.default'),
    json_extract(value, '$.available'), json_extract(value, '$.reachable')
FROM json_each(:devices)
WHERE NOT EXISTS (SELECT 1 FROM vmanage_snapshots WHERE run_id = :run_id AND connection = :connection)
""",
    """
INSERT INTO vmanage_snapshots
SELECT :run_id, :connection, :taken_at
WHERE NOT EXISTS (SELECT 1 FROM vmanage_snapshots WHERE run_id = :run_id AND connection = :connection)
""",
]


def order_of(version: str | None) -> str | None:
    """Return a text that sorts as versions do, such as ``0017.0009.0004a``; ``None`` for one of another form."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)([a-z]?)(\..*)?", version or "")
    return "{:04}.{:04}.{:04}{}".format(*map(int, found.groups()[:3]), found[4]) if found else None


with DAG(
    dag_id="inventory_export",
    description="Write images and devices of each manager to files, and add them to the history in SQL tables",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=[AssetAlias("vmanage_images")]
    ),
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
    create_tables = SQLExecuteQueryOperator(task_id="create_tables", conn_id="{{ params.database }}", sql=CREATE)

    @task
    def exports(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        folder, names = (params or {})["folder"], dict.fromkeys((params or {})["managers"])
        return [
            {
                "manager": name,
                "image_file": f"{folder}/{name}-images.jsonl",
                "device_file": f"{folder}/{name}-devices.jsonl",
            }
            for name in names
        ]

    @task
    def snapshot(
        manager: str, images: dict[str, Any], devices: dict[str, Any], run_id: str | None = None
    ) -> dict[str, Any]:
        """Return the parameters of the statements: a thousand images are some 300 kB."""
        listed, found = (
            [json.loads(line) for line in ObjectStoragePath(written["path"]).read_text().split("\n") if line]
            for written in (images, devices)
        )
        return {
            "run_id": run_id,
            "connection": manager,
            "taken_at": datetime.now(timezone.utc).isoformat(),
            "images": json.dumps(listed),
            "devices": json.dumps([{**row, "running_order": order_of(row["running"])} for row in found]),
        }

    @task_group
    def export(manager: str, image_file: str, device_file: str) -> None:
        # [START list_images]
        images = ListImagesOperator(
            task_id="list_images",
            vmanage_conn_id=manager,
            output=image_file,
            map_index_template="{{ task.vmanage_conn_id }}",
        )
        # [END list_images]
        devices = ListDeviceSoftwareOperator(
            task_id="list_devices",
            vmanage_conn_id=manager,
            output=device_file,
            map_index_template="{{ task.vmanage_conn_id }}",
        )
        load = SQLExecuteQueryOperator(
            task_id="load",
            conn_id="{{ params.database }}",
            sql=LOAD,  # one transaction: the tables never have a part of a snapshot
            parameters=snapshot(manager, images.output, devices.output),
            hook_params={"log_sql": False},  # the log would hold all rows
            map_index_template="{{ task.parameters.connection }}",
            outlets=[Asset("vmanage_inventory")],
        )
        create_tables >> load

    export.expand_kwargs(exports())
