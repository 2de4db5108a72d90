"""The upkeep DAG: remote server, its image, and what is old, in real Airflow against a simulated manager."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

IMAGE = "vmanage-20.18.2-x86_64.tar.gz"
OLD = [f"vmanage-20.12.{number}-x86_64.tar.gz" for number in (1, 2, 3)]
LONG_AGO = 1_600_000_000_000  # ms: in 2020


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_upkeep_adds_server_and_image_and_deletes_on_request(tmp_path: Path, connect: Callable[..., None]) -> None:
    with Simulator(version="20.18.2") as vm:
        connect(vm)
        for name in OLD:
            vm.add_image(name, updated_on=LONG_AGO)
        server = {"conn_type": "ssh", "host": "images.example.com", "login": "sdwan", "password": "a password"}
        settings = {"AIRFLOW_CONN_VMANAGE_IMAGE_SERVER": json.dumps(server)}
        airflow = AirflowCommand(tmp_path / "home", {}, settings=settings)
        log = airflow.run_dag("repository_upkeep", "2026-01-01")
        first = airflow.results()
        assert [first[task]["action"] for task in ("server", "image", "prune")] == ["added", "added", "deleted"], log
        assert first["prune"]["applied"] is False
        (known,) = vm.remote_servers
        assert (known["remoteServerUrl"], known["remoteServerUser"]) == ("images.example.com", "sdwan")
        assert sorted(image.file_name for image in vm.images) == sorted([*OLD, IMAGE])
        assert "a password" not in log

        airflow.run_dag("repository_upkeep", "2026-01-02", "--conf", '{"delete": true}')
        second = airflow.results()
        assert [second[task]["action"] for task in ("server", "image", "prune")] == [
            "unchanged",
            "unchanged",
            "deleted",
        ]
        assert sorted(image.file_name for image in vm.images) == sorted([*OLD[1:], IMAGE])
