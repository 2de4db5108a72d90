"""Airflow's command line with a home, a database and connections of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import ROOT, connection_to


class AirflowCommand:
    """An Airflow whose database is made at once.

    :param home: its home; made.
    :param managers: simulated managers by the id of their connection.
    :param dags: folder of its DAGs.
    :param settings: more environment variables.
    """

    def __init__(
        self,
        home: Path,
        managers: Mapping[str, Simulator],
        *,
        dags: Path = ROOT / "example_dags",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._database = home / "airflow.db"
        self._environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **(settings or {}),
        }
        for conn_id, vm in managers.items():
            self.connect(conn_id, vm)
        status, output = self.run("db", "migrate")
        assert status == 0, output

    def connect(self, conn_id: str, vm: Simulator, **fields: str) -> None:
        """Let a connection lead to a manager, with other fields where given."""
        connection = {**connection_to(vm), **fields}
        self._environment[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command, and return its exit status and all that it printed."""
        command = [sys.executable, "-m", "airflow", *arguments]
        ended = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    def run_dag(self, *arguments: str) -> str:
        """Run a DAG that has to succeed (``dags test``), and return all that it printed."""
        status, output = self.run("dags", "test", *arguments)
        assert status == 0, output
        return output

    def select(self, query: str) -> list[Any]:
        """Return the rows of a query on Airflow's database."""
        with closing(sqlite3.connect(self._database)) as database:
            return database.execute(query).fetchall()

    def results(self) -> dict[str, Any]:
        """Return the latest return value of each task."""
        rows = self.select("SELECT task_id, value FROM xcom WHERE key = 'return_value' ORDER BY timestamp")
        return {task: json.loads(value) for task, value in rows}
