"""Which running tasks of the manager work on which devices: one call for the list, one for each task, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target
from airflow_provider_vmanage.client.device_actions.state import Job
from airflow_provider_vmanage.client.device_actions.task_status import (
    RunningTask,
    TaskStatus,
    parse_running_tasks,
    read_status,
)
from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageError
from airflow_provider_vmanage.client.session import ManagerSession

#: seconds for which a running task may show no devices before it counts as working on all of them
ROWS_TIMEOUT_S = 60.0


class RunningTasks:
    """The manager's running tasks, read when they are first needed.

    :param session: the session to use.
    :param clock: seconds that only go forward.
    """

    def __init__(self, session: ManagerSession, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._tasks: list[tuple[RunningTask, TaskStatus | None]] | None = None

    def read(self, rows_timeout: float = ROWS_TIMEOUT_S) -> RunningTasks:
        """Read the running tasks and what they work on; return itself.

        :param rows_timeout: seconds for which a task may show no devices.
        :raises VManageError: the list cannot be read.
        """
        body = self._session.request("GET", "device/action/status/tasks").body
        self._tasks = [(task, self._status_of(task, rows_timeout)) for task in parse_running_tasks(body)]
        return self

    def of_ours(
        self, kinds: Collection[ActionKind], targets: Sequence[Target], *, without: Collection[str] = ()
    ) -> list[Job]:
        """Return our user's tasks of these kinds that work on the devices.

        Users are compared where both are known.

        :param without: process ids to leave out.
        :raises VManageError: the list cannot be read.
        """
        found = []
        left = list(targets)
        for task, status in self._read():
            if task.process_id in without or not any(task.is_kind(kind) for kind in kinds) or not self._is_ours(task):
                continue
            ours = [target for target in left if status is not None and status.rows_of(target)]
            if ours:
                found.append(Job(task.process_id, tuple(sorted(target.device_id for target in ours))))
                left = [target for target in left if target not in ours]
        return found

    def reason_busy(self, target: Target) -> str | None:
        """Return which running task works on the device, or may, or ``None``.

        :raises VManageError: the list cannot be read.
        """
        for task, status in self._read():
            if status is not None and status.is_over:
                continue  # it has ended since it was listed
            if status is None or not status.rows:
                return f"task {task.process_id} is running, and which devices it works on cannot be read"
            if status.rows_of(target):
                by = f" of {task.user}" if task.user else ""
                return f"task {task.process_id}{by} is at work on it"
        return None

    def _read(self) -> list[tuple[RunningTask, TaskStatus | None]]:
        if self._tasks is None:
            self.read()
        return self._tasks or []

    def _status_of(self, task: RunningTask, rows_timeout: float) -> TaskStatus | None:
        """Return the status of a running task; one without devices is asked for again until then."""
        deadline = self._clock() + rows_timeout
        while True:
            try:
                status = read_status(self._session, task.process_id)
            except VManageCancelledError:
                raise
            except VManageError:
                return None
            if status.rows or status.is_over or self._clock() >= deadline:
                return status
            self._session.sleep(5.0)

    def _is_ours(self, task: RunningTask) -> bool:
        user = self._session.server.user or self._session.settings.username
        return not user or task.user is None or task.user == user
