"""One device of a task: how far its course has come, and the word that the manager reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.upgrade.course import Course, Step


@dataclass
class Job:
    """The course of one device.

    :param lines: Moment and text of each line of activity.
    :param ended: When it ended; None while it goes on.
    """

    device: Device
    course: Course
    lines: list[tuple[float, str]] = field(default_factory=list)
    word: str = "In progress"
    ended: float | None = None
    _next: Step | None = None
    _at: float | None = None

    def advance(self, now: float, begin: float, scale: float) -> None:
        """Take every step that is due by now."""
        if self.ended is not None or now < begin:
            return
        if self._at is None:
            self._start(begin)
        while self._next is not None and self._due(scale) <= now:
            self._take(self._due(scale))

    def begin(self, now: float) -> None:
        """Take the steps that come at once, and change nothing yet."""
        if self._at is None:
            self._start(now)
        while self._next is not None and not self._next.minutes:
            self._take(now)

    def finish(self, now: float, outage: Callable[[], bool]) -> None:
        """Take all steps, or those up to an outage of the manager itself."""
        while self._next is not None and not (self._next.after_outage and outage()):
            self._take(now)

    def cancel(self, now: float) -> None:
        """End as cancelled if no step has been taken."""
        if self._at is None and self.ended is None:
            self.word, self.ended = "Cancelled", now
            self.lines.append((now, "Cancelled by the user"))

    def _start(self, at: float) -> None:
        self._at = at
        self._next = next(self.course)

    def _due(self, scale: float) -> float:
        return (self._at or 0.0) + (self._next.minutes if self._next else 0.0) * scale

    def _take(self, at: float) -> None:
        if self._next is None:
            return
        self.lines.append((at, self._next.line))
        self._at = at
        try:
            self._next = self.course.send(at)
        except StopIteration as end:
            self._end(at, end.value)

    def _end(self, at: float, why: str | None) -> None:
        behaviour = self.device.behaviour
        self._next, self.ended = None, at
        if why is not None:
            self.lines.append((at, why))
        self.word = behaviour.ends_as or behaviour.reports or ("Failure" if why else "Success")
