"""The copy DAG moves images from one manager to another and archives them, and a rerun sends nothing."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

FILE = Path(__file__).resolve().parents[2] / "example_dags" / "copy_images.py"
NAMES = ["c8000v-universalk9.20.12.4.bin", "vmanage-20.12.4-x86_64.tar.gz"]


def test_version_of_no_stored_image_fails_without_a_retry() -> None:
    stored = runpy.run_path(str(FILE))["stored"].function
    remote = {"file_name": NAMES[0], "version_type": "remote"}
    assert stored([remote, {"file_name": NAMES[1], "version_type": "vmanage"}]) == [NAMES[1]]
    for rows in ([], [remote]):
        with pytest.raises(AirflowFailException, match="no image of this version"):
            stored(rows)


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
