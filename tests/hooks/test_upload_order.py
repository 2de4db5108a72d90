"""The manager's list comes first: what is there already needs no source any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConflictError, VManageSourceError
from airflow_provider_vmanage.client.upload_notes import UploadNote
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
def test_an_image_that_is_there_needs_neither_source_nor_list_of_checksums(
    vm: Simulator, hook: VManageHook, sent: Callable[[], list[str]], *, check_mode: bool
) -> None:
    vm.add_image(NAME)
    asked: list[str] = []
    with counting_server(asked) as url:
        for source, checksum in (
            (f"{url}/{NAME}", f"file:{url}/sums"),
            (f"/nowhere/{NAME}", "file:/nowhere/sums"),
            (f"s3://nobody@nowhere/{NAME}", None),
        ):
            change = hook.upload_image(source, checksum=checksum, check_mode=check_mode)
            assert (change.action, change.sha512, change.applied) == ("unchanged", None, not check_mode)
    assert asked == []
    assert sent() == []


def test_a_name_that_is_taken_is_told_before_a_source_that_is_gone(vm: Simulator, hook: VManageHook) -> None:
    vm.add_image(NAME)
    with pytest.raises(VManageConflictError):
        hook.upload_image(f"/nowhere/{NAME}", if_exists="fail")


@pytest.mark.parametrize("options", [{"source": f"/nowhere/{NAME}"}, {"checksum": "file:/nowhere/sums"}], ids=str)
def test_a_replacement_whose_source_is_gone_leaves_the_old_image(
    options: dict[str, Any], vm: Simulator, hook: VManageHook, sent: Callable[[], list[str]], tmp_path: Path
) -> None:
    vm.add_image(NAME)
    (tmp_path / NAME).write_bytes(b"image")
    with pytest.raises(VManageSourceError, match=r"(?i)no such file"):
        hook.upload_image(**{"source": tmp_path / NAME, **options}, if_exists="replace", allow_in_use=True)
    assert sent() == []
    assert [one.file_name for one in vm.images] == [NAME]


class Notes:
    """The note of an earlier try."""

    def read(self) -> UploadNote:
        return UploadNote("uploaded", NAME, 5, "0" * 128)

    def write(self, note: UploadNote) -> None: ...

    def clear(self) -> None: ...


def test_after_a_kill_an_image_that_is_there_needs_no_source_either(vm: Simulator, hook: VManageHook) -> None:
    vm.add_image(NAME)
    assert hook.upload_image(f"/nowhere/{NAME}", notes=Notes()).action == "unchanged"
