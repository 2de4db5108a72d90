"""A stored image, read as it arrives: whole and right, or an error; never a page in its place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_vmanage.client.download.image_stream import ImageStream
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageAuthenticationError,
    VManageCancelledError,
    VManageConfigurationError,
    VManageError,
    VManageNotFoundError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
CONTENT = b"<?{ an image may hold anything" + bytes(range(256)) * 15_000
IMAGE = b"\x1f\x8b" + CONTENT
FILE = f"*/package/{NAME}"
PAGE = "<html><body>Log in</body></html>"


@pytest.fixture
def read(repository: SoftwareRepository) -> Callable[..., bytes]:
    """Reads an image to its end, in blocks that fit nothing."""

    def read_all(name: str = NAME, *, of: SoftwareRepository = repository) -> bytes:
        with closing(of.open_image(of.find_stored(name))) as stream:
            return b"".join(iter(lambda: stream.read(100_003), b""))

    return read_all


def downloads(vm: Simulator) -> list[Any]:
    return [one for one in vm.requests if one.path.endswith(NAME)]


def test_image_arrives_whole_from_each_release(vm_of_release: Simulator, connect: Any, read: Any) -> None:
    vm_of_release.add_image(NAME, IMAGE)
    assert read(of=SoftwareRepository(connect(vm_of_release))) == IMAGE
    (sent,) = downloads(vm_of_release)
    assert (sent.query, sent.headers["accept-encoding"]) == ({"imageType": "software"}, "identity")


def test_size_is_known_before_the_first_byte(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image(NAME, IMAGE)
    with closing(repository.open_image(repository.find_stored(NAME))) as stream:
        assert stream.size == len(IMAGE)


def test_type_and_name_are_sent_as_listed(vm: Simulator, read: Any) -> None:
    vm.add_image("router 1#?%.tar.gz", IMAGE, image_type="virtualmachine")
    assert read("router 1#?%.tar.gz") == IMAGE
    assert vm.requests[-1].query == {"imageType": "virtualmachine"}


def test_missing_image_is_no_download(vm: Simulator, read: Any) -> None:
    vm.add_image("other.bin")
    with pytest.raises(VManageNotFoundError, match=rf"^No image has the file_name '{NAME}'$"):
        read()
    with pytest.raises(VManageConfigurationError, match="file_name"):
        read(" ")
    assert downloads(vm) == []


def test_image_elsewhere_is_no_download(vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, url="https://images.example.com/", version_type="files-1")
    with pytest.raises(VManageNotFoundError, match="is elsewhere"):
        read()
    assert downloads(vm) == []


def test_two_images_of_one_name_are_ambiguous(simulate: Any, connect: Any, read: Any) -> None:
    vm = simulate(duplicates="second_copy")
    for content in (IMAGE, CONTENT):
        vm.add_image(NAME, content)
    with pytest.raises(VManageAmbiguousError, match="listed 2 times"):
        read(of=SoftwareRepository(connect(vm)))


# -- not an image ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [f"expired_{shape}" for shape in "abcde"])
def test_dead_session_is_renewed_before_the_first_byte(fault: str, vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add(fault, path=FILE)
    assert read() == IMAGE
    assert vm.counters.logins == 2


@pytest.mark.parametrize("kind", ["text/html;charset=UTF-8", "application/octet-stream", ""])
def test_page_is_never_an_image(kind: str, vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("status", times=None, status=200, body=f"\n {PAGE}", content_type=kind, path=FILE)
    with pytest.raises(VManageSessionExpiredError, match="login page instead of data"):
        read()
    assert len(downloads(vm)) == 2


@pytest.mark.parametrize(
    ("fault", "options", "error", "words"),
    [
        ("forbidden", {}, VManageRejectedError, "lacks a role"),
        ("error_200", {}, VManageRejectedError, "Simulated failure"),
        ("error_4xx", {"status": 404}, VManageRejectedError, "Simulated failure"),
        ("redirect", {}, VManageProtocolError, "redirects"),
        ("empty_body", {}, VManageProtocolError, "sent an empty file"),
        ("gzip", {}, VManageProtocolError, "the file with Content-Encoding gzip"),
        (
            "status",
            {"status": 200, "body": '{"done": true}', "content_type": "application/octet-stream"},
            VManageProtocolError,
            "sent application/octet-stream in place of the file",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_responses_are_errors_of_their_own(
    fault: str, options: dict[str, Any], error: type[VManageError], words: str, vm: Simulator, read: Any
) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add(fault, times=None, path=FILE, **options)
    with pytest.raises(error, match=words) as caught:
        read()
    assert caught.value.path is not None
    assert caught.value.path.endswith(NAME)


def test_busy_manager_is_asked_again(vm: Simulator, read: Any, recorded_sleeps: list[float]) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("http_503", path=FILE, retry_after=3)
    vm.faults.add("reset_before", path=FILE)
    assert read() == IMAGE
    assert recorded_sleeps[0] == 3
    assert len(downloads(vm)) == 3


def test_refused_login_is_sent_once(vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("login_refused", times=None)
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError):
            read()
    assert vm.counters.refused_logins == 1


# -- cut off ---------------------------------------------------------------------------------------------------------


def test_cut_download_is_an_error(vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("cut_download", after_bytes=1_000_000)
    with pytest.raises(VManageProtocolError, match=rf"broke off after \d+ of {len(IMAGE)} bytes") as caught:
        read()
    assert caught.value.retryable
    assert len(downloads(vm)) == 1


@pytest.fixture
def urllib3_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Responses as those of urllib3 1.26, which a short body does not disturb."""
    never = property(lambda _: False, lambda *_: None)
    monkeypatch.setattr("urllib3.response.HTTPResponse.enforce_content_length", never, raising=False)


@pytest.mark.usefixtures("urllib3_counts_nothing")
def test_cut_download_is_noticed_with_any_urllib3(vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("cut_download", after_bytes=1_000_000)
    with pytest.raises(VManageProtocolError, match=rf"broke off after \d+ of {len(IMAGE)} bytes"):
        read()


def test_image_without_length_ends_with_its_last_chunk(vm: Simulator, read: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("download_without_length")
    assert read() == IMAGE


@pytest.fixture
def with_ranges(simulate: Callable[..., Simulator]) -> Simulator:
    vm = simulate(ranges=True)
    vm.add_image(NAME, IMAGE)
    return vm


def test_rest_is_requested_where_parts_are_offered(with_ranges: Simulator, connect: Any, read: Any) -> None:
    with_ranges.faults.add("cut_download", after_bytes=1_000_000)
    with_ranges.faults.add("cut_download", after_bytes=5000)
    assert read(of=SoftwareRepository(connect(with_ranges))) == IMAGE
    whole, *parts = downloads(with_ranges)
    assert "range" not in whole.headers
    assert [one.status for one in parts] == [206, 206]


def test_dead_session_is_renewed_for_the_rest_too(with_ranges: Simulator, connect: Any, read: Any) -> None:
    with_ranges.faults.add("cut_download", after_bytes=1_000_000)
    with_ranges.faults.add("expired_a", path=FILE)
    assert read(of=SoftwareRepository(connect(with_ranges))) == IMAGE
    assert with_ranges.counters.logins == 2


def test_image_replaced_meanwhile_is_never_mixed(with_ranges: Simulator, connect: Any) -> None:
    repository = SoftwareRepository(connect(with_ranges))
    with_ranges.faults.add("cut_download", after_bytes=1_000_000)
    with closing(repository.open_image(repository.find_stored(NAME))) as stream:
        stream.read(10)
        (image,) = with_ranges.images
        assert image.path is not None
        image.path.write_bytes(b"\x1f" + IMAGE[1:].swapcase())  # as long, at another time
        with pytest.raises(VManageProtocolError, match="broke off after"):
            stream.readall()


def test_download_that_breaks_off_ever_again_fails(with_ranges: Simulator, connect: Any, read: Any) -> None:
    with_ranges.faults.add("cut_download", times=None, after_bytes=1000)
    with pytest.raises(VManageProtocolError, match="broke off"):
        read(of=SoftwareRepository(connect(with_ranges)))
    assert len(downloads(with_ranges)) == 6


def test_manager_out_of_reach_for_the_rest_is_unavailable(with_ranges: Simulator, connect: Any, read: Any) -> None:
    with_ranges.faults.add("cut_download", after_bytes=1000)
    with_ranges.faults.add("http_503", times=None, path=FILE)
    with pytest.raises(VManageUnavailableError, match=r"before, the download of .* broke off after 1000 of"):
        read(of=SoftwareRepository(connect(with_ranges)))


def test_abort_ends_a_download_that_stands_still(vm: Simulator, connect: Any) -> None:
    vm.add_image(NAME, IMAGE)
    vm.faults.add("cut_download", after_bytes=1_000_000, pause=60)
    session: ManagerSession = connect(vm)
    repository = SoftwareRepository(session)
    with closing(repository.open_image(repository.find_stored(NAME))) as stream:
        began = time.monotonic()
        threading.Timer(0.3, session.abort).start()
        with pytest.raises(VManageCancelledError):
            stream.readall()
    session.close()
    assert time.monotonic() - began < 5
    assert vm.counters.open_sessions == 0


def test_stream_that_could_not_be_opened_can_be_closed() -> None:
    ImageStream.__new__(ImageStream).close()  # as Python does when it drops one; 3.13 reports an error in it
