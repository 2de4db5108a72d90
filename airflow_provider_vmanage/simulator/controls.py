"""What a test does with devices and sees of the actions on them; part of ``Simulator``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.upgrade.book import ReceivedAction


class DeviceControls:
    """Devices of the simulated fabric, and the actions that clients sent."""

    _manager: Manager

    def add_device(
        self, host_name: str, device_type: str = "vedge", version: str = "20.9.4", **fields: Any
    ) -> dict[str, Any]:
        """Add a device, and return its record, which shows what actions change.

        :param device_type: ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``.
        :param fields: More of the record: ``reachability``, ``defaultVersion``, ``availableVersions``, ``site_id``,
            ...; ``colours`` and ``hub``; and the knobs of ``behave``.
        """
        return self._manager.devices.add(host_name, device_type, version, **fields).record

    def behave(self, device: str, **knobs: Any) -> None:
        """Change how a device behaves from now on: ``fails_at="download"``, ``lies=True``, ``stays_down=30``, ...

        :param device: Host name, uuid or system IP.
        :param knobs: Fields of ``Behaviour``.
        :raises ValueError: No such device.
        :raises TypeError: No such knob.
        """
        found = self._manager.devices.find(device)
        found.behaviour = replace(found.behaviour, **knobs)

    def add_undeployed_device(self, model: str = "vedge-C8000V") -> dict[str, Any]:
        """Add a device that never came up: ``/system/device/vedges`` alone shows it, last and with few fields."""
        return self._manager.devices.add_undeployed(model)

    def remove_devices(self) -> None:
        """Remove all devices but the manager itself."""
        self._manager.devices.clear()

    @property
    def devices(self) -> list[dict[str, Any]]:
        """The records of all devices, the manager first."""
        return [device.record for device in self._manager.devices.all]

    @property
    def actions(self) -> list[ReceivedAction]:
        """Every device of every action that was sent, in order of arrival, refused ones too."""
        return list(self._manager.tasks.received)
