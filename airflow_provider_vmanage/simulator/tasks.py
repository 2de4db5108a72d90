"""The tasks that actions on devices become, and what the manager tells of them.

Shapes: a sample in the tests of catalystwan 0.36.1, Cisco's page "Monitor Status". That a task goes on with each look
at its status, and not with time, is the simulator's own: so a test waits for nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Device = dict[str, Any]
# Changes the record of a device; tells why it could not.
Work = Callable[[Device], "str | None"]

_OF_DEVICE = (
    *("uuid", "system-ip", "local-system-ip", "host-name", "site-id"),
    *("device-type", "personality", "reachability", "version"),
)
_LOOK_AT_WORK, _LOOK_AT_END = 2, 3  # the first look shows a task without devices


@dataclass
class Task:
    """One action on devices: at the first look nothing yet, then in progress, then done, the devices changed.

    :param kind: How ids begin and what the status calls the action: ``software_install``.
    :param name: The action for people: ``Software Install``.
    :param jobs: The devices, and what is to be done with each.
    :param who: User name and address of the session that asked.
    :param invalid: Why nothing is done at all; None if something is.
    """

    kind: str
    name: str
    jobs: list[tuple[Device, Work]]
    who: tuple[str, str]
    invalid: str | None = None
    process_id: str = field(init=False)
    started: int = field(default_factory=lambda: _now())
    ended: int | None = None
    failures: list[str | None] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.process_id = f"{self.kind}-{uuid.uuid4()}"

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    def look(self) -> dict[str, Any]:
        """The status, which goes on a step by being looked at."""
        self.looks += 1
        if self.running and (self.invalid or self.looks >= _LOOK_AT_END):
            self.failures = [] if self.invalid else [_do(device, work) for device, work in self.jobs]
            self.ended = _now()
        shown = [] if self.invalid or self.looks < _LOOK_AT_WORK else self._sub_tasks()
        return {
            "data": shown,
            "validation": self._validation(),
            "summary": self._summary([one["status"] for one in shown]),
            "isCancelEnabled": True,
            "isParallelExecutionEnabled": True,
        }

    def in_list(self) -> dict[str, Any]:
        """The record in the list of running tasks, where times are numbers (client code)."""
        return {**self._identity(), "processId": self.process_id, "startTime": self.started, "endTime": 0}

    def _identity(self) -> dict[str, Any]:
        user, address = self.who
        where = {"detailsURL": "/dataservice/device/action/status", "tenantName": "DefaultTenant"}
        session = {"userSessionUserName": user, "userSessionIP": address}
        status = "in_progress" if self.running else "done"
        return {"action": self.kind, "name": self.name, "status": status, **where, **session}

    def _summary(self, statuses: list[str]) -> dict[str, Any]:
        count = {status: statuses.count(status) for status in statuses}
        times = {"startTime": str(self.started), "endTime": str(self.ended or 0)}
        return {**self._identity(), **times, "total": len(self.jobs), "count": count}

    def _validation(self) -> dict[str, Any]:
        status = "Validation failure" if self.invalid else "Validation success"
        activity = [_line(self.ended, self.invalid)] if self.invalid else []
        place = dict.fromkeys(("system-ip", "deviceID", "uuid"), "Validation")
        more = {"activity": activity, "currentActivity": "Done - Validation", **place, "actionConfig": "{}"}
        return {**_state(status), **more, **self._step(order=0)}

    def _sub_tasks(self) -> list[dict[str, Any]]:
        if self.running:
            return [self._sub_task(n, "In progress", None) for n in range(len(self.jobs))]
        return [self._sub_task(n, "Failure" if why else "Success", why) for n, why in enumerate(self.failures)]

    def _sub_task(self, number: int, status: str, why: str | None) -> dict[str, Any]:
        device = self.jobs[number][0]
        record = {name: device.get(name) for name in _OF_DEVICE}
        record.update(deviceID=device.get("uuid"), deviceModel=device.get("device-model"), validity="valid")
        told = f"{'Executing' if self.running else 'Done'} - {self.name}"
        lines = [_line(self.started, f"{self.name}: action submitted"), *([_line(self.ended, why)] if why else [])]
        more = {"activity": lines, "currentActivity": told, "actionConfig": ""}
        return {**_state(status), **record, **more, **self._step(order=number)}

    def _step(self, order: int) -> dict[str, Any]:
        names = {"action": self.kind, "statusType": self.kind, "processId": self.process_id, "order": order}
        return {**names, "startTime": self.started, "requestStatus": "received", "vmanageIP": "127.0.0.1"}


class TaskBook:
    """Every task since the start, by its id."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def start(self, task: Task) -> str:
        """Keep a task, and return its id."""
        self._tasks[task.process_id] = task
        return task.process_id

    def find(self, process_id: str) -> Task | None:
        """The task of that id."""
        return self._tasks.get(process_id)

    @property
    def running(self) -> list[Task]:
        """The tasks that have not ended."""
        return [task for task in self._tasks.values() if task.running]


def _do(device: Device, work: Work) -> str | None:
    if device.get("reachability") != "reachable":
        return "The device is not reachable"
    return work(device)


def _state(status: str) -> dict[str, str]:
    return {"status": status, "statusId": status.lower().replace(" ", "_")}


def _line(when: int | None, text: str) -> str:
    at = time.gmtime((when or 0) / 1000)
    return f"[{time.strftime('%d-%b-%Y', at)} {at.tm_hour}:{time.strftime('%M:%S', at)} UTC] {text}"


def _now() -> int:
    return int(time.time() * 1000)
