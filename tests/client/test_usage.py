"""What is in use is not deleted, and who uses it is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from airflow_provider_vmanage.client import usage
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageInUseError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.usage import FreshUsage, Usage, read_usage
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
LISTS = "device/action/install/devices"


@pytest.mark.parametrize(
    ("device", "refused"),
    [
        ({"version": "20.9.4"}, True),
        ({"version": "20.9.5", "defaultVersion": "20.9.4"}, True),
        ({"version": "20.9.5", "availableVersions": ["20.9.4"], "reachability": "unreachable"}, True),
        ({"version": "20.9.5", "availableVersions": ["20.9.4"]}, False),
        ({"version": "20.9.40"}, False),
    ],
)
@pytest.mark.parametrize("kind", ["vedge", "vsmart", "vbond", "vmanage"])
def test_an_image_that_a_device_needs_is_not_deleted(
    vm: Simulator, repository: SoftwareRepository, device: dict[str, str], kind: str, *, refused: bool
) -> None:
    vm.add_image("a-20.9.4.bin")
    vm.add_device("branch-1", kind, **device)
    if refused:
        with pytest.raises(VManageInUseError, match=r"a-20\.9\.4\.bin .* is in use on branch-1: .* allow_in_use"):
            repository.delete_image(version="20.9.4")
        assert not [one for one in vm.requests if one.method == "DELETE"]
        assert repository.delete_image(version="20.9.4", allow_in_use=True).action == "deleted"
    else:
        assert repository.delete_image(version="20.9.4").action == "deleted"


def test_the_six_parts_of_an_image_are_the_five_of_a_device(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("isr4200.bin", version="17.09.01.0.155356.1646904830")
    vm.add_device("branch-1", version="17.09.01.0.155356")
    with pytest.raises(VManageInUseError, match="in use on branch-1"):
        repository.delete_image(file_name="isr4200.bin")
    assert len(vm.images) == 1


@pytest.mark.parametrize("kind", ["vedge", "controller", "vmanage"])
@pytest.mark.parametrize(
    ("fault", "passes"), [("error_500", True), ("forbidden", False), ("data_null", True), ("short_body", True)]
)
def test_a_device_list_that_cannot_be_read_counts_as_in_use_and_a_retry_helps_where_that_passes(
    vm: Simulator, repository: SoftwareRepository, kind: str, fault: str, passes: bool
) -> None:
    vm.add_image("a-20.9.4.bin")
    vm.faults.add(fault, times=None, path=f"{LISTS}/{kind}")
    with pytest.raises(VManageInUseError, match="counts as in use, since the devices could not be listed") as caught:
        repository.delete_image(file_name="a-20.9.4.bin")
    assert caught.value.__cause__ is not None
    assert caught.value.retryable is passes
    assert len(vm.images) == 1


def test_the_devices_are_read_after_the_list_and_before_the_deletion(
    vm: Simulator, repository: SoftwareRepository, calls: Callable[[Simulator], list[str]]
) -> None:
    image = vm.add_image("a-20.9.4.bin")
    repository.delete_image(file_name="a-20.9.4.bin")
    lists = [f"GET {LISTS}/{kind}" for kind in ("vedge", "controller", "vmanage")]
    listed = "GET device/action/software"
    assert calls(vm)[2:] == [listed, *lists, f"DELETE device/action/software/{image.version_id}", listed]


def test_what_is_missing_needs_no_look_at_devices(vm: Simulator, repository: SoftwareRepository) -> None:
    repository.delete_image(file_name="a-20.9.4.bin")
    assert not [one for one in vm.requests if LISTS in one.path]


@pytest.mark.parametrize(("count", "words"), [(10, "d09$"), (11, "d09 and 1 more$"), (250, "d009 and 240 more$")])
def test_ten_devices_are_named(count: int, words: str) -> None:
    devices = tuple(Device(f"d{number:0{len(str(count))}}", running="1.1.1") for number in range(count))
    reason = Usage(devices).reason(SoftwareImage(version="1.1.1")) or ""
    assert len(reason.split(",")) == 10
    assert re.search(words, reason)


def test_a_version_that_the_manager_does_not_know_fits_no_device() -> None:
    seen = Usage((Device("a", running="20.9.4"),))
    assert [seen.reason(SoftwareImage(version=version)) for version in ("--", None)] == [None, None]


def test_a_task_that_is_told_to_stop_while_devices_are_listed_stops(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    session.abort()
    with pytest.raises(VManageCancelledError):
        read_usage(session)


def test_the_devices_are_read_again_after_a_minute(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(usage, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    fresh = FreshUsage(connect(vm))
    image = SoftwareImage(version="20.9.4")
    assert fresh.now().reason(image) is None
    vm.add_device("branch-1", version="20.9.4")
    clock[0] += 60
    assert fresh.now().reason(image) is None
    clock[0] += 1
    assert fresh.now().reason(image) == "is in use on branch-1"
