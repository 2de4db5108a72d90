"""Waits for tasks of the manager and for versions on devices. Nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.device_actions.task_status import MAX_REFUSALS, TaskStatus, read_status
from airflow_provider_vmanage.client.device_actions.version_state import has_version
from airflow_provider_vmanage.client.errors import VManageError, VManageRejectedError
from airflow_provider_vmanage.waiting.events import Event, succeeded, timed_out
from airflow_provider_vmanage.waiting.pace import Pace, Patience, Wait

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.devices import Device
    from airflow_provider_vmanage.hooks.vmanage import VManageHook


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """The status of one task: one request per interval for all who wait for it."""

    process_id: str

    def ask(self, hook: VManageHook) -> TaskStatus:
        """Return the status."""
        return read_status(hook, self.process_id)

    def __str__(self) -> str:
        """Return its name in logs."""
        return f"task {self.process_id}"


@dataclass(frozen=True, slots=True)
class DevicesQuestion:
    """The software of devices: one request per list and interval for all who wait for any of them."""

    device_types: tuple[str, ...]

    def ask(self, hook: VManageHook) -> dict[str | None, Device]:
        """Return the devices by id."""
        with page_means_unavailable():
            return {device.device_id: device for one in self.device_types for device in hook.list_devices(one)}

    def __str__(self) -> str:
        """Return its name in logs."""
        return f"the devices ({', '.join(self.device_types)})"


class TaskWait(Wait):
    """A wait for the end of a task. Its event says that it has ended, and whether the manager refuses to report on it.

    :param process_id: of the task.
    """

    def __init__(self, process_id: str, pace: Pace, patience: Patience, *, started_at: float | None = None) -> None:
        super().__init__(TaskQuestion(process_id), pace, patience, started_at=started_at)
        self.process_id = process_id
        self._refusals = 0

    def take(self, result: Any) -> None:
        """Take the result of a poll; a refusal ends the wait only after three in a row."""
        if isinstance(result, VManageRejectedError) and not result.retryable:
            self._refusals += 1
            is_over = self._refusals >= MAX_REFUSALS
            result = _Refused() if is_over else TaskStatus("in_progress")
        elif not isinstance(result, VManageError):
            self._refusals = 0
        super().take(result)

    def event_of(self, result: TaskStatus | _Refused) -> Event | None:
        """Return the event of a task that has ended, or ``None`` to wait on."""
        if isinstance(result, _Refused):
            return succeeded(process_id=self.process_id, refused=True)
        if result.is_over:
            return succeeded(process_id=self.process_id, refused=False)
        self.last_state = f"{sum(row.is_open for row in result.rows)} of {len(result.rows)} devices are not done"
        return None

    def time_is_up(self) -> Event:
        """Return the event for a deadline that is past, with the state of the last poll."""
        return timed_out(f"Timed out while waiting for task {self.process_id}: {self.last_state}")


class VersionWait(Wait):
    """A wait until devices have a version.

    :param device_ids: uuids, each with the version that is wanted there.
    :param device_types: the manager's lists that hold them.
    :param state: ``running``, ``default`` or ``available``.
    """

    def __init__(
        self,
        device_ids: Mapping[str, str],
        device_types: tuple[str, ...],
        state: str,
        pace: Pace,
        patience: Patience,
        *,
        started_at: float | None = None,
    ) -> None:
        super().__init__(DevicesQuestion(device_types), pace, patience, started_at=started_at)
        self._wanted = dict(device_ids)
        self._state = state

    def event_of(self, result: Mapping[str | None, Device]) -> Event | None:
        """Return the event once every device has its version, or ``None`` to wait on."""
        missing = [
            key for key, version in self._wanted.items() if not has_version(result.get(key), version, self._state)
        ]
        if not missing:
            return succeeded()
        named = ", ".join(device.name if (device := result.get(key)) else key for key in missing[:10])
        self.last_state = f"not yet on {len(missing)} of {len(self._wanted)} devices: {named}"
        return None

    def time_is_up(self) -> Event:
        """Return the event for a deadline that is past, with the state of the last poll."""
        versions = ", ".join(sorted(set(self._wanted.values())))
        return timed_out(f"Timed out while waiting for version {versions} ({self._state}): {self.last_state}")


@dataclass(frozen=True)
class _Refused:
    """The manager refuses to report on the task."""
