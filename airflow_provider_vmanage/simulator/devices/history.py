"""Reboots and core files of all devices, as two fleet-wide calls list them (OpenAPI 26.1)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import Device


def reboot_rows(devices: list[Device]) -> list[dict[str, Any]]:
    """The records of ``/device/reboothistory/details``."""
    return [
        {
            **_names(device),
            "reboot_date_time": _text(reboot.at),
            "reboot_date_time-date": int(reboot.at * 1000),
            "reboot_reason": reboot.reason,
            "lastupdated": int(reboot.at * 1000),
        }
        for device in devices
        for reboot in device.reboots
    ]


def crash_rows(devices: list[Device]) -> list[dict[str, Any]]:
    """The records of ``/device/crashlog/details``."""
    return [
        {
            **_names(device),
            "index": index,
            "core-filename": f"{device.record.get('host-name')}-system-report_{_stamp(at)}.tar.gz",
            "core-time": _text(at),
            "core-time-date": int(at * 1000),
            "lastupdated": int(at * 1000),
        }
        for device in devices
        for index, at in enumerate(device.cores)
    ]


def _names(device: Device) -> dict[str, Any]:
    return {"vdevice-name": device.record.get("system-ip"), "vdevice-host-name": device.record.get("host-name")}


def _text(at: float) -> str:
    return datetime.fromtimestamp(int(at), timezone.utc).isoformat()


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(int(at), timezone.utc).strftime("%Y%m%d-%H%M%S-UTC")
