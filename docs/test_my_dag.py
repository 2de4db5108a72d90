"""A DAG, tested against a simulated manager. Before the first run: ``airflow db migrate``."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator

DAG_FILE = Path(__file__).parent / "dags" / "upgrade_prep.py"
NEW, OLD = "vmanage-20.12.4-x86_64.tar.gz", "vmanage-20.12.3-x86_64.tar.gz"


@pytest.fixture
def vm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(version="20.12.4") as vm:
        connection = {
            "conn_type": "vmanage",
            "host": vm.url,
            "login": vm.username,
            "password": vm.password,
            "extra": {"ca_bundle": vm.ca_bundle},
        }
        monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(connection))
        yield vm


@pytest.mark.parametrize("fault", [None, "expired_a", "http_503", "gateway_timeout_stored"])
def test_the_new_image_is_there_and_the_old_one_gone(vm: Simulator, tmp_path: Path, fault: str | None) -> None:
    vm.add_image(OLD)
    image = tmp_path / NEW
    image.write_bytes(b"an image")
    if fault:
        vm.faults.add(fault, times=1)

    dag = runpy.run_path(str(DAG_FILE))["upload_image"].dag
    run = dag.test(run_conf={"image": str(image)})

    assert run.state == "success"
    assert [image.file_name for image in vm.images if image.file_name] == [NEW]
    assert vm.counters.open_sessions == 0
