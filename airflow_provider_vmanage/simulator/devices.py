"""The devices of the fabric, as far as the lists before an upgrade show them and an upgrade changes them."""

from __future__ import annotations

import time
import uuid
from typing import Any

# Which list shows which device type (client code: three lists, asked for one after the other).
OWN_NAME = "vmanage"
LISTS = {"vedge": "vedge", "vsmart": "controller", "vbond": "controller", "vmanage": "vmanage"}


class DeviceBook:
    """Device records by the list that shows them: the manager itself, and those that a test adds.

    :param version: Release that the manager runs.
    :param lists_itself: Whether the lists show the manager; one that does not is like no real one.
    """

    def __init__(self, version: str, *, lists_itself: bool = True) -> None:
        self._records: list[dict[str, Any]] = []
        self._undeployed: list[dict[str, Any]] = []
        self._count = 0
        self.own = _defaults(OWN_NAME, "vmanage", version, self._next_number())
        if lists_itself:
            self._records.append(self.own)

    def add(self, host_name: str, device_type: str, version: str, **fields: Any) -> dict[str, Any]:
        """Add one device and return its record.

        :param device_type: ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``.
        :param fields: More of the record; underscores stand for hyphens (``system_ip``).
        :raises ValueError: Unknown device type.
        """
        if device_type not in LISTS:
            raise ValueError(f"unknown device type {device_type!r}; there are: {', '.join(LISTS)}")
        record = {**_defaults(host_name, device_type, version, self._next_number()), **_hyphened(fields)}
        self._records.append(record)
        return record

    def _next_number(self) -> int:
        self._count += 1
        return self._count

    def add_undeployed(self, model: str) -> dict[str, Any]:
        """Add a device of the inventory that has never come up, and return its record."""
        record = {"uuid": str(uuid.uuid4()), "deviceType": "vedge", "deviceModel": model, "validity": "valid"}
        self._undeployed.append({**record, "vedgeCertificateState": "tokengenerated"})
        return self._undeployed[-1]

    def clear(self) -> None:
        """Remove all devices but the manager itself."""
        self._records[:] = [record for record in self._records if record is self.own]
        self._undeployed.clear()

    def in_inventory(self, name: str) -> list[dict[str, Any]]:
        """The records of ``/system/device/vedges`` or ``controllers``; the latter begin with the manager itself."""
        if name == "vedges":
            return [*map(_inventory, self.shown_in("vedge")), *self._undeployed]
        return [_inventory(r) for r in [*self.shown_in("vmanage"), *self.shown_in("controller")]]

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


def set_default_version(device: dict[str, Any], version: str) -> str | None:
    """Make an installed version the one that a power cycle starts; tell why if it is not there."""
    if version != device["version"] and version not in _available(device):
        return f"Version {version} is not available on the device"
    device["defaultVersion"] = version
    return None


def remove_versions(device: dict[str, Any], versions: list[str]) -> str | None:
    """Take versions off a device; tell why if one must stay (that a device refuses those is inferred)."""
    for version in versions:
        if version in (device["version"], device["defaultVersion"]):
            return f"Version {version} is running or the default"
        if version not in _available(device):
            return f"Version {version} is not available on the device"
    device["availableVersions"] = [one for one in _available(device) if one not in versions]
    return None


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
    address = f"10.255.{(number - 1) // 250}.{(number - 1) % 250 + 1}"
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


def _inventory(record: dict[str, Any]) -> dict[str, Any]:
    # Keys that public clients read (deviceIP, deviceType, deviceModel) and those of OpenAPI 26.1; values of the latter
    # are invented but for "In Sync", "Success", "READY" and "certinstalled".
    identity = {"deviceIP": record.get("system-ip"), "deviceType": record.get("device-type")}
    model = {"deviceModel": record.get("device-model"), "configuredSystemIP": record.get("system-ip")}
    config = {"configStatusMessage": "In Sync", "configOperationMode": "cli", "managed-by": "Unmanaged"}
    state = {"deviceState": "READY", "validity": "valid", "vedgeCertificateState": "certinstalled"}
    return {**record, **identity, **model, **config, **state, "templateStatus": "Success", "device-lock": "No"}


def _hyphened(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in fields.items()}
