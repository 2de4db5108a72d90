"""What an upload says while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from airflow_provider_vmanage.client.upload import progress
from airflow_provider_vmanage.client.upload.progress import Progress

MB = 1_000_000


class Clock:
    """A clock that a test turns: ``clock.now = 12.0``."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since the last call."""
    caplog.set_level(logging.INFO, logger=progress.__name__)

    def read() -> list[str]:
        said = caplog.messages.copy()
        caplog.clear()
        return said

    return read


def test_each_tenth_is_logged_once(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", 200 * MB, clock=clock)
    for sent in range(0, 199 * MB, MB):
        clock.now = 1000 + sent / (2 * MB)  # 2 MB/s
        bar.update(sent)

    said = lines()
    assert [line.split()[1] for line in said] == ["10", "20", "30", "40", "50", "60", "70", "80", "90"]
    assert said[0] == "a.bin: 10 % of 200.0 MB at 2.0 MB/s, 90 s left"
    assert said[-1] == "a.bin: 90 % of 200.0 MB at 2.0 MB/s, 10 s left"


def test_fast_transfer_is_logged_every_three_seconds(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", 200 * MB, clock=clock)
    for sent in range(0, 199 * MB, MB):
        clock.now = 1000 + sent / (10 * MB)  # 10 MB/s
        bar.update(sent)
    assert [line.split()[1] for line in lines()] == ["15", "30", "45", "60", "75", "90"]


def test_slow_transfer_is_logged_every_thirty_seconds(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", 1000 * MB, clock=clock)
    for second in range(91):
        clock.now = 1000.0 + second
        bar.update(second * 100_000)
    assert [line.split()[1] for line in lines()] == ["0", "0", "0"]


def test_block_that_jumps_over_several_tenths_is_logged_once(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", 10 * MB, clock=clock)
    for sent in (4 * MB, 4 * MB + 1, 5 * MB):
        clock.now += 3
        bar.update(sent)
    assert [line.split()[1] for line in lines()] == ["40", "50"]


def test_clock_that_stands_still_divides_nothing_by_zero(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", MB, clock=clock)
    bar.update(MB)
    bar.done()
    assert len(lines()) == 1


def test_end_is_logged_with_size_duration_and_rate(clock: Clock, lines: Callable[[], list[str]]) -> None:
    bar = Progress("a.bin", 30 * MB, clock=clock)
    clock.now += 2
    bar.done()
    assert lines() == ["a.bin: all 30.0 MB sent in 2.0 s (15.0 MB/s); waiting for the manager to process the image"]
