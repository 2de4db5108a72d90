"""The copy DAG moves images from one manager to another and archives them, and a rerun sends nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

NAMES = ["c8000v-universalk9.20.12.4.bin", "vmanage-20.12.4-x86_64.tar.gz"]


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_images_of_one_version_are_copied_and_archived(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    with Simulator() as vm, Simulator() as other:
        for name in (*NAMES, "vmanage-20.9.4-x86_64.tar.gz"):
            vm.add_image(name, name.encode())
        conf = {"from": "first", "to": "second", "version": "20.12.4", "folder": str(archive)}

        airflow = AirflowCommand(tmp_path / "home", {"first": vm, "second": other})
        for uploads in (2, 2):  # a rerun sends nothing
            airflow.run_dag("copy_images", "--conf", json.dumps(conf))
            assert sum(one.path.endswith("/package") for one in other.requests) == uploads
        assert sorted(image.file_name for image in other.images) == NAMES
        assert (vm.counters.open_sessions, other.counters.open_sessions) == (0, 0)
    assert {path.name: path.read_bytes() for path in archive.iterdir()} == {name: name.encode() for name in NAMES}
