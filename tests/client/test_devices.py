"""Whether an image is in use: what devices run, boot and may need."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.devices import (
    Device,
    list_devices,
    parse_device,
)
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

LISTS = "device/action/install/devices"


def test_devices_are_in_three_lists(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    vm = vm_of_release
    for name, kind in (("edge", "vedge"), ("smart", "vsmart"), ("bond", "vbond"), ("manager", "vmanage")):
        vm.add_device(name, kind, "20.9.4", availableVersions=["20.9.3"])
    devices = list_devices(connect(vm))
    assert {device.name for device in devices} >= {"edge", "smart", "bond", "manager"}
    assert devices[0] == Device("edge", "20.9.4", "20.9.4", ("20.9.3",), reachable=True, role="vedge")
    assert [call for call in calls(vm) if LISTS in call] == [
        f"GET {LISTS}/{k}" for k in ("vedge", "controller", "vmanage")
    ]
    assert vm.requests[-1].query == {"groupId": "all"}


@pytest.mark.parametrize("kind", ["vedge", "controller", "vmanage"])
@pytest.mark.parametrize(
    "fault", ["error_500", "forbidden", "data_null", "data_missing", "data_wrong_type", "short_body"]
)
def test_unreadable_list_is_an_error_and_never_no_devices(
    vm: Simulator, connect: Connect, kind: str, fault: str
) -> None:
    vm.faults.add(fault, path=f"{LISTS}/{kind}")
    with pytest.raises(VManageError):
        list_devices(connect(vm))


@pytest.mark.parametrize(
    ("device", "needed"),
    [
        (Device("a", running="20.12.4"), ("20.12.4",)),
        (Device("a", default="20.12.4"), ("20.12.4",)),
        (Device("a", running="20.9.4", partition="20.12.4"), ("20.9.4", "20.12.4")),
        (Device("a", available=("20.12.4",)), ()),
        (Device("a", available=("20.12.4",), reachable=False), ("20.12.4",)),
        (Device("a"), ()),
    ],
)
def test_device_needs_what_it_runs_boots_or_has_while_unreachable(device: Device, needed: tuple[str, ...]) -> None:
    assert device.needed == needed


def test_device_of_the_documentation_is_read() -> None:
    sample = Path(__file__).parent.parent / "data" / "20.18" / "devices_vmanage.json"
    (row,) = json.loads(sample.read_text(encoding="utf-8"))["response"]["data"]
    expected = Device("vm12", "20.13.999-2846", "20.13.999-2846", ("20.13.999-2800",), reachable=True, role="vmanage")
    assert parse_device(row) == expected


@pytest.mark.parametrize(
    ("row", "device"),
    [
        ({}, Device("unnamed device")),
        ({"uuid": "u", "system-ip": "10.0.0.1"}, Device("u")),
        ({"system-ip": "10.0.0.1", "version": " "}, Device("10.0.0.1")),
        ({"host-name": "a", "current-partition": "20.9.4"}, Device("a", running="20.9.4")),
        ({"host-name": "a", "version": "20.9.4", "current-partition": "20.9.4"}, Device("a", running="20.9.4")),
        (
            {"host-name": "a", "version": "20.9.4", "current-partition": "20.9.3"},
            Device("a", running="20.9.4", partition="20.9.3"),
        ),
        ({"host-name": "a", "version": 20.9, "availableVersions": [20]}, Device("a", "20.9", available=("20",))),
        ({"host-name": "a", "reachability": "unreachable"}, Device("a", reachable=False)),
        ({"host-name": "a", "reachability": "auth-failed"}, Device("a", reachable=False)),
        ({"host-name": "a", "availableVersions": None}, Device("a")),
        ({"host-name": "a", "availableVersions": "[20.9.3, 20.9.4]"}, Device("a", available=("20.9.3", "20.9.4"))),
        ({"host-name": "a", "availableVersions": "20.9.3"}, Device("a", available=("20.9.3",))),
    ],
)
def test_device_is_read_as_far_as_it_goes(row: dict[str, Any], device: Device) -> None:
    assert parse_device(row) == device


@pytest.mark.parametrize(
    ("row", "unreadable", "more"),
    [
        ({"version": {"a": 1}}, "version", True),
        ({"version": ["20.9.4"]}, "version", True),
        ({"current-partition": True}, "current-partition", True),
        ({"defaultVersion": []}, "defaultVersion", True),
        ({"availableVersions": {"20.9.4": True}}, "availableVersions", False),
        ({"availableVersions": 7, "reachability": "unreachable"}, "availableVersions", True),
        ({"availableVersions": [{"version": "20.9.4"}], "reachability": "unreachable"}, "availableVersions", True),
    ],
)
def test_unreadable_version_is_noted_and_the_others_are_read(
    row: dict[str, Any], unreadable: str, *, more: bool
) -> None:
    device = parse_device({"host-name": "a", "version": "1.1.1", "defaultVersion": "1.1.1", **row})
    assert (device.unreadable, device.may_need_more) == ((unreadable,), more)
    assert "1.1.1" in device.needed


def test_odd_device_is_logged_and_the_others_are_listed(
    vm: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    vm.add_device("odd", version="1.1.1", defaultVersion={"a": 1})
    vm.add_device("good", version="1.1.2")
    assert [device.name for device in list_devices(connect(vm), "vedge")] == ["odd", "good"]
    assert "odd is listed with defaultVersion that cannot be read" in caplog.text
