"""``vmanage://`` as a file system: images are copied from a manager by what Airflow users have already."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import fsspec
import pytest
from airflow.providers.common.io.operators.file_transfer import FileTransferOperator
from airflow.sdk import DAG, ObjectStoragePath
from airflow.sdk.io import store
from moto.server import ThreadedMotoServer

from airflow_provider_vmanage.client.errors import VManageProtocolError, VManageSourceError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.filesystem import VManageFileSystem
from airflow_provider_vmanage.operators.software_repository import (
    DownloadImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
IMAGE = b"\x1f\x8b" + bytes(range(256)) * 80_000  # several blocks of every buffer, and more than one part of S3
SHA512 = hashlib.sha512(IMAGE).hexdigest()
URL = f"vmanage://lab@software/{NAME}"
LOGIN = {"aws_access_key_id": "test-access-key", "aws_secret_access_key": "test-secret-key"}
FILE = f"*/package/{NAME}"

# Of the library in Airflow 3.1, about any path that is joined.
pytestmark = pytest.mark.filterwarnings("ignore:in a future version of UPath:PendingDeprecationWarning")


@pytest.fixture(autouse=True)
def no_store_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_STORE_CACHE", {})


@pytest.fixture
def vm(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The manager behind the connection ``lab``, with one image."""
    vm.add_image(NAME, IMAGE)
    describe(vm, "lab", monkeypatch)
    return vm


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Another, empty one behind ``vmanage_default``."""
    with Simulator("20.9.4") as manager:
        describe(manager, "vmanage_default", monkeypatch)
        yield manager


def describe(vm: Simulator, conn_id: str, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    extra = {"ca_bundle": vm.ca_bundle}
    given = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({**given, **fields}))


def path_of(url: str = URL) -> Any:
    return ObjectStoragePath(url)


def assert_all_logged_out(*managers: Simulator) -> None:
    assert [vm.counters.open_sessions for vm in managers] == [0] * len(managers)


# -- what a path can do ----------------------------------------------------------------------------------------------


def test_path_reads_as_any_other(vm: Simulator) -> None:
    path = path_of()
    assert (path.exists(), path.is_file(), path.is_dir(), path.name) == (True, True, False, NAME)
    assert path.stat().st_size == path.size() == len(IMAGE)
    assert path.read_bytes() == IMAGE
    assert [one.name for one in path.parent.iterdir()] == [NAME]
    assert_all_logged_out(vm)


def test_folder_lists_what_the_manager_stores(vm: Simulator) -> None:
    vm.add_image("c8000v-20.9.bin")
    vm.add_image("", url="https://images.example.com/", version="files")
    folder = path_of("vmanage://lab@software/")
    assert folder.is_dir()
    assert sorted(one.name for one in folder.glob("*.bin")) == ["c8000v-20.9.bin"]
    assert len(list(folder.iterdir())) == 2


def test_missing_image_is_no_file(vm: Simulator) -> None:
    path = path_of("vmanage://lab@software/other.bin")
    assert (path.exists(), path.is_file()) == (False, False)
    for read in (path.stat, lambda: path.open("rb")):
        with pytest.raises(FileNotFoundError, match=r"No image has the file_name 'other.bin': correct the name"):
            read()
    assert_all_logged_out(vm)


def test_building_a_path_sends_nothing(vm: Simulator) -> None:
    assert str(path_of() / "x").startswith("vmanage://")
    assert vm.requests == []


def test_refused_login_is_never_a_missing_file(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(vm, "lab", monkeypatch, password="wrong-password")
    path = path_of()
    for ask in (path.exists, path.is_file, path.stat, lambda: path.open("rb"), lambda: list(path.parent.iterdir())):
        with pytest.raises(VManageFailException, match="login"):
            ask()
    assert vm.counters.refused_logins == 1


def test_unavailable_manager_is_never_a_missing_file(vm: Simulator, recorded_sleeps: list[float]) -> None:
    vm.faults.add("http_503", times=None, path="device/action/software")
    with pytest.raises(Exception, match="busy"):
        path_of().exists()


def test_path_outside_of_the_folder_is_refused(vm: Simulator) -> None:
    for wrong in (f"vmanage://lab@{NAME}", f"vmanage://lab@images/{NAME}"):
        with pytest.raises(VManageFailException, match="is not in the folder of images: write vmanage://connection"):
            path_of(wrong).exists()
    assert vm.requests == []


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.open("wb"),
        lambda path: path.write_bytes(b"x"),
        lambda path: path.unlink(),
        lambda path: path.copy(path.parent / "b.bin"),
        lambda path: path_of(f"file://{__file__}").copy(path),
    ],
    ids=["open", "write", "unlink", "copy", "put"],
)
def test_nothing_is_changed_through_it(change: Callable[[Any], Any], vm: Simulator) -> None:
    with pytest.raises(PermissionError, match="vmanage:// is read-only"):
        change(path_of())
    assert {one.method for one in vm.requests if "logout" not in one.path} <= {"GET", "POST"}
    assert [(image.file_name, image.size) for image in vm.images] == [(NAME, len(IMAGE))]


def test_page_in_place_of_an_image_is_never_read(vm: Simulator) -> None:
    vm.faults.add("html_200", times=None, path=FILE)
    with pytest.raises(Exception, match="login page instead of data"):
        path_of().open("rb")
    assert_all_logged_out(vm)


def test_dropped_file_is_logged_out(vm: Simulator) -> None:
    file = path_of().open("rb")
    file.read(10)
    del file
    assert_all_logged_out(vm)


def test_cached_file_system_holds_no_session(vm: Simulator) -> None:
    path = path_of()
    assert path.fs is path_of("vmanage://lab@software/").fs
    with path.open("rb") as first, path.open("rb") as second:
        assert (first.read(5), second.read(5)) == (IMAGE[:5], IMAGE[:5])
        assert vm.counters.open_sessions == 2
    assert_all_logged_out(vm)


def test_fsspec_knows_the_scheme_by_itself() -> None:
    assert fsspec.get_filesystem_class("vmanage") is VManageFileSystem
    assert VManageFileSystem().conn_id == "vmanage_default"


# -- manager to manager ----------------------------------------------------------------------------------------------


def test_image_is_copied_without_a_local_copy(
    vm: Simulator, other: Simulator, run: Callable[..., Any], files_written: list[str]
) -> None:
    row = run(UploadImageOperator(task_id="copy", source=URL, checksum=f"sha512:{SHA512}"))
    assert (row["action"], row["file_name"], row["size"], row["sha512"]) == ("uploaded", NAME, len(IMAGE), SHA512)
    assert [(image.file_name, image.sha512) for image in other.images] == [(NAME, SHA512)]
    assert {path.startswith(str(other.storage)) for path in files_written} == {True}
    assert vm.counters.logins == 2  # for its size, and for its bytes
    assert_all_logged_out(vm, other)


def test_image_that_is_there_is_not_read(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    other.add_image(NAME, IMAGE)
    assert run(UploadImageOperator(task_id="copy", source=URL))["action"] == "unchanged"
    assert vm.requests == []


def test_listed_images_are_copied_by_mapped_tasks(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image("c8000v-20.15.1.bin", b"another image")
    rows = run(ListImagesOperator(task_id="list", vmanage_conn_id="lab"))
    sources = [f"vmanage://lab@software/{row['file_name']}" for row in rows]
    with DAG("copies", schedule=None):
        mapped: Any = UploadImageOperator.partial(task_id="copy").expand(source=sources)
    for source in sources:
        assert run(mapped.unmap({"source": source}))["action"] == "uploaded"
    assert {image.file_name: image.sha512 for image in other.images} == {
        image.file_name: image.sha512 for image in vm.images
    }


@pytest.mark.parametrize(
    ("trouble", "options", "error", "words"),
    [
        ("login_refused", {}, VManageFailException, "refused the login"),
        ("forbidden", {"path": FILE}, VManageFailException, "the user lacks a role"),
        ("html_200", {"path": FILE}, VManageSourceError, "login page instead of data"),
        ("cut_download", {"after_bytes": 9_000_000}, VManageSourceError, "broke off after 9000000 of"),
    ],
)
def test_failed_copy_leaves_no_image(
    trouble: str,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
    vm: Simulator,
    other: Simulator,
    run: Callable[..., Any],
) -> None:
    vm.faults.add(trouble, times=None, **options)
    with pytest.raises(error, match=rf"^source 'vmanage://\*\*\*@software/.* cannot be read: .*{words}"):
        run(UploadImageOperator(task_id="copy", source=URL))
    assert other.images == []
    assert vm.counters.refused_logins == (trouble == "login_refused")
    assert_all_logged_out(vm, other)


def test_refusal_during_the_copy_is_one_of_the_source(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    """Not of the manager that gets the image, which would be asked to log in again."""
    for fault, options in (("slow", {"path": FILE, "delay": 0}), ("forbidden", {"path": FILE})):
        vm.faults.add(fault, times=1, **options)
    with pytest.raises(VManageFailException, match=r"^source 'vmanage://.* cannot be read: .*lacks a role"):
        run(UploadImageOperator(task_id="copy", source=URL))
    assert (other.counters.logins, other.images) == (1, [])
    assert_all_logged_out(vm, other)


def test_missing_image_or_connection_is_named(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    with pytest.raises(VManageFailException, match=r"^source 'vmanage://\*\*\*@software/x.bin' cannot be read"):
        run(UploadImageOperator(task_id="copy", source="vmanage://lab@software/x.bin"))
    with pytest.raises(VManageFailException, match=r"^Connection 'unknown_conn' does not exist"):
        run(UploadImageOperator(task_id="copy", source=f"vmanage://unknown_conn@software/{NAME}"))
    assert other.images == []


def test_image_without_length_is_no_source(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    vm.faults.add("download_without_length", times=None)
    with pytest.raises(VManageFailException, match="has no size") as caught:
        run(UploadImageOperator(task_id="copy", source=URL))
    assert isinstance(caught.value.error, VManageSourceError)
    assert_all_logged_out(vm, other)


def test_killed_copy_logs_out_of_both(vm: Simulator, other: Simulator, run: Callable[..., Any]) -> None:
    vm.faults.add("cut_download", after_bytes=9_000_000, pause=60, path=FILE, times=None)
    task = UploadImageOperator(task_id="copy", source=URL)

    def kill() -> None:
        while not any(one.path.endswith("/package") for one in other.requests):
            time.sleep(0.01)
        time.sleep(0.3)
        task.on_kill()

    threading.Thread(target=kill, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(Exception, match="Stopped on request"):
        run(task)
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 2
    while vm.counters.open_sessions and time.monotonic() < deadline:
        time.sleep(0.02)
    assert_all_logged_out(vm, other)
    assert other.images == []


# -- by Airflow's own operator, and to S3 ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_server() -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **LOGIN)
    client.create_bucket(Bucket="backup")
    yield client
    client.close()
    server.stop()


@pytest.fixture
def s3(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket behind the connection ``images``."""
    extra = {"endpoint_url": s3_server.meta.endpoint_url, "region_name": "us-east-1"}
    login, password = LOGIN.values()
    monkeypatch.setenv(
        "AIRFLOW_CONN_IMAGES", json.dumps({"conn_type": "aws", "login": login, "password": password, "extra": extra})
    )
    for key in stored(s3_server):
        s3_server.delete_object(Bucket="backup", Key=key)
    return s3_server


def stored(s3: Any) -> dict[str, str]:
    listed = s3.list_objects_v2(Bucket="backup").get("Contents", [])
    keys = [one["Key"] for one in listed]
    bodies = {key: s3.get_object(Bucket="backup", Key=key)["Body"].read() for key in keys}
    return {key: hashlib.sha512(body).hexdigest() for key, body in bodies.items()}


def unfinished(s3: Any) -> list[Any]:
    uploads: list[Any] = s3.list_multipart_uploads(Bucket="backup").get("Uploads", [])
    return uploads


def transfer(target: str, *, name: str = NAME, **options: Any) -> FileTransferOperator:
    """Airflow's own copy; in Airflow 3.1 it takes connections by these arguments alone."""
    source = f"vmanage://software/{name}"
    return FileTransferOperator(task_id="backup", src=source, source_conn_id="lab", dst=target, **options)


def test_airflow_copies_an_image_to_a_path(vm: Simulator, run: Callable[..., Any], tmp_path: Path) -> None:
    target = tmp_path / "image.bin"
    run(transfer(f"file://{target}"))
    assert target.read_bytes() == IMAGE
    assert_all_logged_out(vm)


def test_airflow_leaves_no_file_of_a_cut_download(vm: Simulator, run: Callable[..., Any], tmp_path: Path) -> None:
    vm.faults.add("cut_download", times=None, after_bytes=9_000_000)
    with pytest.raises(VManageProtocolError, match="broke off"):
        run(transfer(f"file://{tmp_path / 'image.bin'}"))
    assert list(tmp_path.iterdir()) == []
    assert_all_logged_out(vm)


def test_airflow_copies_an_image_to_s3(vm: Simulator, s3: Any, run: Callable[..., Any]) -> None:
    run(transfer(f"s3://backup/{NAME}", dest_conn_id="images"))
    assert stored(s3) == {NAME: SHA512}
    assert_all_logged_out(vm)


@pytest.mark.parametrize("name", [NAME, "other.bin"], ids=["there", "missing"])
def test_airflow_copies_nothing_after_a_refused_login(
    name: str, vm: Simulator, s3: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(vm, "lab", monkeypatch, password="wrong-password")
    with pytest.raises(VManageFailException, match="login"):
        run(transfer(f"s3://backup/{NAME}", name=name, dest_conn_id="images"))
    assert (stored(s3), vm.counters.refused_logins) == ({}, 1)


def test_download_to_s3_is_checked(vm: Simulator, s3: Any, run: Callable[..., Any]) -> None:
    task = DownloadImageOperator(
        task_id="backup",
        vmanage_conn_id="lab",
        file_name=NAME,
        target="s3://images@backup/20.15/",
        checksum=f"sha512:{SHA512}",
    )
    row = run(task)
    assert (row["target"], row["verified"]) == (f"s3://images@backup/20.15/{NAME}", "sha512")
    assert (stored(s3), unfinished(s3)) == ({f"20.15/{NAME}": SHA512}, [])


@pytest.mark.parametrize("trouble", ["cut_download", "wrong checksum", "html_200"])
def test_failed_download_to_s3_leaves_nothing(trouble: str, vm: Simulator, s3: Any, run: Callable[..., Any]) -> None:
    s3.put_object(Bucket="backup", Key=NAME, Body=b"of last week")
    checksum = f"sha512:{SHA512[::-1]}" if trouble == "wrong checksum" else None
    if not checksum:
        vm.faults.add(trouble, times=None, path=FILE, **({"after_bytes": 19_000_000} if "cut" in trouble else {}))
    target = f"s3://images@backup/{NAME}"
    task = DownloadImageOperator(task_id="t", vmanage_conn_id="lab", file_name=NAME, target=target, checksum=checksum)
    with pytest.raises(Exception, match=r"broke off|checksum mismatch|login page"):
        run(task)
    del task
    assert (stored(s3), unfinished(s3)) == ({NAME: hashlib.sha512(b"of last week").hexdigest()}, [])
