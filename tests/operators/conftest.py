"""Tasks wait for nothing here."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_waits(naps: list[float]) -> None:
    """Use ``naps`` in every test of this folder."""
