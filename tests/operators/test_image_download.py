"""Downloads as a DAG runs them: the target appears only when the image is complete and right."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import store
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageProtocolError,
    VManageSessionExpiredError,
    VManageTargetError,
)
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import DownloadImageOperator
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
IMAGE = b"\x1f\x8b" + bytes(range(256)) * 15_000
SHA512, SHA256 = (hashlib.new(name, IMAGE).hexdigest() for name in ("sha512", "sha256"))
FILE = f"*/package/{NAME}"


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    vm.add_image(NAME, IMAGE)
    return vm


@pytest.fixture
def download(run: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def execute(target: Any, **options: Any) -> dict[str, Any]:
        task = DownloadImageOperator(task_id="download", target=target, **{"file_name": NAME, **options})
        row: dict[str, Any] = run(task)
        return row

    return execute


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("checksum", [None, f"sha512:{SHA512}", f"sha256:{SHA256}"], ids=["none", "sha512", "sha256"])
def test_image_is_written_and_the_row_describes_it(
    checksum: str | None, vm: Simulator, download: Any, tmp_path: Path
) -> None:
    target = tmp_path / "image.bin"
    row = download(str(target), checksum=checksum)
    assert files_in(tmp_path) == {"image.bin": IMAGE}
    (image,) = vm.images
    assert row == {
        "action": "downloaded",
        "changed": True,
        "version": "20.15.1",
        "version_id": image.version_id,
        "file_name": NAME,
        "image_type": "software",
        "version_type": "vmanage",
        "platform_family": ["vmanage"],
        "updated_on": image.updated_on,
        "size": len(IMAGE),
        "sha512": SHA512,
        "verified": checksum.partition(":")[0] if checksum else None,
        "applied": True,
        "target": str(target),
    }
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


@pytest.mark.parametrize("form", ["{}/", "file://{}/"], ids=["path", "URL"])
def test_image_keeps_its_name_in_a_folder(form: str, vm: Simulator, download: Any, tmp_path: Path) -> None:
    row = download(form.format(tmp_path))
    assert files_in(tmp_path) == {NAME: IMAGE}
    assert row["target"].endswith(f"/{NAME}")


@pytest.mark.parametrize("form", ["{}/", "file://{}/"], ids=["path", "URL"])
def test_name_in_a_folder_is_no_part_of_a_url(form: str, vm: Simulator, download: Any, tmp_path: Path) -> None:
    name = "a#b%20c.bin"
    vm.add_image(name, IMAGE)
    download(form.format(tmp_path), file_name=name)
    assert files_in(tmp_path) == {name: IMAGE}


def test_published_list_names_the_checksum(vm: Simulator, download: Any, tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{SHA512}  {NAME}\n")
    assert download(str(tmp_path / "a.bin"), checksum=f"file:{tmp_path / 'sums'}")["verified"] == "sha512"
    (tmp_path / "sums").write_text(f"{SHA512}  other.bin\n")
    with pytest.raises(VManageFailException, match="checksum"):
        download(str(tmp_path / "b.bin"), checksum=f"file:{tmp_path / 'sums'}")
    assert set(files_in(tmp_path)) == {"sums", "a.bin"}


def test_check_mode_writes_nothing(vm: Simulator, download: Any, tmp_path: Path, calls: Any) -> None:
    row = download(str(tmp_path / "image.bin"), check_mode="true")
    assert (row["action"], row["applied"], row["size"]) == ("downloaded", False, None)
    assert files_in(tmp_path) == {}
    assert not any("package" in call for call in calls(vm))


# -- nothing is left behind ------------------------------------------------------------------------------------------


def spoil(vm: Simulator, trouble: str) -> dict[str, Any]:
    if trouble == "wrong checksum":
        return {"checksum": f"sha512:{SHA512[::-1]}"}
    if trouble == "not there":
        return {"file_name": "other.bin"}
    options = {"cut_download": {"after_bytes": 1_000_000}, "login_refused": {}}.get(trouble, {"path": FILE})
    vm.faults.add(trouble, times=None, **options)
    return {}


TROUBLES: dict[str, tuple[type[Exception], str]] = {
    "cut_download": (VManageProtocolError, rf"^The download of '{NAME}' broke off after \d+ of {len(IMAGE)} bytes"),
    "html_200": (VManageSessionExpiredError, "login page instead of data"),
    "forbidden": (VManageFailException, "the user lacks a role"),
    "error_200": (VManageFailException, "Simulated failure"),
    "login_refused": (VManageFailException, "refused the login"),
    "not there": (VManageFailException, "^No image has the file_name 'other.bin'"),
    "wrong checksum": (VManageFailException, rf"^checksum mismatch for {NAME}: .* Nothing was written to target"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("kept", [None, b"of last week"], ids=["no file", "an older file"])
def test_failed_download_leaves_the_target_as_it_was(
    kept: bytes | None, trouble: str, vm: Simulator, download: Any, tmp_path: Path
) -> None:
    target = tmp_path / "image.bin"
    if kept:
        target.write_bytes(kept)
    error, words = TROUBLES[trouble]
    options = spoil(vm, trouble)
    with pytest.raises(error, match=words):
        download(str(target), **options)
    assert files_in(tmp_path) == ({"image.bin": kept} if kept else {})
    assert vm.counters.open_sessions == 0
    assert vm.counters.refused_logins == (trouble == "login_refused")


def test_unknown_connection_is_named(vm: Simulator, download: Any, tmp_path: Path) -> None:
    with pytest.raises(VManageFailException, match=r"^Connection 'unknown_conn' does not exist"):
        download(str(tmp_path / "a.bin"), vmanage_conn_id="unknown_conn")
    assert (files_in(tmp_path), vm.requests) == ({}, [])


def test_retry_after_a_cut_writes_the_whole_image(vm: Simulator, download: Any, tmp_path: Path) -> None:
    vm.faults.add("cut_download", after_bytes=1_000_000)
    with pytest.raises(VManageProtocolError) as caught:
        download(str(tmp_path / "image.bin"))
    assert caught.value.retryable
    download(str(tmp_path / "image.bin"))
    assert files_in(tmp_path) == {"image.bin": IMAGE}


def test_folder_without_permission_is_named(vm: Simulator, download: Any) -> None:
    with pytest.raises(
        VManageFailException, match=r"^target '/proc/image.bin' cannot be written \(.*\): correct target"
    ):
        download("/proc/image.bin")
    assert vm.counters.open_sessions == 0


def test_full_disk_is_an_error_of_the_target(vm: Simulator, download: Any, tmp_path: Path) -> None:
    class Full(MemoryFileSystem):  # type: ignore[misc]
        protocol = "memory"

        def open(self, *args: Any, **options: Any) -> Any:
            file = super().open(*args, **options)
            file.write = lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            return file

    full = Full()
    store.attach("memory", fs=full)
    with pytest.raises(VManageTargetError, match="No space left on device") as caught:
        download("memory://bucket/full.bin")
    assert caught.value.retryable
    assert [name for name in full.store if "full" in name] == []


def test_killed_download_ends_soon_and_leaves_nothing(vm: Simulator, run: Any, tmp_path: Path) -> None:
    vm.faults.add("cut_download", after_bytes=3_000_000, pause=60)
    task = DownloadImageOperator(task_id="download", file_name=NAME, target=str(tmp_path / "image.bin"))

    def kill() -> None:
        while not any(path.stat().st_size for path in tmp_path.iterdir()):
            time.sleep(0.01)
        task.on_kill()

    threading.Thread(target=kill, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(VManageCancelledError):
        run(task)
    assert time.monotonic() - began < 5
    assert files_in(tmp_path) == {}
    assert vm.counters.open_sessions == 0


# -- stores that show a file while it is written ---------------------------------------------------------------------


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryFileSystem:
    monkeypatch.setattr(store, "_STORE_CACHE", {})
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    memory = MemoryFileSystem()
    store.attach("memory", fs=memory)
    return memory


@pytest.mark.parametrize("form", [str, ObjectStoragePath], ids=["text", "path"])
def test_object_takes_its_name_when_it_is_complete(
    form: Callable[[str], Any], vm: Simulator, download: Any, memory: MemoryFileSystem
) -> None:
    row = download(form("memory://bucket/images/image.bin"), checksum=f"sha512:{SHA512}")
    assert {name: memory.cat(name) for name in memory.find("/")} == {"/bucket/images/image.bin": IMAGE}
    assert row["target"].replace(":///", "://") == "memory://bucket/images/image.bin"  # Airflow 3.1 writes three


@pytest.mark.parametrize("trouble", ["cut_download", "wrong checksum"])
def test_failed_object_leaves_no_part(trouble: str, vm: Simulator, download: Any, memory: MemoryFileSystem) -> None:
    memory.pipe("/bucket/image.bin", b"of last week")
    options = spoil(vm, trouble)
    with pytest.raises(TROUBLES[trouble][0]):
        download("memory://bucket/image.bin", **options)
    assert {name: memory.cat(name) for name in memory.find("/")} == {"/bucket/image.bin": b"of last week"}
