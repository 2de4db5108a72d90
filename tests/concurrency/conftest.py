"""Several tasks at once, each with a session of its own, as Airflow runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, Timeouts
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Simulator(**options))


@pytest.fixture
def repository_of() -> Iterator[Callable[[Simulator], SoftwareRepository]]:
    """Makes repositories of a manager, each with a session of its own that ends before the simulator does."""
    with ExitStack() as stack:

        def make(vm: Simulator) -> SoftwareRepository:
            settings = ManagerSettings(
                base_url=vm.url,
                username=vm.username,
                password=vm.password,
                ca_bundle=vm.ca_bundle,
                timeouts=Timeouts(connect=30.0, read=30.0, upload_read=30.0),
                requests_per_second=100.0,
            )
            return SoftwareRepository(stack.enter_context(ManagerSession(settings)))

        yield make


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Does all of it at the same moment, each on a thread; returns results and errors of the client, in order."""

    def do(*operations: Callable[[], Any]) -> list[Any]:
        start = threading.Barrier(len(operations))

        def outcome(operation: Callable[[], Any]) -> Any:
            start.wait(30)
            try:
                return operation()
            except VManageError as err:
                return err

        with ThreadPoolExecutor(len(operations)) as pool:
            return list(pool.map(outcome, operations))

    return do
