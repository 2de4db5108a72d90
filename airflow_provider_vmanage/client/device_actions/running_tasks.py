"""Which running tasks of the manager work on which devices: one call for the list, one for each task, once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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

#: seconds for which running tasks may show no devices before they count as working on all of them
ROWS_TIMEOUT_S = 60.0

_ROWS_INTERVAL_S = 5.0


class RunningTasks:
    """The manager's running tasks, read when they are first needed.

    :param session: the session to use.
    """

    def __init__(self, session: ManagerSession) -> None:
        self._session = session
        self._clock = session.clock.monotonic
        self._tasks: list[tuple[RunningTask, TaskStatus | None]] | None = None

    def read(self) -> RunningTasks:
        """Read the running tasks and what they work on; return itself.

        Tasks that show no devices yet are read again, all of them together, for a minute.

        :raises VManageError: the list cannot be read.
        """
        tasks = self._list()
        deadline = self._clock() + ROWS_TIMEOUT_S
        found = {task.process_id: self._status_of(task.process_id) for task in tasks}
        while self._clock() < deadline and (late := [one for one, status in found.items() if _shows_nothing(status)]):
            self._session.sleep(_ROWS_INTERVAL_S)
            found.update({one: self._status_of(one) for one in late})
        self._tasks = [(task, found[task.process_id]) for task in tasks]
        return self

    def read_new(self) -> RunningTasks:
        """Read the list again, and only those tasks of it whose devices are not known: a task keeps its devices.

        :raises VManageError: the list cannot be read.
        """
        known = {task.process_id: status for task, status in self._tasks or () if status is not None and status.rows}
        self._tasks = [(task, known.get(task.process_id) or self._status_of(task.process_id)) for task in self._list()]
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

    def _list(self) -> list[RunningTask]:
        return parse_running_tasks(self._session.request("GET", "device/action/status/tasks").body)

    def _status_of(self, process_id: str) -> TaskStatus | None:
        try:
            return read_status(self._session, process_id)
        except VManageCancelledError:
            raise
        except VManageError:
            return None

    def _is_ours(self, task: RunningTask) -> bool:
        user = self._session.server.user or self._session.settings.username
        return not user or task.user is None or task.user == user


def _shows_nothing(status: TaskStatus | None) -> bool:
    return status is not None and not status.rows and not status.is_over
