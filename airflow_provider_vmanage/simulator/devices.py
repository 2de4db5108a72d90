"""The devices of the fabric, as far as the lists before an upgrade show them and an upgrade changes them."""

from __future__ import annotations

import time
import uuid
from typing import Any

# Which list shows which device type (client code: three lists, asked for one after the other).
LISTS = {"vedge": "vedge", "vsmart": "controller", "vbond": "controller", "vmanage": "vmanage"}


class DeviceBook:
    """Device records by the list that shows them; none unless a test adds some."""

    def __init__(self) -> None:
        self._records: list[dict[str, Any]] = []

    def add(self, host_name: str, device_type: str, version: str, **fields: Any) -> dict[str, Any]:
        """Add one device and return its record.

        :param device_type: ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``.
        :param fields: More of the record; underscores stand for hyphens (``system_ip``).
        :raises ValueError: Unknown device type.
        """
        if device_type not in LISTS:
            raise ValueError(f"unknown device type {device_type!r}; there are: {', '.join(LISTS)}")
        record = {**_defaults(host_name, device_type, version, len(self._records) + 1), **_hyphened(fields)}
        self._records.append(record)
        return record

    def shown_in(self, name: str) -> list[dict[str, Any]]:
        """The records of the list ``vedge``, ``controller`` or ``vmanage``."""
        return [r for r in self._records if LISTS[r["device-type"]] == name]

    @property
    def all(self) -> list[dict[str, Any]]:
        """Every record."""
        return list(self._records)


def install_version(device: dict[str, Any], version: str) -> str:
    """Make a version available on a device, and return how the device names it.

    :param version: As the image has it; a device leaves the sixth part of an IOS-XE version out (client code).
    """
    named = ".".join(version.split(".")[:5])
    if named != device["version"] and named not in _available(device):
        device["availableVersions"] = [*_available(device), named]
    return named


def activate_version(device: dict[str, Any], version: str) -> str | None:
    """Run an available version, with the one that ran so far available instead; tell why if it is not there.

    That the default version stays is inferred: an action of its own sets it.
    """
    if version == device["version"]:
        return None
    if version not in _available(device):
        return f"Version {version} is not available on the device"
    others = [one for one in _available(device) if one != version]
    device["availableVersions"] = [*others, device["version"]]
    device.update({"version": version, "current-partition": version, "uptime-date": int(time.time() * 1000)})
    return None


def _available(device: dict[str, Any]) -> list[str]:
    given = device["availableVersions"]
    return given if isinstance(given, list) else []


def _defaults(host_name: str, device_type: str, version: str, number: int) -> dict[str, Any]:
    # Keys: OpenAPI 26.1, GET /device/action/install/devices/{type}.
    address = f"10.255.0.{number}"
    return {
        "uuid": str(uuid.uuid4()),
        "host-name": host_name,
        "system-ip": address,
        "local-system-ip": address,
        "deviceId": address,
        "site-id": "100",
        "device-type": device_type,
        "device-model": device_type,
        "device-os": "next",
        "personality": device_type,
        "platform": "x86_64",
        "platformFamily": "vmanage" if device_type == "vmanage" else "vedge-x86",
        "reachability": "reachable",
        "version": version,
        "current-partition": version,
        "defaultVersion": version,
        "availableVersions": [],
        "isScheduleUpgradeSupported": True,
        "isMultiStepUpgradeSupported": False,
        "layoutLevel": 1,
        "uptime-date": 1700000000000,
    }


def _hyphened(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in fields.items()}
