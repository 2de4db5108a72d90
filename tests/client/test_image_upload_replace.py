"""Replacing an image: the old one is deleted last, and only once the new one is known to be good."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import IO, Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageChecksumError,
    VManageError,
    VManageInUseError,
    VManageSourceError,
)
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
OLD = b"the old image"
PACKAGE = "POST device/action/software/package"
LIST = "GET device/action/software"
DEVICES = [
    *(f"GET device/action/install/devices/{kind}" for kind in ("vedge", "controller", "vmanage")),
    "GET device/action/status/tasks",
]


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    vm_of_release.add_image(NAME, content=OLD)
    return vm_of_release


@pytest.fixture
def replace(upload: Callable[..., ImageUpload]) -> Callable[..., ImageUpload]:
    return lambda **options: upload(NAME, if_exists="replace", **options)


@pytest.fixture
def after_login(vm: Simulator, calls: Callable[..., list[str]]) -> Callable[[], list[str]]:
    """What was received after login, release and token."""
    return lambda: calls(vm)[2 if vm.release.has_token else 3 :]


def digest_of(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


def delete(version_id: str) -> str:
    return f"DELETE device/action/software/{version_id}"


def stored(vm: Simulator) -> list[str | None]:
    return [image.sha512 for image in vm.images]


@pytest.mark.slow
@pytest.mark.parametrize("checked", [True, False])
def test_old_image_is_deleted_before_the_new_one_is_sent(
    checked: bool,
    vm: Simulator,
    image: bytes,
    replace: Callable[..., ImageUpload],
    after_login: Callable[[], list[str]],
) -> None:
    old = vm.images[0]

    change = replace(checksum=Checksum("sha512", digest_of(image)) if checked else None).run()

    assert stored(vm) == [digest_of(image)]
    assert after_login() == [
        *(LIST, *DEVICES),
        *(LIST, *DEVICES, delete(old.version_id), LIST),
        *(PACKAGE, LIST),
    ]
    assert (change.action, change.sha512) == ("replaced", digest_of(image))
    assert change.image.version_id == vm.images[0].version_id != old.version_id


def test_where_nothing_is_there_replace_is_an_upload(
    vm: Simulator, replace: Callable[..., ImageUpload], after_login: Callable[[], list[str]]
) -> None:
    vm.repository.delete(vm.images[0].version_id)
    assert replace().run().action == "uploaded"
    assert after_login() == [LIST, PACKAGE, LIST]


def break_off() -> IO[bytes]:
    raise FileNotFoundError("gone")


class Broken(io.BytesIO):
    def readinto(self, buffer: Any, /) -> int:
        raise OSError("the store is unavailable")


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
def test_wrong_checksum_costs_no_image(
    algorithm: str, vm: Simulator, replace: Callable[..., ImageUpload], after_login: Callable[[], list[str]]
) -> None:
    wrong = Checksum(algorithm, hashlib.new(algorithm, b"something else").hexdigest())
    with pytest.raises(VManageChecksumError):
        replace(checksum=wrong, allow_in_use=True).run()
    assert stored(vm) == [digest_of(OLD)]
    assert after_login() == [LIST]


@pytest.mark.parametrize("opener", [break_off, lambda: Broken(b"x"), lambda: io.BytesIO(b"short")])
def test_source_that_cannot_be_read_costs_no_image(
    opener: Callable[[], IO[bytes]],
    vm: Simulator,
    image: bytes,
    replace: Callable[..., ImageUpload],
    after_login: Callable[[], list[str]],
) -> None:
    with pytest.raises(VManageSourceError):
        replace(opener=opener, checksum=Checksum("sha512", digest_of(image)), allow_in_use=True).run()
    assert stored(vm) == [digest_of(OLD)]
    assert after_login() == [LIST]


def test_without_a_checksum_the_source_must_at_least_open(
    vm: Simulator, replace: Callable[..., ImageUpload], after_login: Callable[[], list[str]]
) -> None:
    with pytest.raises(VManageSourceError, match="no such file"):
        replace(opener=break_off, allow_in_use=True).run()
    assert stored(vm) == [digest_of(OLD)]
    assert after_login() == [LIST]


RUNNING = {"version": "20.15.1"}
BOOTING = {"version": "20.9.4", "defaultVersion": "20.15.1"}
AT_HAND = {"version": "20.9.4", "availableVersions": ["20.15.1"]}


@pytest.mark.parametrize(
    ("device", "in_use"),
    [
        (RUNNING, True),
        (BOOTING, True),
        (AT_HAND, False),
        ({**AT_HAND, "reachability": "unreachable"}, True),
        ({"version": "20.15.10"}, False),
        ({"version": "20.15"}, False),
        ({**RUNNING, "device_type": "vsmart"}, True),
        ({**RUNNING, "device_type": "vmanage"}, True),
    ],
)
def test_what_a_device_runs_or_boots_is_not_replaced(
    device: dict[str, Any], in_use: bool, vm: Simulator, replace: Callable[..., ImageUpload]
) -> None:
    vm.add_device("branch-1", **device)
    if not in_use:
        assert replace().run().action == "replaced"
        return
    with pytest.raises(VManageInUseError, match=r"is in use on branch-1: .*allow_in_use") as caught:
        replace().run()
    assert not caught.value.retryable
    assert stored(vm) == [digest_of(OLD)]


@pytest.mark.parametrize("allow_in_use", [True, False])
def test_use_that_begins_during_the_check_keeps_the_image(
    vm: Simulator, image: bytes, replace: Callable[..., ImageUpload], *, allow_in_use: bool
) -> None:
    devices: list[Any] = []

    def opener() -> IO[bytes]:
        if not devices:
            devices.append(vm.add_device("branch-1", **RUNNING))
        return io.BytesIO(image)

    upload = replace(opener=opener, checksum=Checksum("sha512", digest_of(image)), allow_in_use=allow_in_use)
    if allow_in_use:
        assert upload.run().action == "replaced"
        return
    with pytest.raises(VManageInUseError, match="is in use on branch-1"):
        upload.run()
    assert stored(vm) == [digest_of(OLD)]


@pytest.mark.slow
def test_late_list_of_the_old_image_confirms_nothing(
    vm: Simulator, image: bytes, replace: Callable[..., ImageUpload], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, listed, late = vm.images, vm.repository.listed, [1, 2]

    def lagging() -> list[Any]:
        shown = listed()
        return old if any(one.sha512 == digest_of(image) for one in shown) and late and late.pop() else shown

    monkeypatch.setattr(vm.repository, "listed", lagging)
    change = replace(listing_timeout=10).run()
    assert change.action == "replaced"
    assert change.image.version_id == vm.images[0].version_id != old[0].version_id
    assert late == []


def test_many_devices_are_counted_rather_than_named(vm: Simulator, replace: Callable[..., ImageUpload]) -> None:
    for number in range(12):
        vm.add_device(f"branch-{number:02}", **RUNNING)
    with pytest.raises(VManageInUseError, match="branch-09 and 2 more") as caught:
        replace().run()
    assert "branch-10" not in str(caught.value)


def test_allow_in_use_replaces_without_asking_the_devices(
    vm: Simulator, replace: Callable[..., ImageUpload], after_login: Callable[[], list[str]]
) -> None:
    vm.add_device("branch-1", **RUNNING)
    assert replace(allow_in_use=True).run().action == "replaced"
    assert not set(DEVICES) & set(after_login())


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("forbidden", "vedge"),
        ("data_null", "controller"),
        ("data_wrong_type", "vmanage"),
        ("error_4xx", "vedge"),
        ("truncated_json", "controller"),
    ],
)
def test_unreadable_device_list_counts_as_in_use(
    fault: str, kind: str, vm: Simulator, replace: Callable[..., ImageUpload]
) -> None:
    vm.faults.add(fault, path=f"*/devices/{kind}")
    with pytest.raises(VManageInUseError, match="counts as in use") as caught:
        replace().run()
    assert isinstance(caught.value.__cause__, VManageError)
    assert stored(vm) == [digest_of(OLD)]


def test_name_that_is_listed_twice_is_ambiguous(vm: Simulator, replace: Callable[..., ImageUpload]) -> None:
    vm.add_record({"versionId": "other", "versionName": "20.15.1", "availableFiles": NAME})
    with pytest.raises(VManageAmbiguousError, match="listed 2 times") as caught:
        replace(allow_in_use=True).run()
    assert len(caught.value.candidates) == 2
    assert any("id other" in one for one in caught.value.candidates)
    assert stored(vm) == [digest_of(OLD)]


def test_of_several_files_only_this_one_is_replaced(
    vm: Simulator, image: bytes, replace: Callable[..., ImageUpload], after_login: Callable[[], list[str]]
) -> None:
    neighbour = vm.add_image("neighbour.bin", version="20.15.1", group=vm.images[0].version_id)
    old = vm.images[0]
    if vm.release.six_fields:  # which shows no id of the file
        for check_mode in (True, False):
            upload = replace(allow_in_use=True)
            upload.repository.check_mode = check_mode
            with pytest.raises(VManageAmbiguousError, match=f"^file_name '{NAME}' shares its record with neighbour"):
                upload.run()
        assert stored(vm) == [digest_of(OLD), neighbour.sha512]
        return
    assert replace(allow_in_use=True).run().action == "replaced"
    assert delete(old.file_id) in after_login()
    assert stored(vm) == [neighbour.sha512, digest_of(image)]


@pytest.mark.slow
def test_failed_transfer_after_the_deletion_is_uploaded_next_try(
    vm: Simulator, image: bytes, replace: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("error_4xx", path="*/package")
    with pytest.raises(VManageError, match="refused"):
        replace().run()
    assert stored(vm) == []
    assert replace().run().action == "uploaded"
    assert stored(vm) == [digest_of(image)]
