"""Real Airflow runs every operator at DEBUG; logs, database and files are searched as they lie on the disk."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

from airflow_provider_vmanage.simulator import Simulator
from tests.secrets.conftest import OLD
from tests.secrets.search import found, secrets_sent
from tests.secrets.troubles import CANARIES, CONNECTION_FIELD, PASSWORD, SIGNATURE, URL_PASSWORD, URL_TOKEN

pytestmark = [pytest.mark.whole_airflow, pytest.mark.timeout(400)]


@dataclass
class Ran:
    """What a run left behind, and the secrets in it."""

    output: str
    home: Path
    temporary: list[str]
    secrets: dict[str, str]
    managers: dict[str, Simulator]

    @property
    def states(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return dict(database.execute("SELECT task_id, state FROM task_instance"))

    @property
    def xcoms(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            rows = database.execute("SELECT task_id, value FROM xcom WHERE key = 'return_value'")
            return {task: json.loads(value) for task, value in rows}

    @property
    def rendered(self) -> str:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            return str(database.execute("SELECT rendered_fields FROM rendered_task_instance_fields").fetchall())


def _connection(vm: Simulator, **fields: Any) -> str:
    given = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password}
    return json.dumps({**given, "extra": {"ca_bundle": vm.ca_bundle}, **fields})


def _environment(home: Path, managers: dict[str, Simulator], store: str) -> dict[str, str]:
    http = f"http://joe:{URL_PASSWORD}@{store}"
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW_CONN_GOOD": _connection(managers["good"]),
        "AIRFLOW_CONN_BROKEN": _connection(managers["broken"]),
        "AIRFLOW_CONN_REFUSED": _connection(managers["refused"], password=CONNECTION_FIELD),
        "AIRFLOW_VAR_REPOSITORY": f"ftp://joe:{URL_PASSWORD}@images.invalid/20.15/?sig={SIGNATURE}",
        "AIRFLOW_VAR_TOKEN_REPOSITORY": f"https://{URL_TOKEN}@images.invalid/20.16/",
        "AIRFLOW_VAR_IMAGE": f"{http}/new-20.15.1.bin?sig={SIGNATURE}",
        "AIRFLOW_VAR_CHECKSUMS": f"file:http://{URL_TOKEN}@{store}/SHA512SUMS?sig={SIGNATURE}",
        "TMPDIR": str(home / "tmp"),
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, store: str) -> Iterator[Ran]:
    home = tmp_path_factory.mktemp("secrets") / "home"
    (home / "tmp").mkdir(parents=True)
    with ExitStack() as stack:
        managers = {name: stack.enter_context(Simulator(password=PASSWORD)) for name in ("good", "broken", "refused")}
        managers["broken"].add_image(OLD)
        managers["broken"].faults.add("error_4xx", times=None)
        environment = _environment(home, managers, store)

        def airflow(*arguments: str) -> str:
            command = [sys.executable, "-m", "airflow", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            return done.stdout + done.stderr

        airflow("db", "migrate")
        output = airflow("dags", "test", "secrets_everywhere")
        sent = {f"{name} {key}": value for name, vm in managers.items() for key, value in secrets_sent(vm).items()}
        left = [str(one.relative_to(home / "tmp")) for one in (home / "tmp").rglob("*")]
        yield Ran(output, home, left, {**CANARIES, **sent}, managers)


def test_run_did_what_it_should(ran: Ran) -> None:
    states = ran.states
    assert {task: state for task, state in states.items() if "_good" in task and state != "success"} == {}, ran.output
    assert {task for task, state in states.items() if "_good" not in task and state == "success"} == {
        "hook_broken",
        "hook_refused",
    }
    assert ran.xcoms["upload_good"]["action"] == "uploaded"
    assert ran.xcoms["hook_good"][0] is True
    assert [vm.counters.open_sessions for vm in ran.managers.values()] == [0, 0, 0]
    assert len(ran.secrets) > len(CANARIES) + 10


@pytest.mark.skipif(Version(airflow_version) < Version("3.1.8"), reason="`dags test` of 3.1.5 shows no log of a task")
def test_log_shows_no_secret(ran: Ran) -> None:
    assert "urllib3.connectionpool" in ran.output
    assert "GET /new-20.15.1.bin?***" in ran.output
    # `airflow dags test` itself logs, at DEBUG and unmasked, each message to its masker; a worker has no such line.
    lines = [line for line in ran.output.splitlines() if "loc=supervisor.py" not in line]
    assert found(ran.secrets, {"output": "\n".join(lines)}) == []


def test_xcoms_and_rendered_fields_show_no_secret(ran: Ran) -> None:
    assert "images.invalid" in ran.rendered
    assert found(ran.secrets, {"xcom": json.dumps(ran.xcoms), "rendered": ran.rendered}) == []


def test_no_file_of_airflow_shows_a_secret(ran: Ran) -> None:
    files = [one for one in ran.home.rglob("*") if one.is_file()]
    assert "airflow.db" in {one.name for one in files}
    texts = {str(one.relative_to(ran.home)): one.read_bytes().decode("latin-1") for one in files}
    assert found(ran.secrets, texts) == []


def test_tasks_leave_no_temporary_file(ran: Ran) -> None:
    assert ran.temporary == []
