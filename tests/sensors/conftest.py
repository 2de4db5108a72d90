"""Tasks wait for nothing here."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_waits(recorded_sleeps: list[float]) -> None:
    """Use ``recorded_sleeps`` in every test of this folder."""
