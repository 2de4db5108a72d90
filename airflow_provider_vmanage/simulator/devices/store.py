"""All devices of one manager."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_vmanage.simulator.devices.behaviour import Behaviour, split_knobs
from airflow_provider_vmanage.simulator.devices.device import LISTS, Device

OWN_NAME = "vmanage"
COLOURS = ("biz-internet", "public-internet")


class DeviceStore:
    """The manager itself, and the devices that a test or a fleet adds.

    :param version: Release that the manager runs.
    :param lists_itself: Whether the lists show the manager; one that does not is like no real one.
    :param scale: Seconds that a minute of a task takes.
    """

    def __init__(
        self,
        version: str,
        *,
        lists_itself: bool = True,
        scale: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock, self._scale, self._count = clock, scale, 0
        self._devices: list[Device] = []
        self._undeployed: list[dict[str, Any]] = []
        self.own = self._new(OWN_NAME, "vmanage", version, {})
        if lists_itself:
            self._devices.append(self.own)

    def add(self, host_name: str, device_type: str, version: str, **fields: Any) -> Device:
        """Add one device.

        :param device_type: ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``.
        :param fields: ``colours`` and ``hub``, knobs of ``Behaviour``, and more of the record, in which underscores
            stand for hyphens (``system_ip``).
        :raises ValueError: Unknown device type or value of a knob.
        """
        if device_type not in LISTS:
            raise ValueError(f"unknown device type {device_type!r}; there are: {', '.join(LISTS)}")
        self._devices.append(self._new(host_name, device_type, version, fields))
        return self._devices[-1]

    def add_undeployed(self, model: str) -> dict[str, Any]:
        """Add a device of the inventory that has never come up, and return its record."""
        record = {"uuid": str(uuid.uuid4()), "deviceType": "vedge", "deviceModel": model, "validity": "valid"}
        self._undeployed.append({**record, "vedgeCertificateState": "tokengenerated"})
        return self._undeployed[-1]

    def clear(self) -> None:
        """Remove all devices but the manager itself."""
        self._devices[:] = [device for device in self._devices if device is self.own]
        self._undeployed.clear()

    def advance(self) -> None:
        """Let time pass up to now."""
        now = self.clock()
        for device in list(self._devices):
            if device.rebooting:
                device.advance(now)

    def find(self, name: str) -> Device:
        """The device of this host name, uuid or system IP.

        :raises ValueError: There is none.
        """
        for device in [*self._devices, self.own]:
            if name in [device.record.get(key) for key in ("host-name", "uuid", "system-ip")]:
                return device
        raise ValueError(f"no device {name!r}")

    def of_list(self, name: str) -> list[Device]:
        """The devices of the list ``vedge``, ``controller`` or ``vmanage``."""
        return [device for device in self._devices if device.list_name == name]

    @property
    def all(self) -> list[Device]:
        """Every device, the manager first."""
        return list(self._devices)

    @property
    def undeployed(self) -> list[dict[str, Any]]:
        """The records of the devices that have never come up."""
        return list(self._undeployed)

    def _new(self, host_name: str, device_type: str, version: str, given: dict[str, Any]) -> Device:
        self._count += 1
        knobs, rest = split_knobs(given)
        colours = rest.pop("colours", COLOURS if device_type == "vedge" else ())
        hub = rest.pop("hub", False)
        record = {**_defaults(host_name, device_type, version, self._count), **_hyphened(rest)}
        return Device(record, self._scale, Behaviour(**knobs), tuple(colours), hub)


def _defaults(host_name: str, device_type: str, version: str, number: int) -> dict[str, Any]:
    # Keys: OpenAPI 26.1, GET /device/action/install/devices/{type}; a vbond has the model vedge-cloud (live capture).
    address = f"10.255.{(number - 1) // 250}.{(number - 1) % 250 + 1}"
    edge = device_type == "vedge"
    return {
        "uuid": str(uuid.uuid4()),
        "host-name": host_name,
        "system-ip": address,
        "local-system-ip": address,
        "deviceId": address,
        "site-id": "100",
        "device-type": device_type,
        "device-model": "vedge-cloud" if device_type == "vbond" else device_type,
        "device-os": "next",
        "personality": device_type,
        "platform": "x86_64",
        "platformFamily": "vmanage" if device_type == "vmanage" else "vedge-x86",
        "reachability": "reachable",
        "version": version,
        "current-partition": version,
        "defaultVersion": version,
        "availableVersions": [],
        "isScheduleUpgradeSupported": edge,
        "isMultiStepUpgradeSupported": edge,
        "layoutLevel": 4 if edge else 1,
        "uptime-date": 1_700_000_040_000,
    }


def _hyphened(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in fields.items()}
