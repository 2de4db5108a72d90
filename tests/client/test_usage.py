"""What is in use is not deleted, and who uses it is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.usage import CachedUsage, Usage, read_usage
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageInUseError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
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
def test_image_that_a_device_needs_is_not_deleted(
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


def test_six_parts_of_an_image_match_five_of_a_device(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("isr4200.bin", version="17.09.01.0.155356.1646904830")
    vm.add_device("branch-1", version="17.09.01.0.155356")
    with pytest.raises(VManageInUseError, match="in use on branch-1"):
        repository.delete_image(file_name="isr4200.bin")
    assert len(vm.images) == 1


@pytest.mark.parametrize(
    ("running", "listed", "refused"),
    [
        ("17.9.1", "17.09.01.0.155356.1646904830", True),
        ("17.09.01", "17.09.01.0.155356.1646904830", True),
        ("17.09.01.0.155356", "17.9.1", True),
        ("17.9.1", "17.09.01a.0.155356.1646904830", False),
        ("17.9.1", "17.09.10.0.155356.1646904830", False),
        ("20.9.3", "20.9.3.1", False),
        ("20.9.3.1", "20.9.3", False),
    ],
)
def test_short_form_of_a_version_protects_the_long_one(
    vm: Simulator, repository: SoftwareRepository, running: str, listed: str, *, refused: bool
) -> None:
    vm.add_device("branch-1", version=running)
    reason = read_usage(repository.session).reason(SoftwareImage(version=listed))
    assert reason == ("is in use on branch-1" if refused else None)


@pytest.mark.parametrize("kind", ["vedge", "controller", "vmanage"])
@pytest.mark.parametrize(
    ("fault", "passes"), [("error_500", True), ("forbidden", False), ("data_null", True), ("short_body", True)]
)
def test_unreadable_device_list_counts_as_in_use(
    vm: Simulator, repository: SoftwareRepository, kind: str, fault: str, passes: bool
) -> None:
    vm.add_image("a-20.9.4.bin")
    vm.faults.add(fault, times=None, path=f"{LISTS}/{kind}")
    with pytest.raises(VManageInUseError, match="counts as in use, since the devices could not be listed") as caught:
        repository.delete_image(file_name="a-20.9.4.bin")
    assert caught.value.__cause__ is not None
    assert caught.value.retryable is passes
    assert len(vm.images) == 1


def test_devices_and_tasks_are_read_before_the_deletion(
    vm: Simulator, repository: SoftwareRepository, calls: Callable[[Simulator], list[str]]
) -> None:
    image = vm.add_image("a-20.9.4.bin")
    repository.delete_image(file_name="a-20.9.4.bin")
    lists = [f"GET {LISTS}/{kind}" for kind in ("vedge", "controller", "vmanage")]
    listed, tasks = "GET device/action/software", "GET device/action/status/tasks"
    assert calls(vm)[2:] == [listed, *lists, tasks, f"DELETE device/action/software/{image.version_id}", listed]


def test_missing_image_needs_no_list_of_devices(vm: Simulator, repository: SoftwareRepository) -> None:
    repository.delete_image(file_name="a-20.9.4.bin")
    assert not [one for one in vm.requests if LISTS in one.path]


@pytest.mark.parametrize(("count", "text"), [(10, "d09$"), (11, "d09 and 1 more$"), (250, "d009 and 240 more$")])
def test_ten_devices_are_named(count: int, text: str) -> None:
    devices = tuple(Device(f"d{number:0{len(str(count))}}", running="1.1.1") for number in range(count))
    reason = Usage(devices).reason(SoftwareImage(version="1.1.1")) or ""
    assert len(reason.split(",")) == 10
    assert re.search(text, reason)


@pytest.mark.parametrize("version", ["--", None])
def test_stored_image_of_unknown_version_counts_as_in_use(
    vm: Simulator, repository: SoftwareRepository, version: str | None
) -> None:
    record = {"versionId": "id", "availableFiles": "a.bin", "versionType": "vmanage"}
    vm.add_record({**record, **({"versionName": version} if version else {})})
    with pytest.raises(VManageInUseError, match=r"counts as in use, since its version is not known: .* allow_in_use"):
        repository.delete_image(file_name="a.bin")
    assert repository.delete_image(file_name="a.bin", allow_in_use=True).action == "deleted"


def test_remote_image_of_unknown_version_holds_no_file_here(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record({"versionId": "id", "availableFiles": "a.bin", "versionName": "--", "versionType": "files"})
    assert repository.delete_image(file_name="a.bin").action == "deleted"


def test_what_the_manager_itself_runs_is_in_use(
    release: str, simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate(release, lists_itself=False)
    vm.add_device("edge", version="1.1.1")
    vm.add_image("vmanage.gz", version=vm.version)
    with pytest.raises(VManageInUseError, match="is in use on the manager itself"):
        SoftwareRepository(connect(vm)).delete_image(file_name="vmanage.gz")
    assert len(vm.images) == 1


def test_device_lists_that_are_all_empty_count_as_in_use(
    release: str, simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate(release, lists_itself=False)
    vm.add_image("a-1.1.1.bin")
    with pytest.raises(VManageInUseError, match="The lists of devices are all empty") as caught:
        SoftwareRepository(connect(vm)).delete_image(file_name="a-1.1.1.bin")
    assert caught.value.retryable
    assert len(vm.images) == 1


ODD = {"version": "1.1.1", "defaultVersion": {"a": 1}}


@pytest.mark.parametrize(
    ("device", "refused"),
    [
        ({**ODD, "platformFamily": "isr4300"}, True),
        ({**ODD, "platformFamily": None}, True),
        ({**ODD, "platformFamily": {"a": 1}}, True),
        ({**ODD, "platformFamily": "c8000v"}, False),
        ({"version": "1.1.1", "availableVersions": 7, "platformFamily": "isr4300"}, False),
        ({"availableVersions": 7, "reachability": "unreachable", "platformFamily": "isr4300"}, True),
    ],
)
def test_odd_device_blocks_only_what_it_may_need(
    vm: Simulator, repository: SoftwareRepository, device: dict[str, Any], *, refused: bool
) -> None:
    vm.add_image("isr4300-17.9.1.bin")
    vm.add_device("branch-9", **device)
    if refused:
        with pytest.raises(VManageInUseError, match="may be in use on branch-9, where a version cannot be read"):
            repository.delete_image(version="17.9.1")
    else:
        assert repository.delete_image(version="17.9.1").action == "deleted"


def test_aborted_task_stops_while_devices_are_listed(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    session.abort()
    with pytest.raises(VManageCancelledError):
        read_usage(session)


def test_devices_are_read_again_after_a_minute(vm: Simulator, connect: Connect, recorded_sleeps: list[float]) -> None:
    usage = CachedUsage(connect(vm))
    image = SoftwareImage(version="20.9.4")
    assert usage.now().reason(image) is None
    vm.add_device("branch-1", version="20.9.4")
    recorded_sleeps.append(60)
    assert usage.now().reason(image) is None
    recorded_sleeps.append(1)
    assert usage.now().reason(image) == "is in use on branch-1"
