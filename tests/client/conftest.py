"""Sessions with simulated managers: every wait is noted instead of waited, every login is ended."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any

import pytest

from airflow_provider_vmanage.client.http.clock import Clock
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, Timeouts
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import pool_of
from tests.recorded_time import RecordedTime

SOFTWARE = "device/action/software"


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that end with the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(Simulator(*args, **options))


@pytest.fixture
def recorded_sleeps() -> list[float]:
    """The seconds that sessions wanted to wait."""
    return []


@pytest.fixture
def settings_of() -> Callable[..., ManagerSettings]:
    """Makes the settings for a simulator; fields may be replaced, and ``read=`` sets the read timeout."""

    def make(vm: Simulator, *, read: float = 20.0, **changes: Any) -> ManagerSettings:
        fields = {
            "base_url": vm.url,
            "username": vm.username,
            "password": vm.password,
            "ca_bundle": vm.ca_bundle,
            "timeouts": Timeouts(connect=10.0, read=read, upload_read=20.0),
            "requests_per_second": 1000.0,  # or a test would really wait; tests of the limit set their own
        }
        return ManagerSettings(**{**fields, **changes})

    return make


@pytest.fixture
def connect(
    recorded_sleeps: list[float], settings_of: Callable[..., ManagerSettings]
) -> Iterator[Callable[..., ManagerSession]]:
    """Makes sessions that end before their simulators do; their time is that of their waits."""
    recorded = RecordedTime(recorded_sleeps)
    with ExitStack() as stack:

        def make(
            vm: Simulator, *, on_secret: Callable[[str], None] = lambda _: None, clock: Clock = recorded, **changes: Any
        ) -> ManagerSession:
            session = stack.enter_context(ManagerSession(settings_of(vm, **changes), on_secret=on_secret, clock=clock))
            session.sleep = pool_of(session).sleep = recorded_sleeps.append  # type: ignore[method-assign]
            return session

        yield make


@pytest.fixture
def calls() -> Callable[[Simulator], list[str]]:
    """Lists what a simulator has received, in order: ``GET client/server``, ``POST /logout``."""
    return lambda vm: [f"{one.method} {one.path.removeprefix('/dataservice/')}" for one in vm.requests]


@pytest.fixture
def repository(vm: Simulator, connect: Callable[..., ManagerSession]) -> SoftwareRepository:
    """The software repository of ``vm``."""
    return SoftwareRepository(connect(vm))


@pytest.fixture
def upgrade_on(connect: Callable[..., ManagerSession]) -> Callable[..., SoftwareUpgrade]:
    """Makes device actions on a simulator."""
    return lambda vm, **options: SoftwareUpgrade(connect(vm), **options)


@pytest.fixture
def in_time(simulate: Callable[..., Simulator], recorded_sleeps: list[float]) -> Callable[..., Simulator]:
    """Starts simulators whose tasks take their minutes, on the same clock."""

    def start(*args: Any, **options: Any) -> Simulator:
        return simulate(*args, **{"seconds_per_minute": 60.0, "clock": lambda: 1.7e9 + sum(recorded_sleeps), **options})

    return start


@pytest.fixture
def image() -> bytes:
    """What an upload sends: three blocks of its reader."""
    return b"an image, complete and right. " * 100_000


@pytest.fixture
def upload(repository: SoftwareRepository, image: bytes) -> Callable[..., ImageUpload]:
    """Makes uploads of ``image`` in one session; ``opener=`` and ``size=`` give another source."""

    def make(
        file_name: str, *, opener: Callable[[], IO[bytes]] | None = None, size: int = len(image), **options: Any
    ) -> ImageUpload:
        source = ImageSource("image", size, opener or (lambda: io.BytesIO(image)))
        return ImageUpload(repository, source, file_name, **{"listing_timeout": 0.05, **options})

    return make
