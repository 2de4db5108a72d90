"""What an upload leaves for its next try when its worker is killed: whether all bytes were sent."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageChecksumError,
    VManageConflictError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import Change, SoftwareRepository
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.resume_note import UploadNote
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

CONTENT = b"image" * 100_000
SIZE = len(CONTENT)
SHA512 = hashlib.sha512(CONTENT).hexdigest()
NOTE = UploadNote("uploaded", "a.bin", SIZE, SHA512)
PACKAGE = "POST device/action/software/package"


class Killed(BaseException):
    """Stands in for the end of the process: nothing catches it, nothing is done after it."""


class Notes:
    """A place for one note; the worker may be killed once the body is sent, before the response is read.

    :param act: done when a note is written.
    """

    def __init__(
        self, note: UploadNote | None = None, *, kills: bool = False, act: Callable[[], None] = lambda: None
    ) -> None:
        self.note = note
        self.written: list[UploadNote] = []
        self.kills = kills
        self.act = act

    def read(self) -> UploadNote | None:
        return self.note

    def write(self, note: UploadNote) -> None:
        self.note = note
        self.written.append(note)
        self.act()

    def clear(self) -> None:
        self.note = None


@pytest.fixture
def try_with(vm: Simulator, connect: Callable[..., ManagerSession]) -> Callable[..., Change]:
    """One try of a task: a session of its own, and the notes of the tries before."""

    def run(notes: Notes | None, **options: Any) -> Change:
        content = options.pop("content", CONTENT)
        source = ImageSource("image", len(content), lambda: io.BytesIO(content))
        options = {"listing_timeout": 5.0, **options}
        with connect(vm) as session:
            if notes and notes.kills:
                notes.kills = False
                kill_after_the_body(session)
            return ImageUpload(SoftwareRepository(session), source, "a.bin", notes=notes, **options).run()

    return run


def kill_after_the_body(session: ManagerSession) -> None:
    send_body = session.send_body

    def send_and_die(*args: Any) -> NoReturn:
        with suppress(VManageError):
            send_body(*args)
        raise Killed

    session.send_body = send_and_die  # type: ignore[method-assign]


@pytest.fixture
def sent(vm: Simulator, calls: Callable[[Simulator], list[str]]) -> Callable[[], int]:
    """Counts the bodies that were sent."""
    return lambda: calls(vm).count(PACKAGE)


def bytes_of(note: UploadNote | None) -> UploadNote | None:
    """The note without the time of the last byte."""
    return replace(note, sent_on=0) if note else None


def names_and_digests(vm: Simulator) -> list[tuple[str | None, str | None]]:
    return [(image.file_name, image.sha512) for image in vm.images]


def test_note_is_written_before_the_manager_can_have_the_image(vm: Simulator, try_with: Callable[..., Change]) -> None:
    """Or a kill in between would leave an image that the next try knows nothing of."""
    there: list[int] = []

    def inspect() -> None:
        time.sleep(0.3)
        there.append(len(vm.images))

    try_with(Notes(act=inspect))
    assert (there[0], len(vm.images)) == (0, 1)


def test_kill_before_the_last_byte_costs_another_transfer(vm: Simulator, try_with: Callable[..., Change]) -> None:
    def die() -> None:
        notes.act = lambda: None
        raise Killed

    notes = Notes(act=die)
    with pytest.raises(Killed):
        try_with(notes)
    assert vm.images == []
    assert try_with(notes).action == "uploaded"
    assert names_and_digests(vm) == [("a.bin", SHA512)]


@pytest.mark.parametrize("if_exists", ["skip", "fail", "replace"])
def test_next_try_after_a_kill_sends_nothing(
    if_exists: str, vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    """Not even if `fail` and `replace` would take the image for that of another upload."""
    vm.faults.add("late_listing", lists=2)
    notes = Notes(kills=True)
    with pytest.raises(Killed):
        try_with(notes, if_exists=if_exists)
    assert bytes_of(notes.note) == NOTE

    change = try_with(notes, if_exists=if_exists)

    assert (change.action, change.image.file_name, change.size, change.sha512) == ("uploaded", "a.bin", SIZE, SHA512)
    assert sent() == 1
    assert names_and_digests(vm) == [("a.bin", SHA512)]
    assert notes.note is None


def test_next_try_after_a_killed_replace_reports_a_replace(
    vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    vm.add_image("a.bin", b"old", version="1.1.1")
    notes = Notes(kills=True)
    with pytest.raises(Killed):
        try_with(notes, if_exists="replace")

    change = try_with(notes, if_exists="replace")

    assert (change.action, change.sha512, sent()) == ("replaced", SHA512, 1)
    assert names_and_digests(vm) == [("a.bin", SHA512)]


@pytest.mark.parametrize("if_exists", ["skip", "fail", "replace"])
@pytest.mark.parametrize("fault", ["reset_after_body", "gateway_timeout_not_stored", "error_4xx"])
def test_next_try_sends_again_if_nothing_was_stored(
    fault: str, if_exists: str, vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    vm.faults.add(fault, path="device/action/software/package")
    notes = Notes(kills=True)
    with pytest.raises(Killed):
        try_with(notes, if_exists=if_exists)

    change = try_with(notes, if_exists=if_exists, listing_timeout=0.05)

    assert (change.action, change.sha512) == ("uploaded", SHA512)
    assert sent() == 2
    assert names_and_digests(vm) == [("a.bin", SHA512)]
    assert notes.note is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("note", "checksum"),
    [
        (replace(NOTE, file_name="b.bin"), None),
        (replace(NOTE, size=SIZE + 1), None),
        (replace(NOTE, sha512="0" * 128), Checksum("sha512", SHA512)),
    ],
)
def test_note_of_another_image_is_ignored(
    note: UploadNote,
    checksum: Checksum | None,
    vm: Simulator,
    try_with: Callable[..., Change],
    sent: Callable[[], int],
    recorded_sleeps: list[float],
) -> None:
    notes = Notes(note)
    vm.add_image("a.bin", b"old", version="1.1.1")
    assert try_with(notes, if_exists="replace", checksum=checksum).action == "replaced"
    assert sent() == 1
    assert names_and_digests(vm) == [("a.bin", SHA512)]
    promised = str(checksum or "")
    assert [bytes_of(one) for one in notes.written] == [replace(NOTE, action="replaced", checksum=promised)]
    assert recorded_sleeps == []

    notes.note = note
    with pytest.raises(VManageConflictError):
        try_with(notes, if_exists="fail", checksum=checksum)
    assert notes.note == note


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5", None])
def test_note_counts_if_it_has_the_same_checksum(
    algorithm: str | None, vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    checksum = Checksum(algorithm, hashlib.new(algorithm, CONTENT).hexdigest()) if algorithm else None
    vm.add_image("a.bin", CONTENT)
    change = try_with(Notes(replace(NOTE, checksum=str(checksum or ""))), if_exists="fail", checksum=checksum)
    assert (change.sha512, change.verified) == (SHA512, algorithm)
    assert sent() == 0


@pytest.mark.parametrize("noted", ["", f"sha256:{'0' * 64}", f"md5:{'0' * 32}"])
def test_note_of_other_bytes_proves_nothing(
    noted: str, vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    vm.add_image("a.bin", b"other" * 100_000)
    notes = Notes(UploadNote("replaced", "a.bin", SIZE, "0" * 128, checksum=noted))
    checksum = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
    change = try_with(notes, if_exists="replace", checksum=checksum, allow_in_use=True)
    assert (change.action, change.sha512, change.verified) == ("replaced", SHA512, "sha256")
    assert sent() == 1
    assert names_and_digests(vm) == [("a.bin", SHA512)]


@pytest.mark.parametrize(("age", "waited"), [(0, 20), (15, 5), (100, 2), (-1000, 20)])
def test_after_a_kill_the_manager_keeps_its_processing_time(
    age: int,
    waited: int,
    vm: Simulator,
    repository: SoftwareRepository,
    sent: Callable[[], int],
    recorded_sleeps: list[float],
) -> None:
    """``upload_read`` is 20 seconds in these tests, ``listing_timeout`` 2."""
    notes = Notes(replace(NOTE, sent_on=int(time.time()) - age))
    source = ImageSource("image", SIZE, lambda: io.BytesIO(CONTENT))
    change = ImageUpload(repository, source, "a.bin", notes=notes, listing_timeout=2.0).run()
    assert (change.action, sent()) == ("uploaded", 1)
    assert sum(recorded_sleeps) == pytest.approx(waited, abs=2)


def test_without_notes_only_the_name_is_found(
    vm: Simulator, try_with: Callable[..., Change], sent: Callable[[], int]
) -> None:
    vm.add_image("a.bin", CONTENT)
    assert try_with(None, if_exists="skip").action == "unchanged"
    with pytest.raises(VManageConflictError):
        try_with(Notes(), if_exists="fail")
    assert sent() == 0


def test_note_is_written_after_the_body_and_cleared_by_success(vm: Simulator, try_with: Callable[..., Change]) -> None:
    notes = Notes()
    assert try_with(notes).action == "uploaded"
    assert [bytes_of(one) for one in notes.written] == [NOTE]
    assert notes.written[0].sent_on == pytest.approx(time.time(), abs=60)
    assert notes.note is None

    notes.note = NOTE
    assert try_with(notes, if_exists="skip", content=b"of another size").action == "unchanged"
    assert notes.note is None


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        ("reset_during_upload", {"after_bytes": 1000, "times": 3}, VManageOutcomeUnknownError),
        ("early_403", {"times": 3}, VManageError),
    ],
)
def test_no_note_is_written_where_bytes_were_left(
    fault: str,
    options: dict[str, Any],
    error: type[VManageError],
    vm: Simulator,
    try_with: Callable[..., Change],
) -> None:
    vm.faults.add(fault, **options)
    notes = Notes()
    with pytest.raises(error):
        try_with(notes, content=CONTENT * 60)  # the kernel buffers some megabytes
    assert notes.written == []


def test_no_note_is_written_where_the_checksum_is_wrong(vm: Simulator, try_with: Callable[..., Change]) -> None:
    notes = Notes()
    with pytest.raises(VManageChecksumError):
        try_with(notes, checksum=Checksum("sha512", "0" * 128))
    assert notes.written == []


@pytest.mark.parametrize(
    ("faults", "kept"),
    [
        (["never_listing"], True),
        (["gateway_timeout_not_stored"], True),
        (["html_200"] * 3, True),
        (["error_4xx"], False),
        (["html_200", "error_4xx"], True),  # of the first copy nothing is known
    ],
    ids=str,
)
def test_open_outcome_keeps_the_note_and_a_refusal_clears_it(
    faults: list[str], kept: bool, vm: Simulator, repository: SoftwareRepository
) -> None:
    for fault in faults:
        vm.faults.add(fault, path="device/action/software/package")
    notes = Notes()
    source = ImageSource("image", SIZE, lambda: io.BytesIO(CONTENT))
    with pytest.raises((VManageOutcomeUnknownError, VManageRejectedError)):
        ImageUpload(repository, source, "a.bin", notes=notes, listing_timeout=0.05).run()
    assert bytes_of(notes.note) == (NOTE if kept else None)
    silent = faults == ["gateway_timeout_not_stored"]
    if kept and len(faults) != 2:  # where a response came, the next try need not wait for the manager's work
        assert bool(notes.note and notes.note.sent_on) == silent
