"""Whether an image is in use: what devices run, boot and may need."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.devices import (
    Device,
    _parse_device,
    devices_that_need,
    list_devices,
    same_version,
)
from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

LISTS = "device/action/install/devices"


def test_the_devices_are_in_three_lists(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    vm = vm_of_release
    for name, kind in (("edge", "vedge"), ("smart", "vsmart"), ("bond", "vbond"), ("manager", "vmanage")):
        vm.add_device(name, kind, "20.9.4", availableVersions=["20.9.3"])
    devices = list_devices(connect(vm))
    assert {device.name for device in devices} == {"edge", "smart", "bond", "manager"}
    assert devices[0] == Device("edge", "20.9.4", "20.9.4", ("20.9.3",), reachable=True, role="vedge")
    assert [call for call in calls(vm) if LISTS in call] == [
        f"GET {LISTS}/{k}" for k in ("vedge", "controller", "vmanage")
    ]
    assert vm.requests[-1].query == {"groupId": "all"}


@pytest.mark.parametrize("kind", ["vedge", "controller", "vmanage"])
@pytest.mark.parametrize(
    "fault", ["error_500", "forbidden", "data_null", "data_missing", "data_wrong_type", "short_body"]
)
def test_a_list_that_cannot_be_read_is_an_error_and_never_no_devices(
    vm: Simulator, connect: Connect, kind: str, fault: str
) -> None:
    vm.faults.add(fault, path=f"{LISTS}/{kind}")
    with pytest.raises(VManageError):
        list_devices(connect(vm))


@pytest.mark.parametrize(
    ("device", "needs"),
    [
        (Device("a", running="20.12.4"), True),
        (Device("a", default="20.12.4"), True),
        (Device("a", running="20.9.4", partition="20.12.4"), True),
        (Device("a", available=("20.12.4",)), False),
        (Device("a", available=("20.12.4",), reachable=False), True),
        (Device("a", running="20.12.40", default="20.12", available=("20.12.4.1",), reachable=False), False),
        (Device("a"), False),
    ],
)
def test_a_device_needs_what_it_runs_or_boots_and_what_it_has_while_it_is_away(device: Device, *, needs: bool) -> None:
    assert device.needs("20.12.4") is needs


def test_the_devices_that_need_a_version_are_sorted() -> None:
    devices = [Device("b", running="1.1.1"), Device("a", default="1.1.1"), Device("c", running="1.1.2")]
    assert devices_that_need(devices, "1.1.1") == ["a", "b"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("20.12.4", "20.12.4", True),
        (" 20.12.4", "20.12.4 ", True),
        ("20.12.4", "20.12", False),
        ("20.1", "20.12", False),
        ("17.09.01.0.155356.1646904830", "17.09.01.0.155356", True),
        ("17.09.01.0.155356", "17.09.01.0.155356.1646904830", True),
        ("17.09.01.0.155356.1", "17.09.01.0.155357", False),
        ("17.06.05a.0.7.1683871391", "17.06.05a.0.7", True),
        ("17.06.05a.0.7.1683871391", "17.06.05.0.7", False),
        ("17.09.01.0", "17.09.01.0.155356", False),
        ("20.13.999-2846", "20.13.999-2846", True),
        ("smart-li-20.13.999-3077", "20.13.999-3077", False),
    ],
)
def test_versions_are_compared_exactly_but_for_the_sixth_part(one: str, other: str, *, same: bool) -> None:
    assert same_version(one, other) is same


def test_a_device_of_the_documentation_is_read() -> None:
    sample = Path(__file__).parent.parent / "data" / "20.18" / "devices_vmanage.json"
    (row,) = json.loads(sample.read_text(encoding="utf-8"))["answer"]["data"]
    expected = Device("vm12", "20.13.999-2846", "20.13.999-2846", ("20.13.999-2800",), reachable=True, role="vmanage")
    assert _parse_device(row) == expected


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
def test_a_device_is_read_as_far_as_it_goes(row: dict[str, Any], device: Device) -> None:
    assert _parse_device(row) == device


@pytest.mark.parametrize(
    "row",
    [
        {"version": {"a": 1}},
        {"version": ["20.9.4"]},
        {"defaultVersion": []},
        {"availableVersions": {"20.9.4": True}},
        {"availableVersions": 7},
        {"availableVersions": [{"version": "20.9.4"}]},
    ],
)
def test_a_version_that_cannot_be_read_is_an_error_since_the_image_may_be_in_use(row: dict[str, Any]) -> None:
    with pytest.raises(VManageProtocolError):
        _parse_device({"host-name": "a", **row})
