"""An image that a running or scheduled task of the manager needs is not deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.usage import read_usage
from airflow_provider_vmanage.client.errors import VManageAuthenticationError, VManageInUseError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
STATUS = "device/action/status"
INSTALL = {"processId": "software_install-1", "action": "software_install", "name": "Software Install"}
NEEDED = "isr4300-17.12.4.bin"
SHOWS = r"which does not show the version that it needs"


@pytest.fixture
def shows(vm: Simulator) -> Callable[..., None]:
    """Makes the manager show these tasks, and this status of any of them."""

    def show(tasks: Any, status: Any = None) -> None:
        for path, body in ((f"{STATUS}/tasks", {"runningTasks": tasks}), (f"{STATUS}/*", status)):
            if body is not None:
                text = json.dumps(body)
                vm.faults.add("status", None, status=200, body=text, content_type="application/json", path=path)

    return show


@pytest.fixture
def reason(vm: Simulator, connect: Connect) -> Callable[..., str | None]:
    """Why an image counts as in use; the device ``edge`` has the platform family isr4300."""
    vm.add_device("edge", version="17.9.1", platformFamily="isr4300", uuid="edge-uuid")

    def read(version: str = "17.12.4", family: str | None = "isr4300", **fields: Any) -> str | None:
        families = (family,) if family else ()
        return read_usage(connect(vm)).reason(SoftwareImage(version=version, platform_family=families, **fields))

    return read


def status(**row: Any) -> dict[str, Any]:
    return {"data": [{"uuid": "edge-uuid", "host-name": "edge", "version": "17.9.1", **row}]}


@pytest.mark.parametrize("release", ["16.3.1", "20.12.4"])
def test_image_of_a_running_installation_is_not_deleted(vm_of_release: Simulator, connect: Connect) -> None:
    vm, session = vm_of_release, connect(vm_of_release)
    image, other = vm.add_image(NEEDED), vm.add_image("c8000v-17.12.4.bin", version="17.12.5")
    edge = vm.add_device("edge", version="17.9.1", platformFamily="isr4300")
    body = {
        "action": "install",
        "input": {"version": image.version, "versionType": "vmanage", "reboot": False, "sync": True},
        "devices": [{"deviceIP": edge["system-ip"], "deviceId": edge["uuid"]}],
        "deviceType": "vedge",
    }
    task = session.request("POST", "device/action/install", json=body).member("id")
    session.request("GET", f"{STATUS}/{task}")  # the first poll shows no devices yet
    repository = SoftwareRepository(session)
    with pytest.raises(VManageInUseError, match=rf"needed by the task Software Install \({task}\)") as caught:
        repository.delete_image(file_name=image.file_name)
    assert caught.value.retryable
    assert len(vm.images) == 2
    session.request("GET", f"{STATUS}/{task}")  # and the last one ends the task
    assert repository.delete_image(file_name=other.file_name).action == "deleted"
    assert repository.delete_image(file_name=image.file_name).action == "deleted"


@pytest.mark.parametrize(
    "row",
    [
        {"activity": ["[1-Jan-2026 1:00:00 UTC] Upgrade Requested for SW version : 17.12.4"]},
        {"activity": [f"[1-Jan-2026 1:00:00 UTC] Software image: {NEEDED}"]},
        {"actionConfig": {"version": "17.12.04", "reboot": False}},
        {"actionConfig": json.dumps({"input": {"data": [{"family": "isr4300", "version": "17.12.4"}]}})},
        {"actionConfig": json.dumps({"input": {"data": [{"versionId": "own-id"}]}})},
        {"actionConfig": {"versionName": "17.12.4"}},
        {"actionConfig": {"targetVersion": "17.12.4"}},
        {"actionConfig": {"fileName": NEEDED}},
    ],
)
def test_task_that_names_what_it_needs_holds_only_that(
    shows: Callable[..., None], reason: Callable[..., str | None], row: dict[str, Any]
) -> None:
    shows([INSTALL], status(**row))
    expected = "is needed by the task Software Install (software_install-1)"
    assert reason("17.12.4", file_name=NEEDED, record_id="own-id") == expected
    assert reason("17.12.5", file_name="b.bin", record_id="b") is None


def test_task_that_names_a_short_version_holds_the_long_one(
    shows: Callable[..., None], reason: Callable[..., str | None]
) -> None:
    shows([INSTALL], status(actionConfig={"version": "17.12.4"}))
    assert "is needed by the task" in (reason("17.12.04.0.4733.1683871391") or "")
    assert reason("17.12.05.0.6.1683871391") is None


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"activity": [], "actionConfig": ""},
        {"activity": None, "actionConfig": "no JSON {"},
        {"activity": ["Current active partition: 17.9.1"], "actionConfig": {"version": "17.9.1"}},
        {"actionConfig": {"version": " "}},
    ],
)
def test_task_that_names_nothing_may_need_the_whole_family(
    shows: Callable[..., None], reason: Callable[..., str | None], row: dict[str, Any]
) -> None:
    shows([INSTALL], status(**row))
    assert (reason() or "").endswith(f"(software_install-1), {SHOWS}")
    assert (reason(family=None) or "").endswith(SHOWS)
    assert reason(family="c8000v") is None


@pytest.mark.parametrize(
    "given",
    [{"data": []}, {}, [], {"data": {"a": 1}}, {"data": ["odd"]}, {"data": [{"uuid": "unknown"}]}],
)
def test_task_without_known_devices_may_need_any_image(
    shows: Callable[..., None], reason: Callable[..., str | None], given: Any
) -> None:
    shows([INSTALL], given)
    assert (reason(family="c8000v") or "").endswith(SHOWS)


@pytest.mark.parametrize(
    ("task", "needs"),
    [
        ({"action": "image_download", "name": "Image Download"}, True),
        ({"action": "change_partition"}, True),
        ({"action": "changepartition", "processId": "changepartition-1", "name": "Activate"}, True),
        ({"action": "defaultpartition", "processId": "defaultpartition-1", "name": "Set Default Version"}, True),
        ({"action": "activate", "processId": "activate-1", "name": "Activate"}, True),
        ({"processId": "download-1", "name": "Download"}, True),
        ({"action": "install", "name": "Install and remove old"}, True),
        ({"action": "reboot", "processId": "software_install-1"}, True),
        ({"action": "of_a_later_release"}, True),
        ({"action": "lxc_upgrade", "name": "Application Upgrade"}, True),
        ({"action": "controllers_upgrade", "status": "scheduled"}, True),
        ({"processId": "software_install-2"}, True),
        ({"name": ""}, True),
        ({}, True),
        ("odd", True),
        ({"action": "push_feature_template_configuration", "name": "Push Feature Template Configuration"}, False),
        ({"processId": "push_file_template_configuration-1"}, False),
        ({"action": "reboot", "name": "Reboot"}, False),
        ({"action": "delete_partition", "processId": "delete_partition-1"}, False),
        ({"action": "removepartition"}, False),
        ({"action": "image_remove"}, False),
        ({"action": "image-remove"}, False),
    ],
)
def test_only_tasks_known_to_be_harmless_do_not_count(
    shows: Callable[..., None], reason: Callable[..., str | None], task: Any, *, needs: bool
) -> None:
    shows([task])
    assert (reason() is not None) is needs


def test_status_of_other_tasks_is_not_read(
    vm: Simulator, shows: Callable[..., None], reason: Callable[..., str | None]
) -> None:
    shows([{"processId": "reboot-1", "action": "reboot"}])
    assert reason() is None
    assert not [one for one in vm.requests if one.path.endswith("reboot-1")]


@pytest.mark.parametrize("fault", ["error_500", "forbidden", "html_200", "short_body"])
def test_unreadable_status_counts_as_needed(
    vm: Simulator, shows: Callable[..., None], reason: Callable[..., str | None], fault: str
) -> None:
    shows([INSTALL])
    vm.faults.add(fault, None, path=f"{STATUS}/software_install-1")
    assert "whose status cannot be read" in (reason() or "")


@pytest.mark.parametrize("tasks", [None, {"a": 1}, "none"])
def test_tasks_that_cannot_be_listed_count_as_needing_every_image(
    shows: Callable[..., None], reason: Callable[..., str | None], tasks: Any
) -> None:
    shows(tasks)
    assert "counts as in use, since the running tasks could not be listed" in (reason() or "")


@pytest.mark.parametrize(("fault", "passes"), [("error_500", True), ("forbidden", False), ("data_null", True)])
def test_retry_helps_if_the_tasks_may_be_readable_later(
    vm: Simulator, repository: SoftwareRepository, fault: str, passes: bool
) -> None:
    vm.add_image("a-20.9.4.bin")
    vm.faults.add(fault, None, path=f"{STATUS}/tasks")
    with pytest.raises(VManageInUseError, match="the running tasks could not be listed") as caught:
        repository.delete_image(file_name="a-20.9.4.bin")
    assert caught.value.retryable is passes
    assert len(vm.images) == 1


def test_refused_login_is_no_sign_of_use(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("login_refused", None)
    with pytest.raises(VManageAuthenticationError):
        read_usage(connect(vm))
