"""The moment a transfer must have ended: refused before, or stopped within, as soon as it cannot."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageDeadlineError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload import body
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.deadline import RATE_WARMUP_S, Deadline, parse_not_after
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

START = datetime(2026, 1, 31, 22, 0, tzinfo=timezone.utc)
MEGA = 1_000_000
SMALL = 64 * 1024
BLOCKS = 20
PACKAGE = "POST device/action/software/package"


class Clock:
    """Time that passes only when it is set, or some seconds each time the rate is read."""

    def __init__(self, *, per_reading: float = 0.0) -> None:
        self.seconds = 0.0
        self._per_reading = per_reading

    def time(self) -> float:
        return START.timestamp() + self.seconds

    def monotonic(self) -> float:
        self.seconds += self._per_reading
        return self.seconds

    def deadline(self, not_after: datetime, **options: Any) -> Deadline:
        return Deadline(not_after, clock=self, **options)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets an upload read its source in blocks that are small."""
    monkeypatch.setattr(body, "BLOCK_BYTES", SMALL)


class Slow(io.BytesIO):
    """Content before whose last bytes something happens."""

    def __init__(self, content: bytes, then: Callable[[], Any]) -> None:
        super().__init__(content)
        self._then = then

    def readinto(self, buffer: Any, /) -> int:
        if self.tell() + len(buffer) >= len(self.getvalue()):
            self._then()
        return super().readinto(buffer)


def source_of(size: int, *, then: Callable[[], Any] = lambda: None) -> ImageSource:
    return ImageSource("image", size, lambda: Slow(b"x" * size, then))


def upload_to(session: ManagerSession, source: ImageSource, *, seconds: float, **options: Any) -> ImageUpload:
    """An upload that must end so many seconds after the start of all clocks."""
    return ImageUpload(
        SoftwareRepository(session), source, "a.bin", not_after=START + timedelta(seconds=seconds), **options
    )


@pytest.mark.parametrize(
    ("left", "rate", "size", "refused"),
    [
        (0.0, None, MEGA, False),  # the very moment is in time
        (-0.001, None, 1, True),
        (10.0, None, 10**12, False),  # nothing is known of the pace yet
        (10.0, MEGA, 10 * MEGA, False),
        (10.0, MEGA, 10 * MEGA + 1000, True),
        (10.0, 1e-9, MEGA, True),  # would end after the last year that there is
    ],
)
def test_attempt_starts_only_if_it_can_end_in_time(left: float, rate: float | None, size: int, refused: bool) -> None:
    deadline = Clock().deadline(START + timedelta(seconds=left), rate=rate)
    if not refused:
        deadline.start(size)
        return
    with pytest.raises(VManageDeadlineError, match="no byte was sent") as caught:
        deadline.start(size)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("seconds", "sent", "stopped"),
    [
        (RATE_WARMUP_S - 0.1, 1, False),  # too early to measure
        (RATE_WARMUP_S, 1, True),
        (RATE_WARMUP_S, 50 * MEGA, False),  # 10 MB/s: 950 MB take 95 s
        (RATE_WARMUP_S, 49 * MEGA, True),
        (99.0, 999 * MEGA, False),
        (100.1, 999 * MEGA, True),  # however little is left
        (100.1, 1000 * MEGA, True),
    ],
)
def test_attempt_is_stopped_once_its_rate_is_too_slow(seconds: float, sent: int, stopped: bool) -> None:
    clock = Clock()
    clock.seconds = 1000.0  # an attempt that is not the first one has its own pace
    deadline = clock.deadline(START + timedelta(seconds=1100))
    deadline.start(1000 * MEGA)
    clock.seconds += seconds
    if not stopped:
        deadline.update(sent, 1000 * MEGA)
        return
    with pytest.raises(VManageDeadlineError, match=f"{sent} of {1000 * MEGA} bytes were sent, so no image was created"):
        deadline.update(sent, 1000 * MEGA)


def test_error_shows_the_estimated_end_and_the_rate() -> None:
    clock = Clock()
    deadline = clock.deadline(START + timedelta(minutes=1))
    deadline.start(1000 * MEGA)
    clock.seconds = 10
    with pytest.raises(VManageDeadlineError) as caught:
        deadline.update(20 * MEGA, 1000 * MEGA)
    assert str(caught.value).startswith(
        "not_after is 2026-01-31 22:01:00 UTC, and 1000 MB at 2.0 MB/s would end 2026-01-31 22:08:20 UTC; "
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("", None),
        (" \n", None),
        ("2026-01-31T22:00:00Z", START),
        ("2026-01-31T22:00:00z", START),
        ("2026-01-31T22:00:00+00:00", START),
        (" 2026-01-31 22:00:00+00:00 ", START),  # as a template writes a datetime
        ("2026-01-31T23:30:00+01:30", START),
        ("2026-01-31T22:00:00.000000+00:00", START),
        (START, START),
        (START.astimezone(timezone(timedelta(hours=-5))), START),
    ],
)
def test_moment_may_be_a_datetime_or_its_text(given: datetime | str | None, expected: datetime | None) -> None:
    assert parse_not_after(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("2026-01-31T22:00:00", "has no time zone"),
        (START.replace(tzinfo=None), "has no time zone"),
        ("2026-01-31", "has no time zone"),
        ("tomorrow", "is 'tomorrow': write it as"),
        ("None", "is 'None': write it as"),
        ("2026-13-31T22:00:00Z", "write it as"),
        (date(2026, 1, 31), "write it as"),  # what a template rendered to native types may give
        (1769896800, "is 1769896800: write it as"),
    ],
)
def test_invalid_moment_is_refused_with_field_value_and_fix(given: Any, words: str) -> None:
    with pytest.raises(VManageConfigurationError, match=words) as caught:
        parse_not_after(given)
    assert caught.value.message.startswith("not_after ")


@pytest.mark.parametrize("if_exists", ["skip", "replace", "fail"])
def test_past_the_moment_nothing_but_reads_is_sent(
    if_exists: str,
    vm: Simulator,
    connect: Callable[..., ManagerSession],
    calls: Callable[[Simulator], list[str]],
) -> None:
    """A replace too: the old image is not deleted for one that comes too late."""
    opened = threading.Event()
    source = ImageSource("image", 1, lambda: opened.set())  # type: ignore[arg-type,return-value]
    if if_exists == "replace":
        vm.add_image("a.bin", b"old", version="19.2.1")
    checksum = Checksum("sha512", "0" * 128)
    with (
        connect(vm, clock=Clock()) as session,
        pytest.raises(VManageDeadlineError, match="it is past; no byte was sent"),
    ):
        upload_to(session, source, seconds=-1, if_exists=if_exists, checksum=checksum).run()
    assert not opened.is_set()
    changes = [call for call in calls(vm) if not call.startswith("GET")]
    assert changes == ["POST /j_security_check", "POST /logout"]
    assert len(vm.images) == (if_exists == "replace")


def test_check_that_takes_too_long_costs_no_old_image(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    clock = Clock()
    vm.add_image("a.bin", b"old", version="19.2.1")
    checksum = Checksum("sha512", hashlib.sha512(b"x" * 10).hexdigest())
    source = source_of(10, then=lambda: setattr(clock, "seconds", 31.0))
    with pytest.raises(VManageDeadlineError, match="it is past; no byte was sent"):
        upload_to(connect(vm, clock=clock), source, seconds=30, if_exists="replace", checksum=checksum).run()
    assert [(image.file_name, image.size) for image in vm.images] == [("a.bin", 3)]


def test_transfer_that_is_too_slow_leaves_no_image(
    vm: Simulator,
    connect: Callable[..., ManagerSession],
    calls: Callable[[Simulator], list[str]],
) -> None:
    clock = Clock(per_reading=2.6)
    progress = f"{2 * SMALL} of {BLOCKS * SMALL} bytes were sent"  # 5 s are over at the second reading
    with pytest.raises(VManageDeadlineError, match=progress):
        upload_to(connect(vm, clock=clock), source_of(BLOCKS * SMALL), seconds=30).run()
    vm.stop()  # it may begin to read what was sent only now
    assert calls(vm).count(PACKAGE) == 1
    assert vm.images == []


@pytest.mark.parametrize("size", [1, SMALL, 3 * SMALL], ids=str)
def test_last_bytes_do_not_leave_past_the_moment(
    size: int, vm: Simulator, connect: Callable[..., ManagerSession]
) -> None:
    clock = Clock()
    source = source_of(size, then=lambda: setattr(clock, "seconds", 31.0))
    with pytest.raises(VManageDeadlineError, match=r"it is past; .* so no image was created"):
        upload_to(connect(vm, clock=clock), source, seconds=30).run()
    vm.stop()
    assert vm.images == []


def test_source_that_hangs_past_the_moment_is_abandoned(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    clock, release, came = Clock(), threading.Event(), threading.Event()

    def hang() -> None:
        clock.seconds = 31.0
        release.wait(10)
        came.set()

    with pytest.raises(VManageDeadlineError, match="it is past"):
        upload_to(connect(vm, clock=clock), source_of(SMALL, then=hang), seconds=30).run()
    assert not came.is_set()
    release.set()
    vm.stop()
    assert vm.images == []


def test_repeat_is_refused_at_the_rate_of_the_first_attempt(
    vm: Simulator,
    connect: Callable[..., ManagerSession],
    calls: Callable[[Simulator], list[str]],
) -> None:
    clock = Clock(per_reading=1.0)
    vm.faults.add("html_200", path="*/package")  # a page: what is absent is sent again
    task = upload_to(connect(vm, clock=clock), source_of(BLOCKS * SMALL), seconds=BLOCKS + 10, listing_timeout=0.01)
    with pytest.raises(VManageDeadlineError, match=r"MB/s would end .*; no byte was sent"):
        task.run()
    assert calls(vm).count(PACKAGE) == 1
    assert vm.images == []


def test_transfer_that_keeps_its_rate_arrives(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    clock = Clock(per_reading=1.0)
    upload_to(connect(vm, clock=clock), source_of(BLOCKS * SMALL), seconds=BLOCKS + 2).run()
    assert [image.size for image in vm.images] == [BLOCKS * SMALL]
