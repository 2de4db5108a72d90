"""Pruning deletes old images and keeps the newest, protected, young, used and referred ones, with a reason."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageAuthenticationError, VManageInUseError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    ApplyRepositoryOperator,
    DeleteImageOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

DAY = 86_400_000


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def prune(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda keep=1, **options: run(PruneImagesOperator(task_id="t", keep=keep, **options))


def names(vm: Simulator) -> list[str]:
    return [image.file_name for image in vm.images]


def removed(row: dict[str, Any]) -> list[str]:
    return [one["file_name"] for one in row["removed"]]


def reasons(row: dict[str, Any]) -> dict[str, str]:
    return {one["file_name"]: one["reason"] for one in row["kept"]}


def test_newest_versions_of_each_family_and_type_stay(vm: Simulator, prune: Callable[..., Any]) -> None:
    for name in ("vmanage-20.9.9.gz", "vmanage-20.12.4.gz", "vmanage-20.12.10.gz", "viptela-20.9.4.gz"):
        vm.add_image(name)
    vm.add_image("vmanage-20.3.1.gz", image_type="virtualmachine")
    row = prune(2)
    assert removed(row) == ["vmanage-20.9.9.gz"]
    assert reasons(row)["viptela-20.9.4.gz"] == "among the 2 newest versions for vedge-x86"
    assert (row["action"], row["changed"], row["applied"], row["refused"]) == ("deleted", True, True, None)
    again = prune(2)
    assert (again["action"], again["changed"], again["removed"]) == ("unchanged", False, [])


def test_unreadable_record_stays(vm: Simulator, prune: Callable[..., Any]) -> None:
    for name in ("vmanage-20.9.9.gz", "vmanage-20.12.4.gz"):
        vm.add_image(name)
    vm.add_record({"versionId": "id-odd", "versionName": {"major": 20}, "availableFiles": "vmanage-20.3.1.gz"})
    row = prune()
    assert removed(row) == ["vmanage-20.9.9.gz"]
    assert reasons(row)[None].startswith("could not be read (versionName")  # type: ignore[index]


def test_versions_count_once_for_each_family(vm: Simulator, prune: Callable[..., Any]) -> None:
    for part in ("a", "b"):
        vm.add_image(f"vmanage-{part}-20.12.4.gz", platform_family="x")
    vm.add_image("two-20.9.1.gz", platform_family=("x", "y"))
    vm.add_image("old-20.9.0.gz", platform_family="x")
    assert removed(prune()) == ["old-20.9.0.gz"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("17.09.04.0.4733", "17.09.04a.0.4877"),
        ("17.09.04a.0.4877.1683871391", "17.09.04b.0.1.1683871000"),
        ("17.09.04a", "17.9.5"),
    ],
)
def test_rebuild_with_a_letter_is_newer(vm: Simulator, prune: Callable[..., Any], old: str, new: str) -> None:
    vm.add_image("new.bin", version=new, platform_family="isr4300")
    vm.add_image("old.bin", version=old, platform_family="isr4300")
    assert removed(prune()) == ["old.bin"]


def test_builds_of_unknown_order_stay_and_are_not_counted(vm: Simulator, prune: Callable[..., Any]) -> None:
    for version in ("20.12.4-li", "smart-li-20.13.999-3077", "20.9.3", "20.9.2"):
        vm.add_image(f"{version}.gz", version=version, platform_family="x")
    row = prune()
    assert removed(row) == ["20.9.2.gz"]
    text = "whose order among the other versions is not known"
    assert reasons(row)["20.12.4-li.gz"] == f"has the version 20.12.4-li, {text}"
    assert text in reasons(row)["smart-li-20.13.999-3077.gz"]


def test_maintenance_updates_are_not_counted_among_the_versions(vm: Simulator, prune: Callable[..., Any]) -> None:
    for name in ("c8000v-17.12.4.bin", "c8000v-17.9.4.bin", "c8000v-17.6.1.bin"):
        vm.add_image(name)
    for defect in ("17.12.4.1", "17.12.4.2", "17.12.4.3"):
        vm.add_record(
            {
                "versionId": defect,
                "availableFiles": f"[smu-{defect}.bin]",
                "versionName": defect,
                "smuCompatibleVersion": "17.12.4",
                "versionType": "vmanage",
                "platformFamily": ["c8000v"],
                "imageType": "software",
            }
        )
    row = prune(2)
    assert removed(row) == ["c8000v-17.6.1.bin"]
    assert reasons(row)["smu-17.12.4.1.bin"] == "is a maintenance update (SMU) of 17.12.4, which prune never deletes"
    assert reasons(row)["c8000v-17.9.4.bin"] == "among the 2 newest versions for c8000v"


def test_what_the_manager_runs_stays(prune: Callable[..., Any], connect: Callable[..., None]) -> None:
    with Simulator(version="20.12.4", lists_itself=False) as vm:
        connect(vm)
        for name in ("vmanage-20.15.1.gz", "vmanage-20.12.4.gz", "vmanage-20.12.3.gz"):
            vm.add_image(name)
        vm.add_device("edge", version="1.1.1")
        row = prune()
    assert removed(row) == ["vmanage-20.12.3.gz"]
    assert reasons(row)["vmanage-20.12.4.gz"] == "is in use on the manager itself"


def test_refused_login_is_the_only_thing_reported(
    vm: Simulator, prune: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    vm.faults.add("login_refused", times=None)
    with pytest.raises(VManageFailException) as caught:
        prune()
    assert isinstance(caught.value.error, VManageAuthenticationError)
    assert "counts as in use" not in caplog.text
    assert sum(one.path.endswith("j_security_check") for one in vm.requests) == 1


def test_image_in_use_stays_and_the_reason_is_reported(vm: Simulator, prune: Callable[..., Any]) -> None:
    vm.add_image("vmanage-20.12.9.gz")
    for name in ("runs-20.1.1.gz", "boots-20.1.2.gz", "unreachable-20.1.3.gz", "had-20.1.4.gz", "keep-me-20.1.5.gz"):
        vm.add_image(name, platform_family="vmanage")
    vm.add_device("d1", version="20.1.1")
    vm.add_device("d2", version="20.12.9", defaultVersion="20.1.2")
    vm.add_device("d3", version="20.12.9", availableVersions=["20.1.3"], reachability="unreachable")
    vm.add_device("d4", version="20.12.9", availableVersions=["20.1.4"])
    row = prune(protect=["keep-*"])
    assert removed(row) == ["had-20.1.4.gz"]
    assert reasons(row) == {
        "vmanage-20.12.9.gz": "among the 1 newest versions for vmanage",
        "runs-20.1.1.gz": "is in use on d1",
        "boots-20.1.2.gz": "is in use on d2",
        "unreachable-20.1.3.gz": "is in use on d3",
        "keep-me-20.1.5.gz": "protected by 'keep-*'",
    }


def test_what_cannot_be_judged_stays(vm: Simulator, prune: Callable[..., Any]) -> None:
    vm.add_image("vmanage-20.12.9.gz")
    vm.add_image("nothing-known.gz", platform_family="vmanage")
    vm.add_image("20.9.1.gz", platform_family=())
    vm.add_image("", version="20.1", url="https://images.example.com/")
    vm.add_image("remote-20.1.gz", version_type="files", platform_family="vmanage", url="http://files/")
    row = prune()
    assert removed(row) == []
    assert list(reasons(row).values())[1:] == [
        "has no known version",
        "has no platform family, so its older and newer versions are not known",
        "is not stored on the manager",
        "is not stored on the manager",
    ]


@pytest.mark.parametrize("listed", ["17.9.1", "17.09.01.0.155356.1646904830"])
def test_version_that_a_maintenance_update_needs_stays(vm: Simulator, prune: Callable[..., Any], listed: str) -> None:
    vm.add_image("c8000v-17.12.4.bin")
    vm.add_image("c8000v-17.9.1.bin", version=listed)
    vm.add_image("c8000v-17.6.1.bin")
    vm.add_record(
        {
            "versionId": "smu",
            "availableFiles": "[c8000v-smu.bin]",
            "versionName": "17.9.1.CSCab12345",
            "smuCompatibleVersion": "17.9.1",
            "versionType": "vmanage",
            "platformFamily": ["c8000v"],
            "imageType": "smu",
        }
    )
    row = prune()
    assert removed(row) == ["c8000v-17.6.1.bin"]
    assert reasons(row)["c8000v-17.9.1.bin"] == "is referred to by c8000v-smu.bin (version 17.9.1.CSCab12345, id smu)"


@pytest.mark.parametrize("older_than", [timedelta(days=90), "90d", "2160h", " 90 D "])
def test_only_images_that_are_old_enough_are_deleted(vm: Simulator, prune: Callable[..., Any], older_than: Any) -> None:
    now = int(time.time() * 1000)
    vm.add_image("vmanage-20.12.9.gz", updated_on=now)
    vm.add_image("vmanage-20.12.8.gz", updated_on=now - 89 * DAY)
    vm.add_image("vmanage-20.12.7.gz", updated_on=now - 91 * DAY)
    row = prune(older_than=older_than)
    assert removed(row) == ["vmanage-20.12.7.gz"]
    assert reasons(row)["vmanage-20.12.8.gz"] == "is not older than 90 days, 0:00:00"


@pytest.mark.slow
def test_more_deletions_than_allowed_are_refused_and_reported(vm: Simulator, prune: Callable[..., Any]) -> None:
    for number in range(12):
        vm.add_image(f"vmanage-20.11.{number}.gz")
    row = prune(check_mode=True)
    assert (len(row["removed"]), row["applied"], row["changed"]) == (11, False, True)
    assert row["refused"].startswith("11 images would be deleted, and max_deletions is 10")
    with pytest.raises(VManageFailException, match="11 images would be deleted"):
        prune()
    assert len(vm.images) == 12
    assert prune(max_deletions=11)["action"] == "deleted"
    assert names(vm) == ["vmanage-20.11.11.gz"]


def test_deletions_before_a_failure_are_reported(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image("vmanage-20.12.9.gz")
    gone, stays = (vm.add_image(name) for name in ("vmanage-20.12.2.gz", "vmanage-20.12.1.gz"))
    vm.faults.add("forbidden", method="DELETE", path=f"device/action/software/{stays.version_id}")
    pushed: dict[str, Any] = {}
    task = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    with pytest.raises(VManageFailException, match="1 of 2 changes were made"):
        run(PruneImagesOperator(task_id="t", keep=1), {"ti": task})
    assert [row["file_name"] for row in pushed["done"]] == [gone.file_name]
    assert names(vm) == ["vmanage-20.12.9.gz", stays.file_name]


def test_devices_that_cannot_be_listed_keep_every_image(vm: Simulator, prune: Callable[..., Any]) -> None:
    vm.add_image("vmanage-20.12.2.gz")
    vm.add_image("vmanage-20.12.1.gz")
    vm.faults.add("forbidden", path="device/action/install/devices/vmanage")
    row = prune()
    assert removed(row) == []
    assert "counts as in use" in reasons(row)["vmanage-20.12.1.gz"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"keep": 0}, "keep is 0: give 1 or more"),
        ({"keep": -1}, "keep is -1: give a whole number, 1 or more"),
        ({"keep": "3"}, "keep is '3': give a whole number, 1 or more"),
        ({"keep": 1, "protect": [7]}, "protect is .*: give a list of patterns"),
        ({"keep": 1, "protect": "[broken"}, "protect is text that is neither"),
        ({"keep": 1, "older_than": "90"}, "older_than is '90': give a timedelta"),
        ({"keep": 1, "older_than": 90}, "older_than is 90: give a timedelta"),
        ({"keep": 1, "max_deletions": -1}, "max_deletions is -1: give a whole number"),
    ],
)
def test_bad_rules_are_refused_unsent(
    vm: Simulator, prune: Callable[..., Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(VManageFailException, match=f"^{text}"):
        prune(**options)
    assert vm.requests == []


def test_no_operation_deletes_while_an_activation_runs(vm: Simulator, run: Callable[..., Any], tmp_path: Path) -> None:
    for name in (old := "vmanage-20.9.9.gz", "vmanage-20.12.4.gz"):
        vm.add_image(name)
    (tmp_path / old).write_bytes(b"new")
    plan = PlanRepositoryOperator(task_id="t", images=[{"file_name": "vmanage-20.12.4.gz"}], exact=True)
    free = run(plan)
    assert [one["file_name"] for one in free["remove"]] == [old]
    task = {"action": "changepartition", "processId": "changepartition-1", "name": "Activate"}
    body = json.dumps({"runningTasks": [task]})
    path = "device/action/status/tasks"
    vm.faults.add("status", None, status=200, body=body, content_type="application/json", path=path)
    assert run(plan)["remove"] == []
    for operation in (
        DeleteImageOperator(task_id="t", file_name=old),
        UploadImageOperator(task_id="t", source=str(tmp_path / old), if_exists="replace"),
        ApplyRepositoryOperator(task_id="t", plan=free),
        PruneImagesOperator(task_id="t", keep=1),
    ):
        with contextlib.suppress(VManageInUseError, VManageFailException):
            assert run(operation)["removed"] == []
    assert not [one for one in vm.requests if one.method == "DELETE" or one.path.endswith("/package")]
