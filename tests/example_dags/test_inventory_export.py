"""The inventory DAG: files and rows for every manager that responds, and a history of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

FIRST, SECOND, THIRD = (f"vmanage-20.12.{n}-x86_64.tar.gz" for n in (3, 4, 5))


class Inventory:
    """An Airflow of its own, the managers that it asks, and the database that the DAG fills."""

    def __init__(self, folder: Path, **managers: Simulator) -> None:
        self.database = folder / "inventory.db"
        self.conf = json.dumps({"managers": list(managers), "folder": str(folder)})
        inventory = {"conn_type": "sqlite", "host": str(self.database)}
        settings = {"AIRFLOW_CONN_VMANAGE_INVENTORY_DB": json.dumps(inventory)}
        self._airflow = AirflowCommand(folder / "home", managers, settings=settings)
        self.connect = self._airflow.connect

    def run(self, day: int) -> str:
        """Run the DAG, whether or not it succeeds, and return its output."""
        return self._airflow.run("dags", "test", "inventory_export", f"2026-01-{day:02}", "--conf", self.conf)[1]

    def rows(self, columns: str, table: str = "vmanage_images") -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute(f"SELECT {columns} FROM {table} ORDER BY run_id, connection, rowid").fetchall()  # noqa: S608


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_tables_keep_the_lists_of_every_run(tmp_path: Path, connect: Callable[..., None]) -> None:
    with Simulator() as north, Simulator() as south:
        north.add_image(FIRST)
        south.add_image(FIRST)
        south.add_image(SECOND)
        south.add_device("branch-1", version="17.09.04a.0.6", site_id=7)
        inventory = Inventory(tmp_path, north=north, south=south)

        log = inventory.run(day=1)
        assert inventory.rows("connection, manager, version, file_name, version_type, platform_family") == [
            ("north", north.url, "20.12.3", FIRST, "vmanage", '["vmanage"]'),
            ("south", south.url, "20.12.3", FIRST, "vmanage", '["vmanage"]'),
            ("south", south.url, "20.12.4", SECOND, "vmanage", '["vmanage"]'),
        ], log
        assert sorted(moment for (moment,) in inventory.rows("updated_on")) == sorted(
            image.updated_on for vm in (north, south) for image in vm.images
        )
        devices = "connection, device, site_id, running, running_order, reachable"
        assert ("south", "branch-1", "7", "17.09.04a.0.6", "0017.0009.0004a", 1) in inventory.rows(
            devices, "vmanage_devices"
        )
        written = (tmp_path / "south-images.jsonl").read_text().splitlines()
        assert [json.loads(line)["file_name"] for line in written] == [FIRST, SECOND]

        # The north has nothing left, and the south refuses every login.
        connect(north)
        with VManageHook() as hook:
            hook.delete_image(file_name=FIRST)
        inventory.connect("south", south, password="wrong")
        log = inventory.run(day=2)
        assert inventory.rows("connection", "vmanage_snapshots") == [("north",), ("south",), ("north",)], log

        north.add_image(THIRD)
        inventory.connect("south", south)
        log = inventory.run(day=3)
        assert inventory.rows("connection, file_name") == [
            *[("north", FIRST), ("south", FIRST), ("south", SECOND)],
            *[("north", THIRD), ("south", FIRST), ("south", SECOND)],
        ], log
