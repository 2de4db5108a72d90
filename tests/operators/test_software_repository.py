"""The operators, run as a task runner runs them: their rows, their requests, their errors."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSourceError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    ListImagesOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
URL = "https://images.example.com/20.15/"
LIST, ADD, SEND = (
    f"{verb} device/action/software{end}" for verb, end in (("GET", ""), ("POST", ""), ("POST", "/package"))
)
DEVICES = [
    *(f"GET device/action/install/devices/{kind}" for kind in ("vedge", "controller", "vmanage")),
    "GET device/action/status/tasks",
]
IMAGE_TYPES: dict[str, tuple[type, ...]] = {
    "version": (str,),
    "version_id": (str,),
    "file_name": (str, type(None)),
    "image_type": (str, type(None)),
    "version_type": (str,),
    "platform_family": (list,),
    "updated_on": (int,),
    "size": (int, type(None)),
    "sha512": (str, type(None)),
}
ROW_TYPES = {"action": (str,), "changed": (bool,), **IMAGE_TYPES, "verified": (str, type(None)), "applied": (bool,)}


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(b"an image")
    return path


def assert_row(row: dict[str, Any], types: dict[str, tuple[type, ...]]) -> None:
    assert set(row) == set(types)
    assert {name: value for name, value in row.items() if type(value) not in types[name]} == {}
    assert json.loads(json.dumps(row)) == row


@pytest.fixture
def session_of(calls: Callable[..., list[str]]) -> Callable[[Simulator], list[str]]:
    """What was received between login and logout, both of which must be there."""

    def requests_of(vm: Simulator) -> list[str]:
        received = calls(vm)
        begin = ["POST /j_security_check", "GET client/server"]
        begin += [] if vm.release.has_token else ["GET client/token"]
        assert received[: len(begin)] == begin
        assert received[-1] == f"{vm.release.logout_verb} /logout"
        assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)
        return received[len(begin) : -1]

    return requests_of


# -- what they do ----------------------------------------------------------------------------------------------------


def test_upload(
    vm_of_release: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    session_of: Callable[..., list[str]],
    file: Path,
) -> None:
    vm = vm_of_release
    connect(vm)
    digest = hashlib.sha512(b"an image").hexdigest()
    row = run(UploadImageOperator(task_id="t", source=str(file), checksum=f"sha512:{digest}"))
    assert_row(row, ROW_TYPES)
    metadata = [f"GET device/action/software/package/{vm.images[0].file_id}/metadata"]
    assert session_of(vm) == [LIST, SEND, LIST, *(metadata if vm.release.has_metadata else [])]
    assert (row["action"], row["changed"], row["size"], row["sha512"]) == ("uploaded", True, 8, digest)
    assert row["verified"] == "sha512"
    assert (row["version"], row["version_id"], row["file_name"]) == ("20.15.1", vm.images[0].version_id, NAME)
    assert row["updated_on"] == vm.images[0].updated_on


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4"])
def test_add(
    vm_of_release: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    session_of: Callable[..., list[str]],
) -> None:
    connect(vm_of_release)
    row = run(AddRepoOperator(task_id="t", version_name="20.15", version_url=URL))
    assert_row(row, ROW_TYPES)
    assert session_of(vm_of_release) == [LIST, ADD, LIST]
    assert (row["action"], row["version"], row["file_name"]) == ("added", "20.15", None)


@pytest.mark.parametrize("selector", ["version_id", "version", "file_name"])
def test_delete(
    vm_of_release: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    session_of: Callable[..., list[str]],
    selector: str,
) -> None:
    connect(vm_of_release)
    image = vm_of_release.add_image(NAME)
    row = run(DeleteImageOperator(task_id="t", **{selector: getattr(image, selector)}))
    assert_row(row, ROW_TYPES)
    assert session_of(vm_of_release) == [LIST, *DEVICES, f"DELETE device/action/software/{image.version_id}", LIST]
    assert (row["action"], row["version_id"]) == ("deleted", image.version_id)


def test_list(
    vm_of_release: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    session_of: Callable[..., list[str]],
) -> None:
    connect(vm_of_release)
    vm_of_release.add_image(NAME)
    vm_of_release.add_image("", version="20.1", url=URL)
    rows = run(ListImagesOperator(task_id="t"))
    for row in rows:
        assert_row(row, IMAGE_TYPES)
    assert session_of(vm_of_release) == [LIST]
    assert [row["file_name"] for row in rows] == [NAME, None]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"version": "20.1"}, ["a.bin"]),
        ({"version": "20"}, []),
        ({"image_type": "software"}, ["a.bin", "b.bin"]),
        ({"image_type": "virtualmachine", "version": "20.2"}, ["c.bin"]),
        ({"image_type": "virtualmachine", "version": "20.1"}, []),
        ({"image_type": ""}, ["a.bin", "b.bin", "c.bin"]),
    ],
)
def test_list_may_be_narrowed_down(
    arguments: dict[str, str], found: list[str], vm: Simulator, run: Callable[..., Any]
) -> None:
    vm.add_image("a.bin", version="20.1")
    vm.add_image("b.bin", version="20.2")
    vm.add_image("c.bin", version="20.2", image_type="virtualmachine")
    assert [row["file_name"] for row in run(ListImagesOperator(task_id="t", **arguments))] == found  # type: ignore[arg-type]


@pytest.mark.slow
def test_rerun_changes_nothing_and_says_so(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    tasks: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
        (AddRepoOperator, {"version_name": "20.15", "version_url": URL}, "added"),
        (UploadImageOperator, {"source": str(file)}, "uploaded"),
        (DeleteImageOperator, {"file_name": NAME}, "deleted"),
    ]
    for kind, arguments, action in tasks:
        rows = [run(kind(task_id="t", **arguments)) for _ in range(2)]
        assert [(row["action"], row["changed"]) for row in rows] == [(action, True), ("unchanged", False)]
        assert (rows[1]["size"], rows[1]["sha512"], rows[1]["applied"]) == (None, None, True)
        assert set(rows[1]) == set(ROW_TYPES)


def test_upload_takes_another_name_and_replaces_it(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    arguments = {"source": str(file), "file_name": "other-1.0.bin", "if_exists": "replace", "allow_in_use": "yes"}
    rows = [run(UploadImageOperator(task_id="t", **arguments)) for _ in range(2)]  # type: ignore[arg-type]
    assert [row["action"] for row in rows] == ["uploaded", "replaced"]
    assert [image.file_name for image in vm.images] == ["other-1.0.bin"]


def test_log_has_one_line_with_the_change(
    vm: Simulator, run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    image = vm.add_image(NAME)
    for check_mode in (True, False):
        run(DeleteImageOperator(task_id="t", file_name=NAME, check_mode=check_mode))
    run(RemoteServerOperator(task_id="t", name="files", url="10.0.0.1"))
    what = f"file_name {NAME}, version 20.15.1, version_id {image.version_id}"
    said = capsys.readouterr().out.splitlines()
    lines = [line for line in said if what in line]
    assert ["check mode: would delete " in line for line in lines] == [True, False]
    assert len([line for line in said if "] added: name files " in line]) == 1


# -- how they fail ---------------------------------------------------------------------------------------------------


def test_final_error_fails_with_its_fields_and_whole_text(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    vm.faults.add("error_4xx", path="*/package", message="Failed to upload", details="disk is full", code="SIM-7")
    with pytest.raises(VManageFailException) as caught:
        run(UploadImageOperator(task_id="t", source=str(file)))
    err = caught.value
    assert (err.status, err.code, err.details, err.method) == (400, "SIM-7", "disk is full", "POST")
    assert err.path == "/dataservice/device/action/software/package"
    assert all(word in str(err) for word in ("Failed to upload", "disk is full", "SIM-7", "HTTP 400", "/package"))
    assert isinstance(err.error, VManageRejectedError)
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(
    ("fault", "options", "kind"),
    [
        ("error_500", {"path": "*/package"}, VManageRejectedError),
        ("http_429", {"path": "*/package", "times": None}, VManageUnavailableError),
        ("http_503", {"path": "device/action/software", "times": None}, VManageUnavailableError),
        ("http_503", {"path": "/j_security_check", "times": None}, VManageUnavailableError),
        ("data_null", {"path": "device/action/software"}, VManageProtocolError),
        ("never_listing", {}, VManageOutcomeUnknownError),
        ("reset_during_upload", {"times": None}, VManageOutcomeUnknownError),
    ],
)
def test_retryable_error_is_raised_unchanged(
    fault: str,
    options: dict[str, Any],
    kind: type[VManageError],
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    file: Path,
) -> None:
    connect(vm, extra={"upload_read_timeout": 2})
    vm.faults.add(fault, **options)
    if fault == "reset_during_upload":
        file.write_bytes(bytes(24 << 20))  # more than the kernel buffers, so that bytes are left
    with pytest.raises(kind) as caught:
        run(UploadImageOperator(task_id="t", source=str(file), listing_timeout=0.05))
    assert type(caught.value) is kind
    assert caught.value.retryable
    assert vm.counters.open_sessions == 0


def test_source_that_changes_during_the_read_is_retryable(
    vm: Simulator, run: Callable[..., Any], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_vmanage.client.upload.sources.os.fstat", lambda _: Path(__file__).stat())
    with pytest.raises(VManageSourceError):
        run(UploadImageOperator(task_id="t", source=str(file)))


def test_refused_login_is_sent_once(vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]) -> None:
    connect(vm, password="wrong-word")
    with pytest.raises(VManageFailException, match="refused the login") as caught:
        run(ListImagesOperator(task_id="t"))
    assert "wrong-word" not in str(caught.value)
    assert [one.path for one in vm.requests] == ["/j_security_check", "/dataservice/client/server/ready"]


def test_killed_upload_ends_and_logs_out(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    vm.faults.add("slow", delay=5, path="*/package")
    task = UploadImageOperator(task_id="t", source=str(file))
    ended: list[VManageError] = []

    def work() -> None:
        try:
            run(task)
        except VManageError as err:
            ended.append(err)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive() and not vm.images:
        thread.join(0.005)
    task.on_kill()
    thread.join(2)
    assert [type(err) for err in ended] == [VManageCancelledError]
    assert vm.counters.open_sessions == 0
