"""One wait for one image: when it wants the next look, and what an answer means to it. Nothing here waits or sends."""

from __future__ import annotations

import asyncio
import math
import random
import time
from dataclasses import dataclass

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.image_search import AwaitedImage, ImageIndex
from airflow_provider_vmanage.masking import masked
from airflow_provider_vmanage.waiting import wait_events

#: seconds that a last look may come after a deadline
_DEADLINE_GRID = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between two looks: the same rules as ``BaseSensorOperator`` in its other modes.

    :param poke_interval: seconds.
    :param exponential_backoff: double it with each look, with jitter.
    :param max_wait: seconds that a wait may last at most.
    """

    poke_interval: float
    exponential_backoff: bool = False
    max_wait: float | None = None

    def seconds(self, look: int) -> float:
        """Return the wait after that many looks."""
        if not self.exponential_backoff:
            return self.poke_interval
        shortest = max(int(self.poke_interval * 2.0 ** min(look - 2, 40)), 1)
        return min(shortest * (1 + random.random()), self.max_wait or float("inf"))  # noqa: S311 - jitter

    def looks_within(self, elapsed: float) -> int:
        """Return how many looks there were in that many seconds, so that a restart goes on at the same pace."""
        looks, total = 1, self.seconds(1)
        while self.exponential_backoff and total <= elapsed and looks < 1000:
            looks += 1
            total += self.seconds(looks)
        return looks


@dataclass(frozen=True, slots=True)
class Patience:
    """When a wait is given up.

    :param deadline: seconds since 1970, or ``None``.
    :param max_consecutive_failures: failed looks in a row, or ``None`` for any number.
    :param failures: failed looks that there were already.
    """

    deadline: float | None = None
    max_consecutive_failures: int | None = 5
    failures: int = 0


class ImageWait:
    """A wait that takes part in a shared poll.

    :param wanted: what to wait for.
    :param pace: how often to look.
    :param patience: when to give up.
    :param started_at: when the wait began, in seconds since 1970: a restart of the triggerer keeps the pace.
    """

    def __init__(
        self, wanted: AwaitedImage, pace: Pace, patience: Patience, *, started_at: float | None = None
    ) -> None:
        self.wanted = wanted
        self.outcome: asyncio.Future[wait_events.Event] = asyncio.get_running_loop().create_future()
        self._pace = pace
        self._patience = patience
        self._failures = patience.failures
        self._counted_at = float("-inf")
        self._last_state = "not looked at since the triggerer took over"
        now = time.monotonic()
        self._looks = pace.looks_within(time.time() - started_at) if started_at else 1
        # The clock of the day is read once: it may be set while we wait.
        self._ends = float("inf") if patience.deadline is None else now + patience.deadline - time.time()
        self._interval = pace.seconds(self._looks)
        self.due = self._next_due(now)

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds until the deadline, or ``None`` where there is none."""
        return None if self._patience.deadline is None else self._ends - time.monotonic()

    def take(self, answer: ImageIndex | VManageError) -> None:
        """Take a look's answer: the wait is over, or wants another look."""
        if self.outcome.done():
            return
        now = time.monotonic()
        event = self._after_failure(answer, now) if isinstance(answer, VManageError) else self._after_list(answer)
        if event is None and now >= self._ends:
            event = self.time_is_up()
        if event is not None:
            self.outcome.set_result(event)
            self.due = float("inf")
        else:
            self._looks += now >= self.due  # a look that another wait asked for does not slow this one down
            self._interval = self._pace.seconds(self._looks)
            self.due = self._next_due(now)

    def time_is_up(self) -> wait_events.Event:
        """Return the event for a deadline that is past, with what was seen last."""
        return wait_events.timed_out(f"Timed out while waiting for an image with {self.wanted}: {self._last_state}")

    def _next_due(self, now: float) -> float:
        """Return when the next look is wanted; at the deadline there is a last one.

        Hundreds of tasks that started one after the other have hundreds of deadlines: these are moved onto a grid, so
        that they ask for few looks.
        """
        grid = max(min(self._interval, _DEADLINE_GRID), 0.01)
        last = math.ceil(self._ends / grid) * grid if math.isfinite(self._ends) else self._ends
        return min(now + self._interval, last)

    def _after_list(self, index: ImageIndex) -> wait_events.Event | None:
        self._failures, self._counted_at = 0, float("-inf")
        if images := index.find(self.wanted):
            return wait_events.found(images)
        self._last_state = f"not among the {len(index.images)} images at the last look"
        return None

    def _after_failure(self, error: VManageError, now: float) -> wait_events.Event | None:
        """Count a failure, at most one in each interval of its own: others may look more often than this wait does."""
        self._last_state = f"the last look failed: {masked(str(error))}"
        if not error.retryable:
            return wait_events.failed(error)
        if now - self._counted_at >= self._interval / 2:
            self._counted_at = now
            self._failures += 1
        limit = self._patience.max_consecutive_failures
        if limit is None or self._failures < limit:
            return None
        return wait_events.failed(error)
