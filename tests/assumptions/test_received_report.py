"""A received report becomes payloads of the tests, which the client reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.task_status import parse_running_tasks, parse_status
from airflow_provider_vmanage.client.devices import parse_device
from airflow_provider_vmanage.client.health import parse_health
from airflow_provider_vmanage.client.models import parse_images, parse_server_info
from airflow_provider_vmanage.simulator import Simulator
from scripts.received_report import DATA, main, write_payloads
from tests.assumptions.manager_in_use import MINUTE_S, check, fill

pytestmark = pytest.mark.each_release


def _devices(body: Any) -> int:
    return sum(not parse_device(row).unreadable for row in body["data"])


READERS: dict[str, Callable[[Any], Any]] = {
    "server": lambda body: parse_server_info(body["data"]).release,
    "software": lambda body: [image for image in parse_images(body["data"]) if not image.problem],
    "images": lambda body: [image for image in parse_images(body["data"]) if not image.problem],
    "edges": _devices,
    "controllers": _devices,
    "managers": _devices,
    "devices": lambda body: parse_health(body["data"], [], []),
    "running_tasks": parse_running_tasks,
    "task": lambda body: parse_status(body).rows,
}
"""What the client makes of a payload, by the call."""


def read(file: Path) -> Any:
    body = json.loads(file.read_text(encoding="utf-8"))["response"]
    name = file.stem.partition("_")[2]
    return READERS[name](body) if name in READERS else True


@pytest.fixture
def report(release: str) -> dict[str, Any]:
    with Simulator(version=release, fleet=8, seconds_per_minute=MINUTE_S) as vm:
        fill(vm)
        return check(vm).as_json()


def test_client_reads_every_payload_of_a_report(report: dict[str, Any], release: str, tmp_path: Path) -> None:
    files = write_payloads(report, tmp_path)
    assert {file.parent.name for file in files} == {".".join(release.split(".")[:2])}
    assert {file.stem.partition("_")[2] for file in files} >= set(READERS)
    assert [file.name for file in files if not read(file)] == []
    second = write_payloads(report, tmp_path)
    assert [file.name for file in second] == [file.name.replace("report1_", "report2_") for file in files]


def test_client_reads_every_payload_received_so_far() -> None:
    for file in DATA.rglob("report*_*.json"):
        read(file)  # a list may be empty there, and no reader may fail


def test_payload_says_where_it_comes_from(tmp_path: Path) -> None:
    with Simulator() as vm:
        vm.faults.add("forbidden", times=None, path="device/counters")
        files = write_payloads(check(vm).as_json(), tmp_path)
    sample = json.loads(next(file for file in files if file.name == "report1_devices.json").read_text())
    assert set(sample) == {"source", "response"}
    assert sample["source"].startswith(
        "report of a user, redacted: GET /dataservice/device, HTTP 200, release 20.12.4, "
    )
    assert sample["source"].endswith("differs: no-read-is-forbidden, health-counters-are-a-list")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("{", "received_report: Expecting property name"),
        ("[]", "received_report: not a report of check --json, or one of another format"),
        ('{"format": 1, "responses": {}, "release": null}', "received_report: the report does not name its release"),
        (
            '{"format": 1, "responses": {}, "release": "../20.1"}',
            "received_report: the report does not name its release",
        ),
    ],
)
def test_file_that_is_no_report_is_one_line(
    content: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text(content, encoding="utf-8")
    assert main([str(file)]) == 1
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith(line)
