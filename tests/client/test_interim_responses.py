"""Interim responses (1xx) are skipped while a body is sent and while the response is awaited."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest

from airflow_provider_vmanage.client.errors import VManageOutcomeUnknownError, VManageUnavailableError
from airflow_provider_vmanage.client.http.interim_responses import is_final, without_interim
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"
LARGE = bytes(24 * 1024 * 1024)  # more than the kernel buffers: the interim response comes while it is sent


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def session(request: pytest.FixtureRequest, simulate: Callable[..., Simulator], connect: Connect) -> ManagerSession:
    vm = simulate(tls=request.param)
    session = connect(vm)
    session.vm = vm  # type: ignore[attr-defined]
    return session


@pytest.mark.slow
@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("content", [LARGE, b"image"], ids=["large", "small"])
def test_interim_response_does_not_end_an_upload(status: int, content: bytes, session: ManagerSession) -> None:
    vm: Simulator = session.vm  # type: ignore[attr-defined]
    vm.faults.add("interim", status=status, path="*/package")
    source = ImageSource("image", len(content), lambda: io.BytesIO(content))
    change = ImageUpload(SoftwareRepository(session), source, "a.bin", listing_timeout=0.5).run()
    assert [(one.file_name, one.sha512) for one in vm.images] == [("a.bin", hashlib.sha512(content).hexdigest())]
    assert (change.action, change.size) == ("uploaded", len(content))
    assert sum(one.path.endswith("/package") for one in vm.requests) == 1
    assert vm.faults.pending == []


@pytest.mark.parametrize("status", [100, 102, 103])
@pytest.mark.parametrize("path", ["j_security_check", "*/client/server", "*/software"])
def test_interim_response_is_not_the_response_of_a_small_call(path: str, status: int, session: ManagerSession) -> None:
    vm: Simulator = session.vm  # type: ignore[attr-defined]
    vm.add_image("a.bin")
    vm.faults.add("interim", status=status, path=path if path[0] == "*" else f"/{path}")
    assert len(session.request("GET", SOFTWARE).rows) == 1
    assert vm.counters.logins == 1
    assert vm.faults.pending == []


def test_unrequested_change_of_protocol_is_no_response(session: ManagerSession, recorded_sleeps: list[float]) -> None:
    vm: Simulator = session.vm  # type: ignore[attr-defined]
    vm.faults.add("interim", status=101, method="DELETE", path="*/software/*")
    with pytest.raises(VManageOutcomeUnknownError, match="101"):
        session.request("DELETE", f"{SOFTWARE}/1")
    vm.faults.add("interim", times=None, status=101, method="GET", path="*/software")
    with pytest.raises(VManageUnavailableError, match="101"):
        session.request("GET", SOFTWARE)
    assert len(recorded_sleeps) == 5


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX: \r\n\r\n"


@pytest.mark.parametrize("interim", [b"", CONTINUE, HINTS, CONTINUE + HINTS + CONTINUE])
@pytest.mark.parametrize(
    "final", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 403 \r\n", b"HTTP/1.1 101 S\r\n", b"<html> nonsense"]
)
def test_response_is_final_once_its_status_has_arrived(interim: bytes, final: bytes) -> None:
    received = b""
    for place, byte in enumerate(interim + final, start=1):
        received = without_interim(received + bytes([byte]))
        assert is_final(received) == (place >= len(interim) + len("HTTP/1.1 200"))
    assert received == final


def test_head_that_never_ends_is_no_interim_response() -> None:
    endless = b"HTTP/1.1 102 Processing\r\n" + b"X: y\r\n" * 20_000
    assert is_final(without_interim(endless))
