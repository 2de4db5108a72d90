"""Triggers for actions on devices: deferred waits for a task of the manager, and for versions on devices.

A running trigger only reads, so it may run twice, be moved to another triggerer, or be stopped, and nothing is sent
twice. Only an act of a person on the deferred task may cancel the manager's tasks, where that was asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_vmanage.client.device_actions.compressed import expand_json
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.masking import masked
from airflow_provider_vmanage.triggers.device_wait import DeviceTrigger
from airflow_provider_vmanage.waiting.cancellation import cancel_from_loop
from airflow_provider_vmanage.waiting.device_waits import TaskWait, VersionWait
from airflow_provider_vmanage.waiting.pace import Wait

log = logging.getLogger(__name__)


class DeviceTaskTrigger(DeviceTrigger):
    """Wait until tasks of the manager have ended; made by the operators for actions on devices.

    All questions of one connection in one triggerer (images, devices, tasks) share one session. No news of a task
    (unavailable, a page, no rows) is no verdict: the wait goes on until the deadline.

    Every argument has a default and is plain JSON, so that a wait that an older release began goes on.

    :param vmanage_conn_id: id of the connection.
    :param process_ids: of the tasks.
    :param poll_interval: seconds between two polls.
    :param deadline: seconds since 1970 at which the wait ends with a timeout; a restart does not move it.
    :param started_at: seconds since 1970 at which the wait began.
    :param max_unavailable: seconds for which the manager may be unavailable in a row; ``None`` until the deadline.
    :param payload: plain JSON that the event carries along.
    :param cancel_on_kill: ask the manager to cancel the tasks when a person marks the deferred task, or clears it; not
        when the triggerer stops or passes the wait on. From Airflow 3.3 on.
    """

    def __init__(
        self,
        vmanage_conn_id: str = "vmanage_default",
        process_ids: Sequence[str] = (),
        poll_interval: float = 30.0,
        deadline: float | None = None,
        started_at: float | None = None,
        max_unavailable: float | None = None,
        payload: Any = None,
        cancel_on_kill: bool = False,
    ) -> None:
        super().__init__(vmanage_conn_id, poll_interval, deadline, started_at, max_unavailable, payload)
        self.cancel_on_kill = cancel_on_kill
        self.process_ids = list(process_ids)

    def new_waits(self) -> list[Wait]:
        """Return one wait for each task."""
        return [TaskWait(one, *self.pace(), started_at=self.started_at) for one in self.process_ids]

    async def on_kill(self) -> None:
        """Cancel the manager's tasks if that is wanted; Airflow 3.3 calls this after an act of a person alone."""
        names = ", ".join(self.process_ids)
        if not self.cancel_on_kill:
            log.warning("Killed: the manager's task goes on (%s); see its task list", names)
            return
        log.warning("Killed: asking the manager to cancel %s; what has begun may go on", names)
        try:
            await cancel_from_loop(self.vmanage_conn_id, self.process_ids)
        except VManageError as err:
            log.warning("The task could not be cancelled: %s", masked(str(err)))


class DeviceVersionTrigger(DeviceTrigger):
    """Wait until devices have a version; made by ``DeviceVersionSensor`` and by activations.

    Every argument has a default and is plain JSON, so that a wait that an older release began goes on.

    :param vmanage_conn_id: id of the connection.
    :param device_ids: uuids, each with the version that is wanted there; or that mapping as compressed JSON: MySQL
        takes 64 KiB of a trigger's arguments.
    :param device_types: the manager's lists that hold them.
    :param state: ``running``, ``default`` or ``available``.
    :param poll_interval: seconds between two polls.
    :param deadline: seconds since 1970 at which the wait ends with a timeout; a restart does not move it.
    :param started_at: seconds since 1970 at which the wait began.
    :param max_unavailable: seconds for which the manager may be unavailable in a row; ``None`` until the deadline.
    :param payload: plain JSON that the event carries along.
    """

    def __init__(
        self,
        vmanage_conn_id: str = "vmanage_default",
        device_ids: Mapping[str, str] | str | None = None,
        device_types: Sequence[str] = ("vedge",),
        state: str = "running",
        poll_interval: float = 30.0,
        deadline: float | None = None,
        started_at: float | None = None,
        max_unavailable: float | None = None,
        payload: Any = None,
    ) -> None:
        super().__init__(vmanage_conn_id, poll_interval, deadline, started_at, max_unavailable, payload)
        self.device_ids = device_ids if isinstance(device_ids, str) else dict(device_ids or {})
        self.device_types = list(device_types)
        self.state = state

    def new_waits(self) -> list[Wait]:
        """Return one wait for all devices."""
        types = tuple(self.device_types)
        wanted = expand_json(self.device_ids) if isinstance(self.device_ids, str) else self.device_ids
        return [VersionWait(wanted, types, self.state, *self.pace(), started_at=self.started_at)]
