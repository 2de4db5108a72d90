"""The fleet DAG serves every manager it can, and names the one that it cannot."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

NAME = "vmanage-20.12.4-x86_64.tar.gz"


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_refusing_manager_stops_no_other_and_is_named(tmp_path: Path) -> None:
    image = tmp_path / NAME
    image.write_bytes(b"an image")
    with ExitStack() as stack:
        managers = {name: stack.enter_context(Simulator()) for name in ("north", "south", "west")}
        airflow = AirflowCommand(tmp_path / "home", managers)
        airflow.connect("south", managers["south"], password="wrong")
        conf = json.dumps({"managers": list(managers), "image": str(image)})
        _, log = airflow.run("dags", "test", "fleet_upload", "--conf", conf)
        held = {name: [one.file_name for one in vm.images] for name, vm in managers.items()}
        logins = managers["south"].counters.logins
    assert held == {"north": [NAME], "south": [], "west": [NAME]}, log
    assert "1 of 3 managers do not have the image: south" in log
    assert logins == 0
    rows = airflow.select("SELECT rendered_map_index FROM task_instance WHERE task_id = 'upload' ORDER BY 1")
    assert [name for (name,) in rows] == ["north", "south", "west"]
