"""The manager's list comes first: what is there already needs no source any more."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConflictError, VManageSourceError
from airflow_provider_vmanage.client.upload.resume_note import UploadNote
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator

NAME = "a.bin"


@pytest.fixture
def hook(vm: Simulator, connect: Callable[..., None]) -> Iterator[VManageHook]:
    connect(vm)
    with VManageHook() as hook:
        yield hook


@pytest.fixture
def sent(vm: Simulator) -> Callable[[], list[str]]:
    """What was sent besides reads and the login."""
    return lambda: [one.path for one in vm.requests if one.method != "GET" and one.path != "/j_security_check"]


@contextmanager
def counting_server(asked: list[str]) -> Iterator[str]:
    """A file server that has nothing (any more)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("check_mode", [True, False])
def test_existing_image_needs_neither_source_nor_list_of_checksums(
    vm: Simulator, hook: VManageHook, sent: Callable[[], list[str]], *, check_mode: bool
) -> None:
    vm.add_image(NAME)
    asked: list[str] = []
    with counting_server(asked) as url:
        for source, checksum in (
            (f"{url}/{NAME}", f"file:{url}/sums"),
            (f"/nowhere/{NAME}", "file:/nowhere/sums"),
            (f"s3://missing@nowhere/{NAME}", None),
        ):
            change = hook.upload_image(source, checksum=checksum, check_mode=check_mode)
            assert (change.action, change.sha512, change.applied) == ("unchanged", None, not check_mode)
    assert asked == []
    assert sent() == []


def test_taken_name_is_reported_before_a_missing_source(vm: Simulator, hook: VManageHook) -> None:
    vm.add_image(NAME)
    with pytest.raises(VManageConflictError):
        hook.upload_image(f"/nowhere/{NAME}", if_exists="fail")


@pytest.mark.parametrize("options", [{"source": f"/nowhere/{NAME}"}, {"checksum": "file:/nowhere/sums"}], ids=str)
def test_replacement_whose_source_is_gone_leaves_the_old_image(
    options: dict[str, Any], vm: Simulator, hook: VManageHook, sent: Callable[[], list[str]], tmp_path: Path
) -> None:
    vm.add_image(NAME)
    (tmp_path / NAME).write_bytes(b"image")
    with pytest.raises(VManageSourceError, match=r"(?i)no such file"):
        hook.upload_image(**{"source": tmp_path / NAME, **options}, if_exists="replace", allow_in_use=True)
    assert sent() == []
    assert [one.file_name for one in vm.images] == [NAME]


# -- are the bytes that are there already the right ones? -------------------------------------------------------------

OTHER = {name: hashlib.new(name, b"another image").hexdigest() for name in ("sha512", "sha256")}
RIGHT = {name: hashlib.new(name, b"image").hexdigest() for name in ("sha512", "sha256")}


@pytest.fixture
def new(connect: Callable[..., None], caplog: pytest.LogCaptureFixture) -> Iterator[Simulator]:
    """A manager that shows checksums and holds an image."""
    caplog.set_level("INFO", "airflow_provider_vmanage")
    with Simulator(version="20.18.2") as manager:
        connect(manager)
        manager.add_image(NAME, b"image")
        yield manager


def metadata_calls(vm: Simulator) -> int:
    return sum(one.path.endswith("/metadata") for one in vm.requests)


@pytest.mark.parametrize("check_mode", [True, False])
def test_image_with_other_bytes_than_promised_is_a_conflict(new: Simulator, *, check_mode: bool) -> None:
    with VManageHook() as hook, pytest.raises(VManageConflictError) as caught:
        hook.upload_image(f"/nowhere/{NAME}", checksum=f"sha512:{OTHER['sha512']}", check_mode=check_mode)
    sentence, digests = str(caught.value), list(caught.value.lines)
    assert f"expected {OTHER['sha512'][:4]}…, got {RIGHT['sha512'][:4]}…" in sentence
    assert digests == [f"expected sha512:{OTHER['sha512']}", f"got sha512:{RIGHT['sha512']}"]
    assert not caught.value.retryable
    assert metadata_calls(new) == 1
    assert [one.path for one in new.requests if one.path.endswith("/package")] == []


def test_image_with_the_promised_bytes_is_verified_by_one_call(
    new: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with VManageHook() as hook:
        change = hook.upload_image(f"/nowhere/{NAME}", checksum=f"sha512:{RIGHT['sha512']}")
    assert (change.action, change.as_row()["verified"]) == ("unchanged", "sha512")
    assert "checksum agrees (sha512, from the argument checksum)" in caplog.text
    assert metadata_calls(new) == 1


@pytest.mark.parametrize(
    ("checksum", "said"),
    [
        (None, "not verified: no checksum was given"),
        (" \n", "not verified: no checksum was given"),
        (f"sha256:{OTHER['sha256']}", "not verified: the manager returns its sha512, and checksum is sha256"),
        ("file:/nowhere/sums", "not verified: checksum: "),
    ],
)
def test_image_that_cannot_be_compared_is_unchanged_and_not_verified(
    checksum: str | None, said: str, new: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with VManageHook() as hook:
        change = hook.upload_image(f"/nowhere/{NAME}", checksum=checksum)
    assert (change.action, change.verified) == ("unchanged", None)
    assert said in caplog.text
    assert metadata_calls(new) == bool((checksum or "").strip())


@pytest.mark.parametrize("release", ["16.3.1", "20.12.4"])
def test_release_that_shows_no_checksum_is_not_asked_for_one(
    vm_of_release: Simulator, connect: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "airflow_provider_vmanage")
    connect(vm_of_release)
    vm_of_release.add_image(NAME, b"image")
    with VManageHook() as hook:
        assert hook.upload_image(f"/nowhere/{NAME}", checksum=f"sha512:{OTHER['sha512']}").verified is None
    assert f"not verified: release {vm_of_release.version} returns no checksum of an image" in caplog.text
    assert metadata_calls(vm_of_release) == 0


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", None])
def test_upload_says_how_its_bytes_were_verified(
    algorithm: str | None, vm: Simulator, hook: VManageHook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "airflow_provider_vmanage")
    (tmp_path / NAME).write_bytes(b"image")
    (tmp_path / "sums").write_text(f"{RIGHT[algorithm]}  {NAME}\n" if algorithm else "")
    change = hook.upload_image(tmp_path / NAME, checksum=f"file:{tmp_path / 'sums'}" if algorithm else " ")
    assert (change.action, change.verified) == ("uploaded", algorithm)
    said = f"checksum agrees ({algorithm}, from the list " if algorithm else "not verified: no checksum was given"
    assert said in caplog.text


def test_list_of_checksums_is_searched_for_the_given_file_name(
    vm: Simulator, hook: VManageHook, tmp_path: Path
) -> None:
    (tmp_path / "download.tmp").write_bytes(b"image")
    (tmp_path / "sums").write_text(f"{RIGHT['sha512']}  {NAME}\n{OTHER['sha512']}  download.tmp\n")
    change = hook.upload_image(tmp_path / "download.tmp", file_name=NAME, checksum=f"file:{tmp_path / 'sums'}")
    assert (change.action, change.verified) == ("uploaded", "sha512")


class Notes:
    """The note of an earlier try."""

    def read(self) -> UploadNote:
        return UploadNote("uploaded", NAME, 5, "0" * 128)

    def write(self, note: UploadNote) -> None: ...

    def clear(self) -> None: ...


def test_existing_image_needs_no_source_after_a_kill_either(vm: Simulator, hook: VManageHook) -> None:
    vm.add_image(NAME)
    assert hook.upload_image(f"/nowhere/{NAME}", notes=Notes()).action == "unchanged"
