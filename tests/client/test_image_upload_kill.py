"""A task that is killed in the middle of an upload: it ends soon, logs out, and leaves nothing half done."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
ENDLESS = 1 << 40


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    return vm_of_release


@pytest.fixture
def session(repository: SoftwareRepository) -> ManagerSession:
    del repository.session.sleep  # of the fixture, which waits for nothing and cannot be interrupted
    return repository.session


class Zeros(io.RawIOBase):
    """An endless source that sets an event when the first megabytes are read."""

    def __init__(self, reached: threading.Event, after: int = 8 * 1024 * 1024) -> None:
        self._reached, self._left = reached, after

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._left -= len(buffer)
        if self._left < 0:
            self._reached.set()
        buffer[:] = bytes(len(buffer))
        return len(buffer)


class Killed:
    """Runs an upload on a thread of its own, breaks it off, and keeps how that went."""

    def __init__(self, upload: ImageUpload, session: ManagerSession) -> None:
        self._upload, self._session = upload, session
        self.error: VManageError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._session:
                self._upload.run()
        except VManageError as err:
            self.error = err

    def kill(self, *, once: Callable[[], bool]) -> float:
        """Abort as soon as the upload is there; return the seconds until it has ended and logged out."""
        deadline = time.monotonic() + 10
        while not once():
            self._thread.join(0.005)
            assert time.monotonic() < deadline, f"it never came so far: {self.error!r}"
        began = time.monotonic()
        self._session.abort()
        self._thread.join(10)
        return time.monotonic() - began


def received(vm: Simulator, end: str) -> Callable[[], bool]:
    return lambda: any(one.path.endswith(end) for one in vm.requests)


def assert_ended_well(killed: Killed, seconds: float, vm: Simulator) -> None:
    assert isinstance(killed.error, VManageCancelledError)
    assert killed.error.retryable
    assert seconds < 2
    assert (vm.counters.logouts, vm.counters.open_sessions) == (1, 0)


def test_it_ends_while_it_sends(vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload]) -> None:
    under_way = threading.Event()
    killed = Killed(upload(NAME, opener=lambda: Zeros(under_way), size=ENDLESS), session)
    assert_ended_well(killed, killed.kill(once=under_way.is_set), vm)
    assert vm.images == []


def test_it_ends_while_the_manager_takes_nothing(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("status", delay=5, path="*/package")
    under_way = threading.Event()
    killed = Killed(upload(NAME, opener=lambda: Zeros(under_way, after=4 * 1024 * 1024), size=ENDLESS), session)
    assert_ended_well(killed, killed.kill(once=under_way.is_set), vm)


def test_it_ends_while_it_waits_for_the_response(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("slow", delay=5, path="*/package")
    killed = Killed(upload(NAME), session)
    assert_ended_well(killed, killed.kill(once=lambda: len(vm.images) == 1), vm)


def test_it_ends_while_it_waits_for_the_list(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    vm.faults.add("never_listing")
    killed = Killed(upload(NAME, listing_timeout=60), session)
    lists = "GET device/action/software"
    assert_ended_well(killed, killed.kill(once=lambda: calls(vm).count(lists) >= 2), vm)


def test_it_ends_while_the_manager_processes_the_image(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    vm.faults.add("gateway_timeout_not_stored")
    killed = Killed(upload(NAME), session)
    lists = "GET device/action/software"
    assert_ended_well(killed, killed.kill(once=lambda: calls(vm).count(lists) >= 2), vm)


def test_it_ends_while_a_busy_manager_lets_it_wait(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload]
) -> None:
    vm.faults.add("http_429", retry_after=50, path="*/package")
    killed = Killed(upload(NAME), session)
    assert_ended_well(killed, killed.kill(once=received(vm, "/package")), vm)


@pytest.mark.parametrize("release", ["20.12.4"])
def test_it_ends_while_the_source_hangs(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload]
) -> None:
    hangs, release = threading.Event(), threading.Event()

    class Stuck(io.RawIOBase):
        def readinto(self, buffer: Any, /) -> int:
            hangs.set()
            release.wait(10)
            return 0

    killed = Killed(upload(NAME, opener=Stuck), session)
    seconds = killed.kill(once=hangs.is_set)
    release.set()
    assert_ended_well(killed, seconds, vm)


def test_next_try_finds_out_what_became_of_it(
    vm: Simulator, session: ManagerSession, upload: Callable[..., ImageUpload], connect: Callable[..., ManagerSession]
) -> None:
    vm.faults.add("slow", delay=2, path="*/package")  # the image is stored, the response comes late
    killed = Killed(upload(NAME), session)
    killed.kill(once=lambda: len(vm.images) == 1)

    again = upload(NAME)
    again = ImageUpload(SoftwareRepository(connect(vm)), again.source, NAME)
    assert again.run().action == "unchanged"
    assert len(vm.images) == 1
