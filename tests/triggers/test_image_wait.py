"""One wait by itself: when its next poll is due, and how it takes a result. No manager, no waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageProtocolError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.matching import AwaitedImage, ImageIndex
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.waiting import events, wait_events
from airflow_provider_vmanage.waiting.image_wait import ImageWait
from airflow_provider_vmanage.waiting.pace import Pace, Patience

EMPTY = ImageIndex([])
UNAVAILABLE = VManageUnavailableError("unavailable", status=503)


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(monotonic=1000.0, day=1_800_000_000.0)


@pytest.fixture
def new_wait(clock: SimpleNamespace) -> Iterator[Callable[..., ImageWait]]:
    loop = asyncio.new_event_loop()

    def make(interval: float = 60.0, *, backoff: bool = False, started_at: float | None = None, **patience: Any) -> Any:
        async def inside() -> ImageWait:
            time = SimpleNamespace(monotonic=lambda: clock.monotonic, time=lambda: clock.day)
            pace = Pace(interval, backoff, patience.pop("max_wait", None), time)
            return ImageWait(AwaitedImage("20.15.1"), pace, Patience(**patience), started_at=started_at)

        return loop.run_until_complete(inside())

    yield make
    loop.close()


def event(wait: ImageWait) -> Any:
    return wait.outcome.result() if wait.outcome.done() else None


def test_first_poll_is_due_after_one_interval(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    assert new_wait(60.0).due == clock.monotonic + 60.0


def test_poll_for_another_wait_counts_as_own(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    wait = new_wait(60.0)
    clock.monotonic += 5
    wait.take(EMPTY)
    assert wait.due == clock.monotonic + 60.0


def test_newest_of_several_images_is_returned_and_others_named(
    new_wait: Callable[..., ImageWait],
) -> None:
    wait = new_wait()
    old, new = (SoftwareImage("20.15.1", file_name=name, updated_on=when) for name, when in (("o", 1), ("n", 2)))
    wait.take(ImageIndex([old, new]))
    assert event(wait)["image"]["file_name"] == "n"
    assert len(event(wait)["others"]) == 1
    assert wait.due == float("inf")


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_failures_in_a_row_stop_it_unless_one_list_succeeds(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace, limit: int
) -> None:
    wait = new_wait(max_consecutive_failures=limit)
    for result in [*([UNAVAILABLE] * (limit - 1)), EMPTY, *([UNAVAILABLE] * limit)]:
        assert event(wait) is None
        clock.monotonic += 60
        wait.take(result)
    assert event(wait)["error"] == "VManageUnavailableError"
    assert event(wait)["status"] == "error"


def test_failed_polls_of_others_count_once_per_own_interval(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace
) -> None:
    wait = new_wait(60.0, max_consecutive_failures=3)
    for _ in range(12):  # two minutes of polls every ten seconds: at 10, 40, 70
        assert event(wait) is None or clock.monotonic >= 1070.0
        clock.monotonic += 10
        wait.take(UNAVAILABLE)
    assert event(wait)["status"] == "error"


def test_failures_before_the_deferral_count(new_wait: Callable[..., ImageWait]) -> None:
    wait = new_wait(max_consecutive_failures=2, failures=1)
    wait.take(UNAVAILABLE)
    assert event(wait)["status"] == "error"


def test_no_limit_means_no_limit(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    wait = new_wait(max_consecutive_failures=None)
    for _ in range(100):
        clock.monotonic += 60
        wait.take(UNAVAILABLE)
    assert event(wait) is None


def test_time_without_manager_is_limited_between_two_lists(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace
) -> None:
    wait = new_wait(60.0, max_unavailable=600.0)
    for result in [*([UNAVAILABLE] * 10), EMPTY, *([UNAVAILABLE] * 11)]:
        assert event(wait) is None
        clock.monotonic += 60
        wait.take(result)
    assert event(wait)["error"] == "VManageUnavailableError"


def test_default_limit_outlasts_restart_and_number_replaces_it(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace
) -> None:
    by_time = new_wait(60.0, max_unavailable=3600.0)
    by_number = new_wait(60.0, max_unavailable=3600.0, max_consecutive_failures=100)
    both = new_wait(60.0, max_unavailable=120.0, max_consecutive_failures=100)
    ended: dict[str, int] = {}
    for minute in range(1, 102):
        clock.monotonic += 60
        for name, wait in (("time", by_time), ("number", by_number), ("both", both)):
            wait.take(UNAVAILABLE)
            if event(wait) is not None:
                ended.setdefault(name, minute)
    assert ended == {"time": 61, "number": 100, "both": 3}


def test_poll_that_is_over_ends_wait_whatever_its_patience(new_wait: Callable[..., ImageWait]) -> None:
    wait = new_wait(max_consecutive_failures=None)
    wait.fail(UNAVAILABLE)
    wait.fail(VManageProtocolError("later"))
    assert event(wait)["error"] == "VManageUnavailableError"
    assert wait.due == float("inf")


def test_final_error_stops_it_at_once(new_wait: Callable[..., ImageWait]) -> None:
    wait = new_wait()
    wait.take(VManageAuthenticationError("refused", status=200))
    assert event(wait)["error"] == "VManageAuthenticationError"


def test_timeout_reports_the_last_poll_at_the_deadline(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace
) -> None:
    wait = new_wait(3600.0, deadline=clock.day + 95)
    assert clock.monotonic + 95 <= wait.due <= clock.monotonic + 105
    clock.monotonic = wait.due
    wait.take(EMPTY)
    assert event(wait)["status"] == "timeout"
    expected = "Timed out while waiting for an image with version 20.15.1: not among the 0 images at the last poll"
    assert event(wait)["message"] == expected


def test_image_that_the_last_poll_shows_is_found(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    wait = new_wait(deadline=clock.day + 10)
    clock.monotonic += 30
    wait.take(ImageIndex([SoftwareImage("20.15.1", file_name="a")]))
    assert event(wait)["status"] == "success"


def test_hundreds_of_deadlines_ask_for_few_polls(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    waits = [new_wait(3600.0, deadline=clock.day + 100 + number / 10) for number in range(300)]
    assert len({wait.due for wait in waits}) <= 4


def test_pace_doubles_up_to_its_limit_over_a_restart(
    new_wait: Callable[..., ImageWait], clock: SimpleNamespace
) -> None:
    seconds = [Pace(60.0, True).seconds(poll) for poll in range(1, 8)]
    for number, one in enumerate(seconds):
        assert 30 * 2**number <= one <= 60 * 2**number
    assert Pace(60.0, True, 300.0).seconds(50) == 300.0
    assert Pace(60.0, True).seconds(10_000) < 1e16
    restarted = new_wait(60.0, backoff=True, started_at=clock.day - 3600)
    assert restarted.due - clock.monotonic >= 600


def test_polls_of_others_do_not_slow_a_growing_pace(new_wait: Callable[..., ImageWait], clock: SimpleNamespace) -> None:
    wait = new_wait(60.0, backoff=True)
    for _ in range(50):
        clock.monotonic += 0.1
        wait.take(EMPTY)
    assert wait.due - clock.monotonic <= 60.0


@pytest.mark.parametrize(
    "strange",
    [None, "success", {}, {"status": "ok"}, {"status": "success"}, {"status": "success", "image": {"version": "1"}},
     {"status": "timeout"}, {"status": "error", "error": "KeyError", "message": "x"}, {"status": "error"},
     {"status": "error", "error": "VManageProtocolError", "message": "x", "fields": "y"}],
)  # fmt: skip
def test_event_that_is_not_known_is_an_error(strange: Any) -> None:
    with pytest.raises(VManageProtocolError, match="does not know"):
        wait_events.read(strange)


def test_error_arrives_with_its_class_and_its_fields() -> None:
    sent = VManageUnavailableError("unavailable", status=503, code="X", details="why", method="GET", path="/p")
    with pytest.raises(VManageUnavailableError) as caught:
        wait_events.read(events.failed(sent))
    assert caught.value.fields == sent.fields
    assert str(caught.value) == str(sent)


@pytest.mark.parametrize("wanted", [AwaitedImage(), AwaitedImage(" "), AwaitedImage(None, "")])
def test_wait_without_a_filter_is_refused(wanted: AwaitedImage) -> None:
    with pytest.raises(VManageConfigurationError):
        wanted.checked()


def test_thousand_waits_on_ten_thousand_images_cost_little_cpu() -> None:
    index = ImageIndex(SoftwareImage(f"20.{n}.1", file_name=f"{n}.bin") for n in range(10_000))
    wanted = [AwaitedImage(f"20.{n * 7}.1") if n % 2 else AwaitedImage(file_name=f"{n}.bin") for n in range(1_000)]
    before = time.process_time()
    assert sum(bool(index.find(one)) for one in wanted) == 1_000
    assert time.process_time() - before < 0.1
