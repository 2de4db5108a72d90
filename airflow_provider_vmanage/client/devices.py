"""The software that devices run, boot and have installed; it decides whether an image is in use."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_vmanage.client.arguments import check_choice
from airflow_provider_vmanage.client.device_actions.actions import Target
from airflow_provider_vmanage.client.session import ManagerSession

log = logging.getLogger(__name__)

#: the three lists of the manager's upgrade page (OpenAPI of release 26.1; catalystwan 0.41.6 reads all three)
DEVICE_TYPES = ("vedge", "controller", "vmanage")

_PATH = "device/action/install/devices"


@dataclass(frozen=True)
class Device:
    """The software of one device.

    :param name: host name, or its id if it has none.
    :param running: version that runs now.
    :param default: version that the next boot starts.
    :param available: other versions that are installed.
    :param reachable: whether the manager reaches it.
    :param partition: version of ``current-partition`` if it differs from ``running``.
    :param role: such as ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``, as the manager lists it.
    :param unreadable: fields whose versions cannot be read.
    :param shows_available: the list has a field for other versions.
    :param device_id: ``uuid``.
    :param platform_family: ``platformFamily``; images name the families that they are for.
    :param system_ip: ``system-ip``.
    :param local_ip: ``local-system-ip``, which actions send if the device has one.
    :param site_id: ``site-id``, as text.
    :param model: ``device-model``.
    :param device_type: the manager's list that holds it: ``vedge``, ``controller`` or ``vmanage``.
    """

    name: str
    running: str | None = None
    default: str | None = None
    available: tuple[str, ...] = ()
    reachable: bool = True
    role: str | None = None
    partition: str | None = None
    unreadable: tuple[str, ...] = ()
    shows_available: bool = field(default=True, compare=False)
    device_id: str | None = field(default=None, compare=False)
    platform_family: str | None = field(default=None, compare=False)
    system_ip: str | None = field(default=None, compare=False)
    local_ip: str | None = field(default=None, compare=False)
    site_id: str | None = field(default=None, compare=False)
    model: str | None = field(default=None, compare=False)
    device_type: str | None = field(default=None, compare=False)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the versions that the device runs or boots, and all it has installed while it is unreachable."""
        wanted = (self.running, self.partition, self.default, *(() if self.reachable else self.available))
        return tuple(version for version in wanted if version)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the fields that are missing or cannot be read, without which it may have any version."""
        shown = {"version": self.running, "defaultVersion": self.default, "availableVersions": self.shows_available}
        return self.unreadable or tuple(field for field, value in shown.items() if not value)

    @property
    def may_need_more(self) -> bool:
        """Return whether it may need a version that cannot be read."""
        return any(name != "availableVersions" or not self.reachable for name in self.unreadable)

    def as_target(self) -> Target:
        """Return how requests of actions name the device: by uuid, and by the local address if it has one."""
        return Target(self.device_id or "", self.local_ip or self.system_ip or "")

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types that an operator returns."""
        return {
            "device": self.name,
            "device_id": self.device_id,
            "system_ip": self.system_ip,
            "site_id": self.site_id,
            "role": self.role,
            "platform_family": self.platform_family,
            "model": self.model,
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
    return [device for kind in kinds for device in list_devices_of_type(session, kind)]


def list_devices_of_type(session: ManagerSession, device_type: str) -> list[Device]:
    """Return the software of one of the manager's lists; one call.

    :param device_type: ``vedge``, ``controller`` or ``vmanage``.
    :raises VManageError: as any read.
    """
    listed = session.request("GET", f"{_PATH}/{device_type}", params={"groupId": "all"})
    return [replace(device, device_type=device_type) for device in listed.parsed(_parse_devices)]


def read_again(session: ManagerSession, devices: Iterable[Device]) -> dict[str | None, Device]:
    """Return the devices of the lists that hold these, as listed now, by device id; one call for each list.

    :raises VManageError: as any read.
    """
    types = {device.device_type or DEVICE_TYPES[0] for device in devices}
    listed = [device for one in DEVICE_TYPES if one in types for device in list_devices_of_type(session, one)]
    return {device.device_id: device for device in listed}


def _parse_devices(rows: list[dict[str, Any]]) -> list[Device]:
    devices = [parse_device(row) for row in rows]
    for device in devices:
        if device.unreadable:
            log.warning("%s is listed with %s that cannot be read", device.name, ", ".join(device.unreadable))
    return devices


def parse_device(row: dict[str, Any]) -> Device:
    """Return the device of one row of a list; what cannot be read is named in ``unreadable``."""
    # Both fields are documented (OpenAPI of release 26.1, with the same value), but not when they differ. A device that
    # has only one of them runs that one; if they differ, it counts as running both.
    unreadable: list[str] = []
    running, partition, default = (
        _version(row, field, unreadable) for field in ("version", "current-partition", "defaultVersion")
    )
    return Device(
        name=str(row.get("host-name") or row.get("uuid") or row.get("system-ip") or "unnamed device"),
        running=running or partition,
        default=default,
        available=_versions(row.get("availableVersions"), unreadable),
        reachable=row.get("reachability") in (None, "reachable"),
        role=str(row.get("personality") or row.get("device-type") or "") or None,
        partition=partition if running and partition != running else None,
        unreadable=tuple(unreadable),
        shows_available=row.get("availableVersions") is not None,
        device_id=str(row.get("uuid") or "") or None,
        platform_family=family if isinstance(family := row.get("platformFamily"), str) and family else None,
        system_ip=_text(row.get("system-ip")),
        local_ip=_text(row.get("local-system-ip")),
        site_id=_text(row.get("site-id")),
        model=_text(row.get("device-model")),
    )


def _version(row: dict[str, Any], field: str, unreadable: list[str]) -> str | None:
    """Return a version; note a field that holds something else, since the device may need what it names."""
    value = row.get(field)
    if not _is_readable(value):
        unreadable.append(field)
        return None
    return _text(value)


def _versions(value: Any, unreadable: list[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]").split(",")
    items = value if isinstance(value, list) else []
    readable = [item for item in items if _is_readable(item)]
    if (value is not None and not isinstance(value, list)) or len(readable) < len(items):
        unreadable.append("availableVersions")
    return tuple(version for item in readable if (version := _text(item)))


def _is_readable(value: Any) -> bool:
    return value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool))


def _text(value: Any) -> str | None:
    return ("" if value is None else str(value)).strip() or None
