"""``make up`` from its first line to Ctrl-C: ``make test-live``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from scripts.simulated import ROOT, image_name
from scripts.standalone import Standalone
from scripts.up import MANAGERS, NEW, WATCHED, site

pytestmark = [pytest.mark.live, pytest.mark.timeout(590)]

LIST = "/dataservice/device/action/software"
AS_IT_IS = ("upgrade_prep", "fleet_upload", "inventory_export", "repository_upkeep")  # no one approves here

WITH_STATE = (
    "import sys; from pathlib import Path; from scripts import up; up.STATE = Path(sys.argv[1]); sys.exit(up.main())"
)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """As a script starts it in the background, which leaves SIGINT ignored."""
    command = [sys.executable, "-c", WITH_STATE, str(tmp_path)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        yield process
        process.terminate()


def output_of(process: subprocess.Popen[str]) -> str:
    """What it prints until everything runs."""
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def test_addresses_are_printed_and_ctrl_c_leaves_no_process(up: subprocess.Popen[str]) -> None:
    text = output_of(up)
    airflow, password = re.findall(r"^Airflow +(\S+) +sign in: admin / (\S+)$", text, re.MULTILINE)[0]
    managers = dict(re.findall(r"^(vmanage_\w+) +(https://127\.0\.0\.1:\d+)/", text, re.MULTILINE))
    with requests.Session() as http:
        http.trust_env = False
        token = http.post(f"{airflow}/auth/token", json={"username": "admin", "password": password}).json()
        http.headers["Authorization"] = f"Bearer {token['access_token']}"
        known = http.get(f"{airflow}/api/v2/connections").json()["connections"]
        pools = http.get(f"{airflow}/api/v2/pools").json()["pools"]
    addresses = {one["connection_id"]: f"https://{one['host']}:{one['port']}" for one in known}
    assert managers.items() < addresses.items()
    assert len(managers) == 2
    assert sorted(addresses.keys() - managers.keys()) == ["vmanage_image_server", "vmanage_inventory_db"]
    assert "vmanage_uploads" in [pool["name"] for pool in pools]
    started = psutil.Process(up.pid).children(recursive=True)
    assert len(started) > 5
    listening = [
        each.laddr.ip
        for one in (psutil.Process(up.pid), *started)
        for each in one.net_connections()
        if each.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}

    up.send_signal(signal.SIGINT)
    up.send_signal(signal.SIGINT)  # somebody impatient
    assert up.wait(60) == 0

    assert [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def runs(airflow: Standalone, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.call("GET", f"dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    return found


def states(airflow: Standalone, dag_id: str) -> list[str]:
    return [run["state"] for run in runs(airflow, dag_id)]


def asset_events(airflow: Standalone) -> list[tuple[Any, ...]]:
    """DAG, task, action and file of each event that a task made."""
    found = airflow.call("GET", "assets/events?limit=100")["asset_events"]
    return [
        (one["source_dag_id"], one["source_task_id"], one["extra"].get("action"), one["extra"].get("file_name"))
        for one in found
    ]


def test_examples_succeed_and_an_image_starts_the_waiting_one(tmp_path: Path) -> None:
    with site(tmp_path, [0] * (1 + len(MANAGERS))) as running:
        airflow, vm = running.airflow, running.managers["vmanage_default"]
        airflow.unpause("on_new_image")
        airflow.wait(lambda: LIST in [request.path for request in vm.requests], 120, "first poll of the triggerer")
        for dag_id in AS_IT_IS:
            airflow.start_run(dag_id)
        for dag_id in AS_IT_IS:
            # inventory_export runs again after each change of the others
            airflow.wait(lambda dag_id=dag_id: {*states(airflow, dag_id)} == {"success"}, 240, f"good end of {dag_id}")
        # upgrade_prep and fleet_upload bring the same image: the first uploads it, and it is unchanged for the other.
        uploaded = ("uploaded", image_name(NEW))
        airflow.wait(lambda: uploaded in [one[2:] for one in asset_events(airflow)], 60, "event of the upload")
        airflow.wait(
            lambda: "asset_triggered" in [run["run_type"] for run in runs(airflow, "inventory_export")],
            120,
            "run of inventory_export that an event starts",
        )

        airflow.start_run("fleet_upload", image=str(tmp_path / "images" / image_name(WATCHED)))
        airflow.wait(lambda: states(airflow, "on_new_image") == ["success"], 180, "run that the image starts")
        (run,) = airflow.call("GET", "dags/on_new_image/dagRuns")["dag_runs"]
        (row,) = airflow.result("on_new_image", run["dag_run_id"], "new_rows")
        assert row["file_name"] == image_name(WATCHED)
