"""Triggers for upgrades of a fleet: deferred waits for healthy devices, and for the end of a pause.

A trigger only reads, so it may run twice, be moved to another triggerer, or be killed, and nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_vmanage.client.upgrade.settling import Settling
from airflow_provider_vmanage.triggers.arguments import StoredArguments
from airflow_provider_vmanage.triggers.device_wait import DeviceTrigger
from airflow_provider_vmanage.waiting.events import succeeded
from airflow_provider_vmanage.waiting.health_wait import HealthWait
from airflow_provider_vmanage.waiting.pace import Wait


class DeviceHealthTrigger(DeviceTrigger):
    """Wait until devices are as healthy as before; made by ``UpgradeDevicesOperator``.

    Every argument has a default and is plain JSON, so that a wait that an older release began goes on.

    :param vmanage_conn_id: id of the connection.
    :param settling: devices, their health before, and what decides; see ``Settling.packed``.
    :param poll_interval: seconds between two polls.
    :param deadline: seconds since 1970 at which the wait ends with a timeout; a restart does not move it.
    :param started_at: seconds since 1970 at which the wait began.
    :param max_unavailable: seconds for which the manager may be unavailable in a row; ``None`` until the deadline.
    :param payload: plain JSON that the event carries along.
    """

    def __init__(
        self,
        vmanage_conn_id: str = "vmanage_default",
        settling: str = "",
        poll_interval: float = 30.0,
        deadline: float | None = None,
        started_at: float | None = None,
        max_unavailable: float | None = None,
        payload: Any = None,
    ) -> None:
        super().__init__(vmanage_conn_id, poll_interval, deadline, started_at, max_unavailable, payload)
        self.settling = settling

    def new_waits(self) -> list[Wait]:
        """Return one wait for all devices."""
        return [HealthWait(Settling.unpacked(self.settling), *self.pace(), started_at=self.started_at)]


class PauseTrigger(StoredArguments, BaseTrigger):
    """Wait until a moment; made by ``UpgradeDevicesOperator``. Airflow's own trigger carries no payload.

    :param until: seconds since 1970.
    :param payload: plain JSON that the event carries along.
    """

    def __init__(self, until: float = 0.0, payload: Any = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.payload = payload

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, at the moment."""
        await asyncio.sleep(max(0.0, self.until - time.time()))
        yield TriggerEvent({**succeeded(), "payload": self.payload})  # type: ignore[no-untyped-call]
