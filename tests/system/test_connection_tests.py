"""The *Test* button in a whole Airflow: at once, and queued for a worker (Airflow 3.3): ``make test-live``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PASSWORD = "c4nary-password"
ENDED = ("success", "failed")


@pytest.fixture(scope="module")
def vm() -> Iterator[Simulator]:
    with Simulator(password=PASSWORD) as manager:
        manager.add_image("a.bin")
        yield manager


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    settings = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    with Standalone(tmp_path_factory.mktemp("airflow"), {}, settings=settings) as running:
        yield running


def at_once(airflow: Standalone, connection: dict[str, Any]) -> tuple[bool, str]:
    response = airflow.call("POST", "connections/test", connection)
    return response["status"], response["message"]


def queued(airflow: Standalone, connection: dict[str, Any]) -> tuple[bool, str]:
    works, message = queued_once(airflow, connection)
    if message.endswith("ServerResponseError"):  # of Airflow's own API, seen once on a busy machine; the hook has none
        works, message = queued_once(airflow, connection)
    return works, message


def queued_once(airflow: Standalone, connection: dict[str, Any]) -> tuple[bool, str]:
    token = airflow.call("POST", "connections/enqueue-test", connection)["token"]
    headers = {"Airflow-Connection-Test-Token": token}

    def response() -> Any:
        found = airflow.call("GET", "connections/enqueue-test", headers=headers)
        return found if found["state"] in ENDED else None

    found = airflow.wait(response, 120, "result of the queued test")
    return found["state"] == "success", found["result_message"]


@pytest.mark.parametrize("test", [at_once, queued])
def test_button_reports_what_works_and_what_to_fix(vm: Simulator, airflow: Standalone, test: Any) -> None:
    # Numbers and booleans too: the queued way hands the connection over as a URI, where they are text.
    extra = {"ca_bundle": vm.ca_bundle, "read_timeout": 20, "verify": True}
    good = {
        "connection_id": f"tried_{test.__name__}",
        "conn_type": "vmanage",
        "host": vm.url,
        "login": vm.username,
        "password": PASSWORD,
        "extra": json.dumps(extra),
    }
    works, message = test(airflow, good)
    assert works, message
    assert message.startswith(f"Connected to vManage {vm.version} at {vm.url}")
    assert message.endswith("the software repository can be read: 1 image.")

    works, message = test(airflow, {**good, "password": "c4nary-wrong"})
    assert not works
    assert f"The manager refused the login of '{vm.username}'" in message

    works, message = test(airflow, {**good, "extra": "{}"})
    assert not works
    assert message.startswith("TLS verification failed")
    assert "set ca_bundle" in message

    assert vm.counters.open_sessions == 0
    assert "c4nary" not in airflow.log.read_text()
