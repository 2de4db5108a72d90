"""Sensors for devices: wait for versions on them, or for a task of the manager."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.sensors.device_wait import DeviceSensor

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger


class DeviceVersionSensor(DeviceSensor):
    """Wait until devices run, boot or have a version. The XCom is a row for each device.

    Reads only; a retry is safe. A device that the manager cannot reach does not count: its versions are the last known.
    ``soft_fail`` and ``never_fail`` mean the same whether the wait is deferred or not.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated).
    :param version: as the repository or the device spells it (templated); without it, that of the rows.
    :param state: ``running``, ``default`` (the version of the next boot) or ``available`` (templated).
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, an unknown device, refused login. No retry.
    :raises VManageError: unavailable; a deferred wait continues until ``timeout``. A retry is safe.
    :raises AirflowSensorTimeout: not so within ``timeout`` seconds. No retry.
    """

    template_fields: Sequence[str] = ("devices", "version", "state", "vmanage_conn_id")

    def __init__(
        self,
        *,
        devices: Sequence[str | dict[str, Any]] | str,
        version: str | None = None,
        state: str = "running",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.devices = devices
        self.version = version
        self.state = state
        self._wanted: list[Any] = []

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the lists that hold the devices."""
        from airflow_provider_vmanage.client.arguments import check_choice
        from airflow_provider_vmanage.client.device_actions.selection import parse_versions, require_at_most_one
        from airflow_provider_vmanage.client.device_actions.version_state import STATES, has_version

        with fail_without_retry():
            check_choice(self.state, STATES, "state")
            versions = parse_versions(self.version)
            require_at_most_one(versions)
            self._wanted = self.hook.software_upgrade().select(self.devices, versions)
        missing = [one for one in self._wanted if not has_version(one.device, one.versions[0], self.state)]
        if missing:
            self.log.info("Not yet on %d of %d devices: %s", len(missing), len(self._wanted), missing[0].device.name)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=[one.device.as_row() for one in self._wanted])

    def trigger(self, deadline: float) -> BaseTrigger:
        """Return a trigger for the devices that were found."""
        from airflow_provider_vmanage.client.device_actions.compressed import compress_json
        from airflow_provider_vmanage.triggers.software_upgrade import DeviceVersionTrigger

        return DeviceVersionTrigger(
            vmanage_conn_id=self.vmanage_conn_id,
            device_ids=compress_json({one.device.device_id: one.versions[0] for one in self._wanted}),
            device_types=sorted({one.device.device_type or "vedge" for one in self._wanted}),
            state=self.state,
            poll_interval=self.poke_interval,
            deadline=deadline,
            started_at=time.time(),
            payload={"deadline": deadline},
        )


class DeviceTaskSensor(DeviceSensor):
    """Wait until a task of the manager has ended. The XCom is a row for each device of the task.

    Reads only; a retry is safe. Fails if any device did not succeed, if the task shows no device, or if its validation
    failed. Relies on the manager's task status alone: use :class:`DeviceVersionSensor` to learn whether the devices are
    as wanted. ``soft_fail`` and ``never_fail`` mean the same whether the wait is deferred or not.

    :param process_id: id of the task, such as ``change_partition-…`` (templated).
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: the task failed, a blank id, refused login, an id that the manager refuses. No retry.
    :raises VManageError: unavailable; a deferred wait continues until ``timeout``. A retry is safe.
    :raises AirflowSensorTimeout: not ended within ``timeout`` seconds. No retry.
    """

    template_fields: Sequence[str] = ("process_id", "vmanage_conn_id")

    def __init__(
        self,
        *,
        process_id: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.process_id = process_id

    def poke(self, context: Context) -> PokeReturnValue:
        """Read the status of the task."""
        from airflow_provider_vmanage.client.arguments import require_text
        from airflow_provider_vmanage.client.device_actions.task_rows import rows_of
        from airflow_provider_vmanage.client.device_actions.task_status import read_status

        with fail_without_retry():
            self.process_id = require_text(self.process_id, "process_id")
            status = read_status(self.hook, self.process_id)
            if not status.is_over:
                self.log.info("Task %s has not ended", self.process_id)
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=rows_of(status, self.process_id))

    def trigger(self, deadline: float) -> BaseTrigger:
        """Return a trigger for the task."""
        from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger

        return DeviceTaskTrigger(
            vmanage_conn_id=self.vmanage_conn_id,
            process_ids=[self.process_id],
            poll_interval=self.poke_interval,
            deadline=deadline,
            started_at=time.time(),
            payload={"deadline": deadline},
        )
