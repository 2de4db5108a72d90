"""Links and asset events as a user of a whole Airflow has them: ``make test-live``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

NAME = "vmanage-20.12.4-x86_64.tar.gz"


@pytest.fixture(scope="module")
def managers() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Simulator()) for name in ("first", "second")}


@pytest.fixture(scope="module")
def airflow(managers: dict[str, Simulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    connections = {name: connection_to(vm) for name, vm in managers.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VMANAGE_HOST", managers["first"].url)
        with Standalone(tmp_path_factory.mktemp("airflow"), connections) as running:
            yield running


def test_dag_scheduled_on_the_image_runs_after_mapped_uploads(
    airflow: Standalone, managers: dict[str, Simulator], tmp_path: Path
) -> None:
    image = tmp_path / NAME
    image.write_bytes(b"an image")
    run = airflow.start_run("upload_to_all", image=str(image))
    path = f"dags/upload_to_all/dagRuns/{run}"
    airflow.wait(lambda: airflow.call("GET", path)["state"] == "success", 120, "upload to both managers")

    for index, vm in enumerate(managers.values()):
        links = airflow.call("GET", f"{path}/taskInstances/upload/links?map_index={index}")
        assert links["extra_links"] == {"Software repository": f"{vm.url}/"}
        assert [image.file_name for image in vm.images] == [NAME]

    def successes() -> Any:
        runs = airflow.call("GET", "dags/when_uploaded/dagRuns")["dag_runs"]
        return [one for one in runs if one["state"] == "success"]

    woken = airflow.wait(successes, 90, "run of when_uploaded")
    events = [event for one in woken for event in airflow.result("when_uploaded", one["dag_run_id"], "react")]
    assert {
        "action": "uploaded",
        "changed": True,
        "applied": True,
        "version": "20.12.4",
        "version_id": managers["first"].images[0].version_id,
        "file_name": NAME,
        "size": 8,
        "sha512": hashlib.sha512(b"an image").hexdigest(),
    } in events
