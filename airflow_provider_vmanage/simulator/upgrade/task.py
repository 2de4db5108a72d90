"""One task: an action on some devices, and the status that the manager reports of it.

Shape: samples in the tests of catalystwan 0.36.1, Cisco's page "Monitor Status".
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.upgrade.course import Course
from airflow_provider_vmanage.simulator.upgrade.job import Job

_OF_DEVICE = (
    *("uuid", "system-ip", "local-system-ip", "host-name", "site-id"),
    *("device-type", "personality", "reachability", "version"),
)
_POLL_WITH_ROWS, _POLL_AT_END = 2, 3  # where tasks go on by polls: the first one shows no rows


@dataclass
class Task:
    """An action on devices.

    :param kind: How ids begin and what the status calls the action: ``software_install``.
    :param name: The action for people: ``Software Install``.
    :param jobs: One per device.
    :param who: User name and address of the session that asked.
    :param invalid: Why nothing is done at all; None if something is.
    :param scale: Seconds that a minute takes; None: tasks go on with each poll of their status instead.
    :param in_turn: One device after the other, as controllers are upgraded.
    :param rows_after: Seconds in which the status has no rows.
    """

    kind: str
    name: str
    jobs: list[Job]
    who: tuple[str, str]
    created: float
    invalid: str | None = None
    scale: float | None = None
    in_turn: bool = False
    rows_after: float = 0.0
    process_id: str = field(init=False)
    begun: float | None = None
    ended: float | None = None
    polls: int = 0

    def __post_init__(self) -> None:
        self.process_id = f"{self.kind}-{uuid.uuid4()}"

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    @property
    def devices(self) -> set[str]:
        """The ids of its devices."""
        return {str(job.device.record.get("uuid")) for job in self.jobs}

    def begin(self, now: float) -> None:
        """Begin, unless it has: at once, or after the tasks of its devices before it."""
        if self.begun is None:
            self.begun = now

    def advance(self, now: float, outage: Callable[[], bool]) -> None:
        """Let a task that has begun go on up to now."""
        if self.begun is None or not self.running:
            return
        if self.invalid is not None:
            self.ended = self.begun
        elif self.scale is not None:
            self._go_on_in_time(now)
        elif self.polls >= _POLL_WITH_ROWS:
            self._go_on_by_polls(now, outage)

    def poll(self, now: float) -> None:
        """Count one poll of its status."""
        if self.begun is not None and now >= self.begun + self.rows_after:
            self.polls += 1

    def cancel(self, now: float, devices: set[str] | None = None) -> None:
        """End the jobs that have not begun; what a real manager does to others is unknown."""
        for job in self.jobs:
            if devices is None or job.device.record.get("uuid") in devices:
                job.cancel(now)
        self._end_if_done(now)

    def status(self, now: float) -> dict[str, Any]:
        """The status as ``GET …/status/{processId}`` shows it."""
        rows = self._rows(now)
        return {
            "data": rows,
            "validation": self._validation(),
            "summary": self._summary([row["status"] for row in rows]),
            "isCancelEnabled": True,
            "isParallelExecutionEnabled": not self.in_turn,
        }

    def in_list(self) -> dict[str, Any]:
        """The record in the list of running tasks, where times are numbers (client code)."""
        times = {"startTime": _ms(self.created), "endTime": 0}
        return {**self._identity(), "processId": self.process_id, **times}

    def _go_on_in_time(self, now: float) -> None:
        begin = self.begun or now
        for job in self.jobs:
            job.advance(now, begin, self.scale or 0.0)
            if self.in_turn:
                if job.ended is None:
                    break
                begin = job.ended
        self._end_if_done(now)

    def _go_on_by_polls(self, now: float, outage: Callable[[], bool]) -> None:
        for job in self.jobs:
            job.begin(now)
            if self.polls >= _POLL_AT_END:
                job.finish(now, outage)
        self._end_if_done(now)

    def _end_if_done(self, now: float) -> None:
        if self.running and all(job.ended is not None for job in self.jobs):
            self.ended = max((job.ended for job in self.jobs if job.ended is not None), default=now)

    def _rows(self, now: float) -> list[dict[str, Any]]:
        if self.invalid is not None or self.begun is None:
            return []
        if self.scale is None:
            shown = self.polls >= _POLL_WITH_ROWS or not self.running
        else:
            shown = now >= (self.begun or self.created) + self.rows_after
        return [self._row(number, job) for number, job in enumerate(self.jobs)] if shown else []

    def _identity(self) -> dict[str, Any]:
        user, address = self.who
        where = {"detailsURL": "/dataservice/device/action/status", "tenantName": "DefaultTenant"}
        session = {"userSessionUserName": user, "userSessionIP": address}
        status = "in_progress" if self.running else "done"
        return {"action": self.kind, "name": self.name, "status": status, **where, **session}

    def _summary(self, statuses: list[str]) -> dict[str, Any]:
        count = {status: statuses.count(status) for status in statuses}
        times = {"startTime": str(_ms(self.created)), "endTime": str(_ms(self.ended or 0))}
        return {**self._identity(), **times, "total": len(self.jobs), "count": count}

    def _validation(self) -> dict[str, Any]:
        status = "Validation failure" if self.invalid else "Validation success"
        activity = [activity_line(self.ended or self.created, self.invalid)] if self.invalid else []
        place = dict.fromkeys(("system-ip", "deviceID", "uuid"), "Validation")
        more = {"activity": activity, "currentActivity": "Done - Validation", **place, "actionConfig": "{}"}
        return {**_state(status), **more, **self._step(order=0)}

    def _row(self, number: int, job: Job) -> dict[str, Any]:
        record = job.device.record
        row = {name: record.get(name) for name in _OF_DEVICE}
        row.update(deviceID=record.get("uuid"), deviceModel=record.get("device-model"), validity="valid")
        if self.kind == "change_partition":
            row["active-partition"] = record.get("version")
        activity = [activity_line(at, line) for at, line in job.lines]
        current = f"{'Executing' if job.ended is None else 'Done'} - {self.name}"
        more = {"activity": activity, "currentActivity": current, "actionConfig": ""}
        return {**_state(job.word), **row, **more, **self._step(order=number)}

    def _step(self, order: int) -> dict[str, Any]:
        names = {"action": self.kind, "statusType": self.kind, "processId": self.process_id, "order": order}
        started = _ms(self.begun or self.created)
        return {**names, "startTime": started, "requestStatus": "received", "vmanageIP": "127.0.0.1"}


def jobs_of(pairs: Iterable[tuple[Device, Course]]) -> list[Job]:
    """One job per device."""
    return [Job(device, course) for device, course in pairs]


def activity_line(at: float, text: str | None) -> str:
    """A line as published: ``[29-Jun-2022 1:29:11 UTC] text``."""
    when = time.gmtime(at)
    return f"[{time.strftime('%d-%b-%Y', when)} {when.tm_hour}:{time.strftime('%M:%S', when)} UTC] {text}"


def _state(word: str) -> dict[str, str]:
    return {"status": word, "statusId": word.lower().replace(" ", "_")}


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
