"""When a wait polls again, and when it stops: the same rules whatever it waits for."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.clock import Clock
from airflow_provider_vmanage.masking import masked
from airflow_provider_vmanage.waiting import events
from airflow_provider_vmanage.waiting.poll import Question

#: seconds that a last poll may come after a deadline
_DEADLINE_GRID_S = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between two polls: the same rules as ``BaseSensorOperator`` in its other modes.

    :param poke_interval: seconds.
    :param exponential_backoff: double it with each poll, with jitter.
    :param max_wait: seconds that a wait may last at most.
    :param clock: for the waits at this pace.
    """

    poke_interval: float
    exponential_backoff: bool = False
    max_wait: float | None = None
    clock: Clock = field(default=time, repr=False, compare=False)

    def seconds(self, polls: int) -> float:
        """Return the wait after that many polls."""
        if not self.exponential_backoff:
            return self.poke_interval
        shortest = max(int(self.poke_interval * 2.0 ** min(polls - 2, 40)), 1)
        return min(shortest * (1 + random.random()), self.max_wait or float("inf"))  # noqa: S311 - jitter

    def polls_within(self, elapsed: float) -> int:
        """Return how many polls there were in that many seconds, so that a restart goes on at the same pace."""
        polls, total = 1, self.seconds(1)
        while self.exponential_backoff and total <= elapsed and polls < 1000:
            polls += 1
            total += self.seconds(polls)
        return polls


#: seconds that a poll under way may still take after the deadline
GRACE_S = 30.0

#: seconds for which a manager may be unavailable in a row; an upgrade of the manager takes 40 minutes or more
DEFAULT_MAX_UNAVAILABLE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """When a wait stops without the image.

    :param deadline: seconds since 1970, or ``None``.
    :param max_consecutive_failures: failed polls in a row, or ``None`` for any number.
    :param failures: failed polls that there were already.
    :param max_unavailable: seconds from the first failed poll in a row, or ``None`` for any time.
    """

    deadline: float | None = None
    max_consecutive_failures: int | None = None
    failures: int = 0
    max_unavailable: float | None = None

    @property
    def seconds_unavailable(self) -> float | None:
        """Return the limit in seconds; where only a number of failures was given, that alone counts."""
        if self.max_consecutive_failures is not None and self.max_unavailable == DEFAULT_MAX_UNAVAILABLE_S:
            return None
        return self.max_unavailable


class Wait:
    """A wait that takes part in a shared poll; subclasses say what a result means.

    :param question: what it polls.
    :param pace: how often to poll.
    :param patience: when to stop.
    :param started_at: when the wait began, in seconds since 1970: a restart of the triggerer keeps the pace.
    """

    def __init__(self, question: Question, pace: Pace, patience: Patience, *, started_at: float | None = None) -> None:
        self.question = question
        self.prepare: Callable[[Any], Any] | None = None
        self.outcome: asyncio.Future[events.Event] = asyncio.get_running_loop().create_future()
        self.last_state = "not polled since the triggerer took over"
        self._pace = pace
        self._patience = patience
        self._failures = patience.failures
        self._counted_at = float("-inf")
        self._failing_since: float | None = None
        now = pace.clock.monotonic()
        self._polls = pace.polls_within(pace.clock.time() - started_at) if started_at else 1
        # The clock of the day is read once: it may be set while we wait.
        self._ends = float("inf") if patience.deadline is None else now + patience.deadline - pace.clock.time()
        self._latest_end = max(now, self._ends) + GRACE_S
        self._interval = pace.seconds(self._polls)
        self.due = self._next_due(now)

    async def end(self) -> events.Event:
        """Return the event that ends the wait; the timeout, if a poll under way outlasts the deadline."""
        left = max(0.0, self._latest_end - self._pace.clock.monotonic())
        try:
            return await asyncio.wait_for(self.outcome, left if left < float("inf") else None)
        except asyncio.TimeoutError:
            return self.time_is_up()

    def take(self, result: Any) -> None:
        """Take the result of a poll: the wait is over, or wants another poll."""
        if self.outcome.done():
            return
        now = self._pace.clock.monotonic()
        if isinstance(result, VManageError):
            event = self._after_failure(result, now)
        else:
            self._failures, self._counted_at, self._failing_since = 0, float("-inf"), None
            event = self.event_of(result)
        if event is None and now >= self._ends:
            event = self.time_is_up()
        if event is not None:
            self.outcome.set_result(event)
            self.due = float("inf")
        else:
            self._polls += now >= self.due  # a poll that another wait asked for does not slow this one down
            self._interval = self._pace.seconds(self._polls)
            self.due = self._next_due(now)

    def fail(self, error: VManageError) -> None:
        """Stop waiting with this error, whatever the patience: the poll is over."""
        if not self.outcome.done():
            self.outcome.set_result(events.failed(error))
            self.due = float("inf")

    def event_of(self, result: Any) -> events.Event | None:
        """Return the event that a result means, or ``None`` to wait on; sets ``last_state``."""
        raise NotImplementedError

    def time_is_up(self) -> events.Event:
        """Return the event for a deadline that is past, with what was seen last."""
        raise NotImplementedError

    def _next_due(self, now: float) -> float:
        """Return when the next poll is wanted; at the deadline there is a last one.

        Hundreds of tasks that started one after the other have hundreds of deadlines: these are moved onto a grid, so
        that they ask for few polls.
        """
        grid = max(min(self._interval, _DEADLINE_GRID_S), 0.01)
        last = math.ceil(self._ends / grid) * grid if math.isfinite(self._ends) else self._ends
        return min(now + self._interval, last)

    def _after_failure(self, error: VManageError, now: float) -> events.Event | None:
        """Count a failure, at most one in each interval of its own: others may poll more often than this wait does."""
        self.last_state = f"the last poll failed: {masked(str(error))}"
        if not error.retryable:
            return events.failed(error)
        if self._failing_since is None:
            self._failing_since = now
        if now - self._counted_at >= self._interval / 2:
            self._counted_at = now
            self._failures += 1
        return events.failed(error) if self._is_too_much(now - self._failing_since) else None

    def _is_too_much(self, seconds: float) -> bool:
        number, limit = self._patience.max_consecutive_failures, self._patience.seconds_unavailable
        return (number is not None and self._failures >= number) or (limit is not None and seconds >= limit)
