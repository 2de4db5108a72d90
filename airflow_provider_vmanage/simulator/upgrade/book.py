"""Every task since the start: which run, which wait, what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_vmanage.simulator.upgrade.task import Task


class DeviceBusy(Exception):
    """A device has a running task, and the manager is set to refuse another."""


@dataclass(frozen=True)
class ReceivedAction:
    """One device in one POST of an action, in order of arrival.

    :param action: Last part of the path: ``install``, ``changepartition``, ...
    :param device: The device's id as sent.
    :param version: The version as sent, or the list of versions; None for a reboot.
    :param form: ``flat`` or ``list``: how the ``input`` of an install names its version; None for other actions.
    :param process_id: The task; None where the POST was refused.
    :param reboots: Whether the device is to reboot.
    :param found: What the device ran, booted and had at hand when the POST arrived, by the keys of its record.
    :param busy_with: The tasks that were at work on the device then, or waited for it.
    """

    action: str
    device: str
    version: Any
    form: str | None
    process_id: str | None
    reboots: bool
    found: dict[str, Any]
    busy_with: tuple[str, ...]


@dataclass(frozen=True)
class TaskSettings:
    """How tasks go on.

    :param seconds_per_minute: Seconds that a minute of a task takes; None: a task ends at the third poll of its status.
    :param busy: What happens to an action on a device that has a running task; what a real manager does is unknown.
    :param rows_after: Seconds in which the status of a task has no rows.
    """

    seconds_per_minute: float | None = None
    busy: Literal["queue", "refuse"] = "queue"
    rows_after: float = 0.0

    def __post_init__(self) -> None:
        if self.busy not in ("queue", "refuse"):
            raise ValueError(f"busy is queue or refuse, not {self.busy!r}")
        if self.seconds_per_minute is not None and self.seconds_per_minute < 0:
            raise ValueError(f"seconds_per_minute is not negative, as {self.seconds_per_minute} is")


@dataclass
class TaskBook:
    """The tasks by id, and those that run in the order in which they were asked for.

    :param outage: Whether the manager itself restarts now.
    """

    settings: TaskSettings
    clock: Callable[[], float]
    outage: Callable[[], bool]
    received: list[ReceivedAction] = field(default_factory=list)
    _tasks: dict[str, Task] = field(default_factory=dict)
    _running: list[Task] = field(default_factory=list)
    _free_since: dict[str, float] = field(default_factory=dict)

    def start(self, task: Task) -> str:
        """Keep a task, and return its id.

        :raises DeviceBusy: One of its devices has a running task.
        """
        busy = {device for other in self._running for device in other.devices & task.devices}
        if busy and self.settings.busy == "refuse":
            raise DeviceBusy(", ".join(sorted(busy)))
        self._tasks[task.process_id] = task
        self._running.append(task)
        return task.process_id

    def at_work_on(self, device: str) -> tuple[str, ...]:
        """The ids of the running tasks that have the device."""
        return tuple(task.process_id for task in self.running if device in task.devices)

    def advance(self) -> None:
        """Let every task go on up to now; a device has one task at a time."""
        now, occupied = self.clock(), set[str]()
        for task in self._running:
            if not occupied & task.devices:
                task.begin(max(task.created, *(self._free_since.get(device, 0.0) for device in task.devices), 0.0))
            task.advance(now, self.outage)
            if task.running:
                occupied |= task.devices
            else:
                self._free_since.update(dict.fromkeys(task.devices, task.ended or now))
        self._running = [task for task in self._running if task.running]

    def poll(self, process_id: str) -> dict[str, Any] | None:
        """The status of a task, which may go on by being asked for; None for an unknown one."""
        task = self._tasks.get(process_id)
        if task is None:
            return None
        for one in [task] if task.begun is not None else [task, *self._before(task)]:
            one.poll(self.clock())
        self.advance()
        return task.status(self.clock())

    def _before(self, task: Task) -> list[Task]:
        """The tasks that it waits for, which a poll of it lets go on as well."""
        return [other for other in self._running if other is not task and other.devices & task.devices]

    def find(self, process_id: str) -> Task | None:
        """The task of that id."""
        return self._tasks.get(process_id)

    def forget(self, process_id: str) -> bool:
        """Clear the record of a task that has ended; False if there is none."""
        task = self._tasks.get(process_id)
        if task is None or task.running:
            return False
        del self._tasks[process_id]
        return True

    @property
    def running(self) -> list[Task]:
        """The tasks that have not ended."""
        return [task for task in self._running if task.running]

    @property
    def recent(self) -> list[Task]:
        """The last tasks, running or not, the newest first."""
        return list(self._tasks.values())[:-21:-1]
