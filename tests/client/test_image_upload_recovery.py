"""An upload where something breaks: what is sent again, what the list decides, and when it fails."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import make_older

pytestmark = pytest.mark.slow

NAME = "vmanage-20.15.1-x86_64.tar.gz"
PACKAGE = "POST device/action/software/package"
LIST = "GET device/action/software"
ON_PACKAGE = {"path": "*/package"}
LARGE = 24 * 1024 * 1024


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    return vm_of_release


@pytest.fixture
def after_login(vm: Simulator, calls: Callable[..., list[str]]) -> Callable[[], list[str]]:
    """What was received after the first login, release and token."""
    return lambda: calls(vm)[2 if vm.release.has_token else 3 :]


class Counted:
    """A large source that counts how often it is opened and how much is read of it."""

    def __init__(self, size: int) -> None:
        self.content, self.opened, self.read = bytes(size), 0, 0

    def __call__(self) -> io.BytesIO:
        self.opened += 1
        source, stream = self, io.BytesIO(self.content)

        class Stream(io.BytesIO):
            def readinto(self, buffer: Any, /) -> int:
                count = stream.readinto(buffer)
                source.read += count
                return count

            def read(self, size: int | None = -1, /) -> bytes:
                return stream.read(size)

        return Stream()


# -- the transfer breaks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", ["reset_before", "reset_during_upload"])
def test_reset_sends_the_whole_body_again_from_its_start(
    fault: str, times: int, vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    source = Counted(LARGE)  # more than the kernel buffers, or all of it could be gone before the reset is seen
    vm.faults.add(fault, times=times, **ON_PACKAGE)
    change = upload(NAME, opener=source, size=LARGE).run()
    assert [one.sha512 for one in vm.images] == [hashlib.sha512(source.content).hexdigest()] == [change.sha512]
    assert change.action == "uploaded"
    assert after_login() == [LIST, *[PACKAGE, LIST] * (times + 1)]


def test_body_is_sent_three_times_at_most(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any, recorded_sleeps: list[float]
) -> None:
    vm.faults.add("reset_during_upload", times=None)
    with pytest.raises(VManageOutcomeUnknownError, match="not listed after 3 attempts") as caught:
        upload(NAME, opener=Counted(LARGE), size=LARGE).run()
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, VManageOutcomeUnknownError)
    assert after_login() == [LIST, *[PACKAGE, LIST] * 3]
    assert vm.images == []
    assert recorded_sleeps == []  # a body that was not complete cannot have become an image


def test_all_kinds_of_trouble_count_towards_the_three(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    for fault in ("http_429", "reset_during_upload", "session_death_in_upload", "reset_during_upload"):
        vm.faults.add(fault, **ON_PACKAGE)
    with pytest.raises(VManageError) as caught:
        upload(NAME).run()
    assert caught.value.retryable
    assert after_login().count(PACKAGE) == 3


@pytest.mark.parametrize("shape", ["a", "b", "c", "d", "e", "f"])
def test_session_that_expires_midway_starts_another_transfer(
    shape: str, vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    source = Counted(LARGE)
    vm.faults.add("session_death_in_upload", shape=shape)
    change = upload(NAME, opener=source, size=LARGE).run()

    assert change.action == "uploaded"
    assert [one.size for one in vm.images] == [LARGE]
    assert source.opened == 2
    assert source.read - LARGE < LARGE / 2
    assert vm.counters.logins == 2
    assert after_login().count(PACKAGE) == 2


def test_early_403_ends_the_transfer_at_once(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    source = Counted(LARGE)
    vm.faults.add("early_403", times=None)
    with pytest.raises(VManageError, match="3 attempts"):
        upload(NAME, opener=source, size=LARGE).run()
    assert source.opened == 3
    assert source.read < LARGE
    assert all(one.body_bytes < LARGE / 4 for one in vm.requests if one.path.endswith("/package"))
    assert vm.images == []


@pytest.mark.parametrize("fault", [*(f"expired_{shape}" for shape in "abcdef"), "html_200"])
def test_session_found_expired_after_the_body_sends_it_again(
    fault: str, vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    vm.faults.add(fault, **ON_PACKAGE)
    assert upload(NAME).run().action == "uploaded"
    assert len(vm.images) == 1
    assert after_login().count(PACKAGE) == 2


@pytest.mark.parametrize(("status", "body"), [(200, ""), (200, '{"id": "x"}'), (202, ""), (204, "")])
def test_early_acceptance_of_a_body_does_not_count(
    status: int,
    body: str,
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    after_login: Any,
    recorded_sleeps: list[float],
) -> None:
    source = Counted(LARGE)
    vm.faults.add("early_response", status=status, body=body)
    change = upload(NAME, opener=source, size=LARGE, listing_timeout=60).run()
    assert [one.sha512 for one in vm.images] == [hashlib.sha512(source.content).hexdigest()] == [change.sha512]
    assert change.action == "uploaded"
    assert after_login() == [LIST, *[PACKAGE, LIST] * 2]
    assert recorded_sleeps == []


def test_always_accepting_early_gets_the_body_three_times(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    vm.faults.add("early_response", times=None)
    with pytest.raises(VManageOutcomeUnknownError, match=r"not listed after 3 attempts .*accepted the image before"):
        upload(NAME, opener=Counted(LARGE), size=LARGE).run()
    assert after_login() == [LIST, *[PACKAGE, LIST] * 3]


# -- the response is lost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["reply_lost", "gateway_timeout_stored", "short_body"])
def test_stored_image_with_a_lost_response_is_not_sent_again(
    fault: str, image: bytes, upload: Callable[..., ImageUpload], vm: Simulator, after_login: Any
) -> None:
    options = {"method": "POST"} if fault == "short_body" else {}
    vm.faults.add(fault, **ON_PACKAGE, **options)
    change = upload(NAME).run()
    assert (change.action, change.sha512) == ("uploaded", hashlib.sha512(image).hexdigest())
    assert after_login() == [LIST, PACKAGE, LIST]
    assert len(vm.images) == 1


LOST = ["reset_after_body", "http_500", "http_502", "http_503", "http_504", "gateway_timeout_not_stored"]
CUT = {"status": 200, "body": '{"id": ', "content_type": "application/json"}
UPLOAD_READ = 20.0  # of the sessions of these tests


@pytest.mark.parametrize("fault", [*LOST, "html_200"])
def test_image_listed_late_after_a_lost_response_is_awaited(
    fault: str, vm: Simulator, upload: Callable[..., ImageUpload], repository: SoftwareRepository, after_login: Any
) -> None:
    """The manager still works on the image behind a proxy that timed out."""
    recorded_sleeps = iter((lambda: None, lambda: vm.add_image(NAME)))
    repository.session.sleep = lambda _: next(recorded_sleeps)()  # type: ignore[method-assign]
    vm.faults.add(fault, **ON_PACKAGE)

    assert upload(NAME, listing_timeout=60).run().action == "uploaded"
    assert after_login().count(PACKAGE) == 1
    assert len(vm.images) == 1


@pytest.mark.parametrize(
    ("fault", "options"),
    [*((fault, {}) for fault in LOST), ("status", CUT), *(("status", {"status": status}) for status in (408, 520))],
    ids=lambda value: str(value)[:30],
)
def test_after_silence_nothing_is_sent_again_in_this_try(
    fault: str,
    options: dict[str, Any],
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    after_login: Any,
    recorded_sleeps: list[float],
) -> None:
    """Seen with a proxy: three copies went to a manager that still worked on the first."""
    vm.faults.add(fault, times=None, **ON_PACKAGE, **options)
    with pytest.raises(
        VManageOutcomeUnknownError, match=r"not listed 20 s after all bytes were sent.*upload_read"
    ) as err:
        upload(NAME, listing_timeout=1.5).run()
    assert err.value.retryable
    assert after_login().count(PACKAGE) == 1
    assert sum(recorded_sleeps) == pytest.approx(UPLOAD_READ, abs=2)
    assert vm.images == []


def test_proxys_504_costs_one_transfer(
    vm: Simulator, image: bytes, upload: Callable[..., ImageUpload], after_login: Any, recorded_sleeps: list[float]
) -> None:
    vm.faults.add("gateway_timeout_stored", lists=4)
    change = upload(NAME, listing_timeout=1.5).run()
    assert (change.action, change.sha512) == ("uploaded", hashlib.sha512(image).hexdigest())
    assert after_login() == [LIST, PACKAGE, *[LIST] * 5]
    assert recorded_sleeps == sorted(recorded_sleeps)
    assert sum(recorded_sleeps) > 1.5


@pytest.mark.parametrize("fault", ["data_null", "http_503", "error_500"])
def test_list_that_keeps_failing_leaves_the_outcome_unknown(
    fault: str, vm: Simulator, upload: Callable[..., ImageUpload], repository: SoftwareRepository, after_login: Any
) -> None:
    """Not unavailable: that would say that nothing was changed."""
    transfer = upload(NAME)
    _ = repository.list_images()
    vm.faults.add("gateway_timeout_not_stored")
    vm.faults.add("slow", method="GET", path="*/software", delay=0)  # the list before the transfer
    vm.faults.add(fault, times=None, method="GET", path="*/software")
    with pytest.raises(VManageOutcomeUnknownError, match="not listed 20 s after all bytes were sent"):
        transfer.run()
    assert after_login().count(PACKAGE) == 1


def test_page_as_response_sends_an_unlisted_body_again(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any, recorded_sleeps: list[float]
) -> None:
    vm.faults.add("html_200", **ON_PACKAGE)
    assert upload(NAME, listing_timeout=1.5).run().action == "uploaded"
    assert after_login().count(PACKAGE) == 2
    assert len(vm.images) == 1
    assert recorded_sleeps == [1.0, 0.5]  # absent was believed only after the listing timeout


def test_redirected_body_is_not_sent_again_in_this_try(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any, recorded_sleeps: list[float]
) -> None:
    vm.faults.add("redirect", **ON_PACKAGE)
    with pytest.raises(VManageProtocolError, match=r"redirects to .* correct host") as caught:
        upload(NAME, listing_timeout=1.5).run()
    assert caught.value.retryable
    assert after_login().count(PACKAGE) == 1
    assert recorded_sleeps == [1.0, 0.5]


def test_redirect_in_the_middle_of_the_body_ends_the_try(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    vm.faults.add("early_response", status=307)
    with pytest.raises(VManageProtocolError, match="redirects to"):
        upload(NAME, opener=Counted(LARGE), size=LARGE).run()
    assert after_login() == [LIST, PACKAGE, LIST]


@pytest.mark.parametrize("fault", ["reply_lost", "gateway_timeout_stored", "late_listing", "reset_during_upload"])
def test_there_are_never_two_copies(
    fault: str, vm: Simulator, upload: Callable[..., ImageUpload], simulate: Callable[..., Simulator]
) -> None:
    vm.repository.reject_duplicates = False  # a manager that would take a second one
    vm.faults.add(fault)
    # The kernel may buffer a small body whole: then all bytes are sent before the reset is seen.
    large = {"opener": Counted(LARGE), "size": LARGE} if fault == "reset_during_upload" else {}
    for _ in range(2):
        upload(NAME, listing_timeout=5, **large).run()
    assert [one.file_name for one in vm.images] == [NAME]


def test_second_copy_refused_because_of_the_first_is_success(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    """The first was listed after the listing timeout, while the body went out again."""
    vm.faults.add("html_200", **ON_PACKAGE)

    class Late(io.BytesIO):
        opened = 0

        def __init__(self) -> None:
            super().__init__(b"image")
            Late.opened += 1
            if Late.opened == 2:
                vm.add_image(NAME, content=b"image")

    change = upload(NAME, opener=Late, size=5, listing_timeout=0.05).run()
    assert (change.action, change.image.file_name) == ("uploaded", NAME)
    assert [call for call in after_login() if call in (LIST, PACKAGE)] == [LIST, PACKAGE, LIST, LIST, PACKAGE, LIST]


# -- the manager says no, or not now ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "retryable"),
    [
        ("error_4xx", {"code": "SIM-1", "details": "no room"}, False),
        ("error_200", {"code": "SIM-1", "details": "no room"}, False),
        ("error_500", {"code": "SIM-1", "details": "no room"}, True),
        ("forbidden", {}, False),
        ("status", {"status": 413}, False),
    ],
)
def test_refusal_is_final_within_the_call(
    fault: str,
    options: dict[str, Any],
    retryable: bool,
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    after_login: Any,
) -> None:
    vm.faults.add(fault, **ON_PACKAGE, **options)
    with pytest.raises(VManageRejectedError) as caught:
        upload(NAME).run()
    assert caught.value.retryable is retryable
    assert (caught.value.code, caught.value.method) == (options.get("code"), "POST")
    assert str(options.get("details", "")) in str(caught.value)
    assert after_login() == [LIST, PACKAGE, LIST]  # another upload may have been faster


@pytest.mark.parametrize("if_exists", ["skip", "fail", "replace"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_refusal_of_all_bytes_stands_although_it_is_listed(
    status: int,
    if_exists: str,
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    after_login: Any,
) -> None:
    """What is listed may be these bytes, half processed: no success, and not the image of another upload."""
    vm.faults.add("error_stored", status=status, message="Signature check failed", code="SIM-1", details="bad image")
    with pytest.raises(VManageRejectedError, match=r"Signature check failed.*the list shows the file") as caught:
        upload(NAME, if_exists=if_exists).run()
    assert (caught.value.status, caught.value.code, caught.value.details) == (status, "SIM-1", "bad image")
    assert caught.value.retryable is False  # another try would find the name there
    assert "another upload" not in str(caught.value)
    assert after_login() == [LIST, PACKAGE, LIST]


def test_refusal_of_a_second_copy_stands(vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any) -> None:
    vm.faults.add("html_200", **ON_PACKAGE)
    vm.faults.add("error_stored", status=400, message="Disk full")
    with pytest.raises(VManageRejectedError, match="Disk full"):
        upload(NAME).run()
    assert after_login().count(PACKAGE) == 2


@pytest.mark.parametrize(
    ("message", "details", "code"),
    [
        ("Image already exists", "", ""),
        ("Failed to upload", f"{NAME} exists already", ""),
        ("Failed to upload", "", "DUPLICATE_IMAGE"),
        ("Failed to upload", "", "FILE_ALREADY_EXISTS"),
        ("Failed to upload", "the file is already present", ""),
    ],
)
def test_refusal_because_the_name_is_taken_is_success(
    message: str, details: str, code: str, vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("error_stored", status=400, message=message, details=details, code=code)
    assert upload(NAME).run().action == "unchanged"


@pytest.mark.parametrize(
    "message", ["Folder does not exist", "An upload is already in progress", "not already present"]
)
def test_refusal_with_similar_words_stands(message: str, vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    vm.faults.add("error_stored", message=message)
    with pytest.raises(VManageRejectedError, match=message):
        upload(NAME).run()


def test_refusal_stands_if_the_list_fails(vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    transfer = upload(NAME)
    _ = transfer.repository.list_images()
    vm.faults.add("error_4xx", code="NO", **ON_PACKAGE)
    vm.faults.add("slow", method="GET", path="*/software", delay=0)  # the list before the transfer
    vm.faults.add("error_200", method="GET", path="*/software", code="NO LIST")
    with pytest.raises(VManageRejectedError) as caught:
        transfer.run()
    assert caught.value.code == "NO"


def test_busy_manager_gets_the_body_again_after_retry_after(
    vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any, recorded_sleeps: list[float]
) -> None:
    vm.faults.add("http_429", retry_after=7, **ON_PACKAGE)
    vm.faults.add("http_429", **ON_PACKAGE)
    assert upload(NAME).run().action == "uploaded"
    assert after_login() == [LIST, PACKAGE, PACKAGE, PACKAGE, LIST]
    assert recorded_sleeps == [7.0, 2.0]


@pytest.mark.parametrize(("retry_after", "times", "sent"), [(61, 1, 1), (1, None, 3)])
def test_manager_that_stays_busy_is_a_retryable_error(
    retry_after: int, times: int | None, sent: int, vm: Simulator, upload: Callable[..., ImageUpload], after_login: Any
) -> None:
    vm.faults.add("http_429", times=times, retry_after=retry_after, **ON_PACKAGE)
    with pytest.raises(VManageUnavailableError, match=f"wait {retry_after} s") as caught:
        upload(NAME).run()
    assert (caught.value.retryable, caught.value.retry_after) == (True, retry_after)
    assert after_login() == [LIST, *[PACKAGE] * sent]


def test_refused_connection_is_tried_again(
    vm: Simulator, upload: Callable[..., ImageUpload], repository: SoftwareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def restart(seconds: float) -> None:
        waits.append(seconds)
        vm.start()

    monkeypatch.setattr(repository.session, "renew_if_older", lambda _: vm.stop() if not waits else None)
    monkeypatch.setattr(repository.session, "sleep", restart)
    assert upload(NAME).run().action == "uploaded"
    assert waits == [1.0]


def test_unprocessed_login_is_not_sent_again_at_once(
    vm: Simulator, upload: Callable[..., ImageUpload], repository: SoftwareRepository, calls: Callable[..., list[str]]
) -> None:
    """Whether a 5xx counts towards the lockout of the account is not documented."""
    _ = repository.session.server
    make_older(repository.session, 610)
    vm.faults.add("http_503", times=None, path="/j_security_check")
    with pytest.raises(VManageUnavailableError):
        upload(NAME).run()
    assert calls(vm).count("POST /j_security_check") == 2  # the first one, and one


def test_body_refused_by_status_is_not_awaited(
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    after_login: Callable[[], list[str]],
    recorded_sleeps: list[float],
) -> None:
    vm.faults.add("expired_f", **ON_PACKAGE)
    assert upload(NAME, listing_timeout=60).run().action == "uploaded"
    sent = [call for call in after_login() if call in (PACKAGE, LIST)]
    assert sent == [LIST, PACKAGE, LIST, PACKAGE, LIST]
    assert recorded_sleeps == []
