"""One manager with a clock of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upgrade.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A manager without edges, whose tasks take as long as real ones on a clock of its own."""
    with World() as world:
        yield world
