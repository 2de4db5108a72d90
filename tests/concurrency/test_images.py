"""Two tasks that change the same image at the same moment: one copy, and neither claims what the other did."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageConflictError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

RepositoryOf = Callable[[Simulator], SoftwareRepository]
AtOnce = Callable[..., list[Any]]

NAME = "vmanage-20.15.1-x86_64.tar.gz"
OURS = b"an image, complete and right. " * 100_000
THEIRS = b"another image of the same name. " * 100_000
LARGE = bytes(48 * 1024 * 1024)  # more than the kernel buffers


@pytest.fixture
def upload(repository_of: RepositoryOf) -> Callable[..., ImageUpload]:
    """Makes an upload in a session of its own; ``opened`` is called once the list was read and the sending begins."""

    def make(
        vm: Simulator, content: bytes = OURS, *, opened: Callable[[], Any] = lambda: None, **options: Any
    ) -> ImageUpload:
        def opener() -> io.BytesIO:
            opened()
            return io.BytesIO(content)

        source = ImageSource("image", len(content), opener)
        return ImageUpload(repository_of(vm), source, NAME, **{"listing_timeout": 0.5, **options})

    return make


def digests(vm: Simulator) -> list[str | None]:
    return [image.sha512 for image in vm.images if image.file_name == NAME]


def sha512(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


def test_two_tasks_upload_the_same_image_once(
    vm: Simulator, upload: Callable[..., ImageUpload], at_once: AtOnce
) -> None:
    both = threading.Barrier(2)  # neither has an image in its list when it begins to send
    done = at_once(*(upload(vm, opened=lambda: both.wait(30)).run for _ in range(2)))
    assert sorted(change.action for change in done) == ["unchanged", "uploaded"]
    assert digests(vm) == [sha512(OURS)]
    second = next(change for change in done if change.action == "unchanged")
    assert (second.size, second.sha512, second.image.file_name) == (None, None, NAME)


def test_eight_tasks_that_upload_the_same_image_leave_one_copy(
    vm: Simulator, upload: Callable[..., ImageUpload], at_once: AtOnce
) -> None:
    all_of_them = threading.Barrier(8)
    done = at_once(*(upload(vm, opened=lambda: all_of_them.wait(30)).run for _ in range(8)))
    assert sorted(change.action for change in done) == ["unchanged"] * 7 + ["uploaded"]
    assert digests(vm) == [sha512(OURS)]


@pytest.mark.parametrize(
    ("if_exists", "said"),
    [
        ("fail", "another upload put it there meanwhile, and if_exists is 'fail'"),
        ("replace", "another upload put it there meanwhile, and its bytes are unknown; it was kept"),
    ],
)
def test_second_upload_leaves_the_first_image_alone(
    if_exists: str, said: str, vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    other = upload(vm, THEIRS)
    with pytest.raises(VManageConflictError, match=said) as caught:
        upload(vm, opened=suppressed(other), if_exists=if_exists).run()
    assert not caught.value.retryable
    assert (caught.value.status, caught.value.code) == (400, "SIM-DUPLICATE-IMAGE")
    assert isinstance(caught.value.__cause__, VManageRejectedError)
    assert "Failed to upload software image" in caught.value.message
    assert digests(vm) == [sha512(THEIRS)]


def test_second_replacement_leaves_the_first_image_alone(vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    vm.add_image(NAME)
    times = iter([lambda: None, suppressed(upload(vm, THEIRS))])  # opened once to read, and once to send
    with pytest.raises(VManageConflictError, match="it was kept"):
        upload(vm, opened=lambda: next(times)(), if_exists="replace", allow_in_use=True).run()
    assert digests(vm) == [sha512(THEIRS)]


def test_broken_off_upload_does_not_claim_the_image_of_another(
    vm: Simulator, upload: Callable[..., ImageUpload], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = upload(vm, LARGE)
    other = upload(vm, THEIRS)
    meanwhile = lambda _: (other.run(), vm.faults.add("reset_during_upload"))  # noqa: E731
    monkeypatch.setattr(ours.repository.session, "renew_if_older", meanwhile)
    change = ours.run()
    assert (change.action, change.size, change.sha512) == ("unchanged", None, None)
    assert digests(vm) == [sha512(THEIRS)]


@pytest.mark.parametrize(
    "response", [{"status": 200}, {"status": 400, "body": '{"error": {"message": "Too many uploads"}}'}], ids=str
)
@pytest.mark.parametrize("if_exists", ["skip", "fail", "replace"])
def test_early_response_does_not_claim_the_image_of_another(
    if_exists: str,
    response: dict[str, Any],
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = upload(vm, LARGE, if_exists=if_exists)
    other = upload(vm, THEIRS)
    meanwhile = lambda _: (other.run(), vm.faults.add("early_response", **response))  # noqa: E731
    monkeypatch.setattr(ours.repository.session, "renew_if_older", meanwhile)
    if if_exists == "skip":
        change = ours.run()
        assert (change.action, change.size, change.sha512) == ("unchanged", None, None)
    else:
        said = "accepted the image before" if response["status"] == 200 else "Too many uploads"
        with pytest.raises(VManageConflictError, match=f"another upload put it there.*{said}"):
            ours.run()
    assert vm.faults.pending == []
    assert digests(vm) == [sha512(THEIRS)]


def test_postponed_upload_does_not_claim_the_image_of_another(
    vm: Simulator, upload: Callable[..., ImageUpload], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = upload(vm)
    other = suppressed(upload(vm, THEIRS))
    monkeypatch.setattr(ours.repository.session, "sleep", lambda _: other())
    vm.faults.add("http_429", path="*/package")
    change = ours.run()
    assert (change.action, change.sha512) == ("unchanged", None)
    assert digests(vm) == [sha512(THEIRS)]


def test_image_that_is_refused_for_another_reason_is_still_refused(
    vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("error_4xx", path="*/package")
    with pytest.raises(VManageRejectedError, match="Simulated failure"):
        upload(vm).run()
    assert digests(vm) == []


# -- an upload and a delete ------------------------------------------------------------------------------------------


def test_image_deleted_before_it_is_confirmed_is_no_success(
    vm: Simulator, upload: Callable[..., ImageUpload], repository_of: RepositoryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, pruning = upload(vm), repository_of(vm)
    wait_for = ours.repository.changes.wait_for

    def meddled(*arguments: Any, **options: Any) -> Any:
        assert pruning.delete_image(file_name=NAME).action == "deleted"
        return wait_for(*arguments, **options)

    monkeypatch.setattr(ours.repository.changes, "wait_for", meddled)
    with pytest.raises(VManageOutcomeUnknownError, match="was accepted but is not listed") as caught:
        ours.run()
    assert caught.value.retryable
    assert digests(vm) == []


def test_simultaneous_upload_and_delete_both_report_the_truth(
    vm: Simulator, upload: Callable[..., ImageUpload], repository_of: RepositoryOf, at_once: AtOnce
) -> None:
    for _ in range(10):
        ours, pruning = upload(vm, listing_timeout=0.01), repository_of(vm)
        sent, gone = at_once(ours.run, lambda pruning=pruning: pruning.delete_image(file_name=NAME))
        if isinstance(sent, VManageOutcomeUnknownError):
            assert (gone.action, digests(vm)) == ("deleted", [])
        else:
            assert (sent.action, digests(vm)) == ("uploaded", [] if gone.action == "deleted" else [sha512(OURS)])
        pruning.delete_image(file_name=NAME)


def test_two_tasks_delete_the_same_image_once_and_both_succeed(
    vm: Simulator, repository_of: RepositoryOf, at_once: AtOnce
) -> None:
    for _ in range(5):
        vm.add_image(NAME)
        deleting = [repository_of(vm) for _ in range(2)]
        done = at_once(*(lambda one=one: one.delete_image(file_name=NAME) for one in deleting))
        assert sorted(change.action for change in done) == ["deleted", "unchanged"]
        assert digests(vm) == []


def suppressed(other: ImageUpload) -> Callable[[], None]:
    """Runs the other upload the first time it is called."""

    def run() -> None:
        with suppress(VManageConflictError):
            other.run()

    return run
