"""The DAG of ``make demo``, run by real Airflow against a real (simulated) manager."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.airflow_command import AirflowCommand

NEW, OLD = "vmanage-20.12.4-x86_64.tar.gz", "vmanage-20.12.3-x86_64.tar.gz"


@pytest.mark.whole_airflow
@pytest.mark.timeout(400)
def test_demo_dag_prepares_an_upgrade_and_then_changes_nothing(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    image = tmp_path / NEW
    image.write_bytes(content)
    sha512 = hashlib.sha512(content).hexdigest()
    conf = json.dumps({"image": str(image), "checksum": f"sha512:{sha512}"})
    with Simulator(version="20.12.4") as vm:
        vm.add_image(OLD, content=b"the previous image")
        airflow = AirflowCommand(tmp_path / "home", {"vmanage_default": vm})

        log = airflow.run_dag("upgrade_prep", "--conf", conf)
        first = airflow.results()
        airflow.run_dag("upgrade_prep", "2026-01-02", "--conf", conf)
        second = airflow.results()
        with Simulator(version="20.18.2") as newer:  # knows remote servers only
            airflow.connect("vmanage_default", newer)
            without_url = json.dumps({**json.loads(conf), "repository_url": None})
            airflow.run_dag("upgrade_prep", "2026-01-03", "--conf", without_url)
            assert [image.file_name for image in newer.images] == [NEW]

        assert [image.file_name for image in vm.images if image.file_name] == [NEW]
        assert [image.sha512 for image in vm.images if image.file_name] == [sha512]
        assert vm.counters.logins == vm.counters.logouts == 10
        assert vm.counters.open_sessions == 0
    actions = ("add_repository", "upload_image", "delete_previous")
    assert [first[task]["action"] for task in actions] == ["added", "uploaded", "deleted"]
    assert [second[task]["action"] for task in actions] == ["unchanged"] * 3
    assert first["wait_for_version"]["version"] == "20.12.4"
    assert [row["file_name"] for row in first["list_images"]] == [None, NEW]
    assert "100 %" in log or "all 3.0 MB sent" in log
