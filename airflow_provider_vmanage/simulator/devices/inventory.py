"""Devices as ``/system/device/vedges`` and ``controllers`` show them: configuration and certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.devices.store import DeviceStore

# Parameters of the OpenAPI, and the key that each filters by.
_FILTERS = {"uuid": "uuid", "deviceIP": "deviceIP", "siteId": "site-id", "validity": "validity"}
NAMES = ("vedges", "controllers")


def inventory(store: DeviceStore, name: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The records of one list; devices that never came up are last, ``controllers`` begins with the manager."""
    if name == "vedges":
        rows = [*map(_row, store.of_list("vedge")), *store.undeployed]
    else:
        rows = [_row(device) for device in [*store.of_list("vmanage"), *store.of_list("controller")]]
    wanted = {key: query[name] for name, key in _FILTERS.items() if query.get(name)}
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def _row(device: Device) -> dict[str, Any]:
    # Keys: client code (deviceIP, deviceType, deviceModel) and OpenAPI 26.1. Published values are "In Sync", "Success",
    # "READY" and "certinstalled"; any other text is invented.
    record = device.record
    synced = not (device.behaviour.out_of_sync and device.reboots)
    return {
        **record,
        "deviceIP": record.get("system-ip"),
        "deviceType": record.get("device-type"),
        "deviceModel": record.get("device-model"),
        "configuredSystemIP": record.get("system-ip"),
        "configStatusMessage": "In Sync" if synced else "Out of Sync",
        "configOperationMode": "cli",
        "managed-by": "Unmanaged",
        "deviceState": "READY",
        "validity": "valid",
        "vedgeCertificateState": "certinstalled",
        "vmanageConnectionState": "connected" if device.reachable else "disconnected",
        "templateStatus": "Success",
        "device-lock": "No",
    }
