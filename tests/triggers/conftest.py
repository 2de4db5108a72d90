"""Tasks wait for nothing here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_vmanage.simulator import Simulator


@pytest.fixture(autouse=True)
def no_waits(recorded_sleeps: list[float]) -> None:
    """Use ``recorded_sleeps`` in every test of this folder."""


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    """A manager that ``vmanage_default`` leads to."""
    connect(vm)
    return vm
