"""Five hundred devices in one task: seconds of CPU, and bytes of a row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.actions import Target
from airflow_provider_vmanage.client.device_actions.state import MAX_ROW_BYTES, DeviceWork
from airflow_provider_vmanage.client.device_actions.task_status import parse_status, verdict_of
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import ACTIVATE, NEW, OLD, add_edges, names

COUNT = 500


def status_of(count: int) -> dict[str, Any]:
    line = "[29-Jun-2022 1:29:11 UTC] (7/60) Operation status being verified by vManage"
    rows = [
        {
            "uuid": f"C8K-{number:032d}",
            "system-ip": f"10.0.{number // 250}.{number % 250}",
            "local-system-ip": f"10.0.{number // 250}.{number % 250}",
            "status": "Success",
            "statusId": "success",
            "activity": [line] * 60,
        }
        for number in range(count)
    ]
    return {"data": rows, "summary": {"status": "done"}, "validation": {"statusId": "validation_success"}}


def cpu_of(call: Callable[[], Any]) -> float:
    """Return the least seconds of CPU of a few tries, since others use the machine as well."""
    spent = []
    for _ in range(5):
        begin = time.process_time()
        call()
        spent.append(time.process_time() - begin)
    return min(spent)


def test_status_of_500_devices_is_judged_in_50_ms() -> None:
    body = status_of(COUNT)
    targets = [Target(row["uuid"], row["system-ip"]) for row in body["data"]]

    def judge() -> None:
        status = parse_status(body)
        assert status.has_ended(targets)
        assert all(verdict_of(status, target).succeeded for target in targets)

    assert cpu_of(judge) < 0.05


@pytest.mark.slow
def test_500_devices_are_activated_by_one_request(vm: Simulator, upgrade_on: Callable[..., SoftwareUpgrade]) -> None:
    edges = add_edges(vm, ACTIVATE, COUNT)
    state = upgrade_on(vm).run(ACTIVATE, names(edges), [NEW], max_devices=COUNT)
    assert [work.action for work in state.works] == ["activated"] * COUNT
    assert sum(one.path.endswith("/changepartition") for one in vm.requests) == 1
    assert cpu_of(state.as_result) < 0.05


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", '"', "\x00"])
def test_row_takes_800_bytes_at_most(letter: str) -> None:
    device = Device(
        "branch-router-1.example.com",
        running="17.12.04.0.6740",
        default=OLD,
        available=tuple(f"17.{number:02d}.04a.0.4733" for number in range(4)),
        device_id="C8K-12345678-1234-1234-1234-123456789ABC",
        platform_family="c8000v",
        system_ip="255.255.255.255",
        site_id="4294967295",
        role="vedge",
    )
    work = DeviceWork(
        device,
        ("17.12.04.0.6740.1708123456",),
        device.as_target(),
        from_version=OLD,
        process_id="change_partition-12345678-1234-1234-1234-123456789abc",
        started_at="2026-11-26T08:00:00+00:00",
    ).end("failed", letter * 500, letter * 500)
    row = work.as_row(applied=True)
    assert len(json.dumps(row)) <= MAX_ROW_BYTES == 800
    assert row["reason"].startswith(letter * 3)
    assert row["available"] == list(device.available)


def test_row_that_fits_is_not_cut() -> None:
    device = Device("edge-1", running=OLD, device_id="d6a5f3a2-0000", available=(NEW,))
    row = DeviceWork(device, (NEW,), device.as_target()).end("failed", "r" * 150, "a" * 100).as_row(applied=True)
    assert (row["reason"], row["activity"]) == ("r" * 150, "a" * 100)
