"""What devices run, boot and have at hand, to tell whether an image is in use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_vmanage.client.arguments import check_choice
from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.session import ManagerSession

#: the three lists of the manager's upgrade page (OpenAPI of release 26.1; catalystwan 0.41.6 reads all three)
DEVICE_TYPES = ("vedge", "controller", "vmanage")

_PATH = "device/action/install/devices"


@dataclass(frozen=True)
class Device:
    """The software of one device.

    :param name: host name, or its id where it has none.
    :param running: version that runs now.
    :param default: version that the next boot takes.
    :param available: versions installed beside them.
    :param reachable: whether the manager can talk to it.
    :param partition: version of ``current-partition``, where it is another than ``running``.
    :param role: such as ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``, as the manager says it.
    """

    name: str
    running: str | None = None
    default: str | None = None
    available: tuple[str, ...] = ()
    reachable: bool = True
    role: str | None = None
    partition: str | None = None

    def needs(self, version: str) -> bool:
        """Tell whether the device runs or boots the version, or may need it and cannot be asked."""
        wanted = [self.running, self.partition, self.default, *(() if self.reachable else self.available)]
        return any(same_version(version, other) for other in wanted if other)

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types that an operator hands on."""
        return {
            "device": self.name,
            "role": self.role,
            "running": self.running,
            "default": self.default,
            "available": list(self.available),
            "reachable": self.reachable,
        }


def list_devices(session: ManagerSession, device_type: str | None = None) -> list[Device]:
    """Return the software of all devices; three calls, or one for a device type.

    :param device_type: only the list ``vedge``, ``controller`` or ``vmanage``.
    :raises VManageConfigurationError: another device type.
    :raises VManageError: as any read.
    """
    if device_type is not None:
        check_choice(device_type, DEVICE_TYPES, "device_type")
    kinds = DEVICE_TYPES if device_type is None else (device_type,)
    lists = [session.request("GET", f"{_PATH}/{kind}", params={"groupId": "all"}) for kind in kinds]
    return [device for one in lists for device in one.parsed(_parse_devices)]


def devices_that_need(devices: Sequence[Device], version: str) -> list[str]:
    """Return the names of the devices that need the version, sorted."""
    return sorted(device.name for device in devices if device.needs(version))


def same_version(one: str, other: str) -> bool:
    """Tell whether two version texts mean the same software.

    IOS XE images are listed with six parts, ``17.09.01.0.155356.1646904830``, where devices report the first five. A
    rebuild has a letter in it: ``17.06.05a``.
    """
    return _comparable(one) == _comparable(other)


@lru_cache(maxsize=10_000)  # each image is compared with each version of each device
def _comparable(version: str) -> str:
    text = version.strip()
    return ".".join(text.split(".")[:5]) if re.fullmatch(r"\d+(\.\d+[a-z]?){4,5}", text, re.ASCII) else text


def _parse_devices(rows: list[dict[str, Any]]) -> list[Device]:
    return [_parse_device(row) for row in rows]


def _parse_device(row: dict[str, Any]) -> Device:
    # Both fields are documented (OpenAPI of release 26.1, with the same value), and what they differ in is not. A
    # device that has only one of them runs that one; where they differ, it counts as running both.
    running, partition = _version(row.get("version")), _version(row.get("current-partition"))
    name = row.get("host-name") or row.get("uuid") or row.get("system-ip") or "unnamed device"
    return Device(
        name=str(name),
        running=running or partition,
        default=_version(row.get("defaultVersion")),
        available=_versions(row.get("availableVersions")),
        reachable=row.get("reachability") in (None, "reachable"),
        role=str(row.get("personality") or row.get("device-type") or "") or None,
        partition=partition if running and partition != running else None,
    )


def _version(value: Any) -> str | None:
    """Return a version; one that cannot be read is an error, since it may be the one that is asked for."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise VManageProtocolError(f"A version of a device is {type(value).__name__}, not text")
    return (value or "").strip() or None


def _versions(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]").split(",")
    if value is not None and not isinstance(value, list):
        raise VManageProtocolError(f"availableVersions of a device is {type(value).__name__}, not a list")
    return tuple(version for item in value or () if (version := _version(item)))
