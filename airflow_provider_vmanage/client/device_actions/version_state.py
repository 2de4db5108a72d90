"""Whether a device has a version, and in which state. Pure: nothing is read or sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_vmanage.client.versions import same_version

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.devices import Device

#: where a version can be on a device
STATES = ("running", "default", "available")


def has_version(device: Device | None, version: str, state: str) -> bool:
    """Return whether the device is listed, reachable, and has the version in this state.

    A running version is available, too. A device that the manager cannot reach is shown with its last known versions,
    so it does not count.

    :param state: one of :data:`STATES`.
    """
    if device is None or not device.reachable:
        return False
    found = {
        "running": (device.running,),
        "default": (device.default,),
        "available": (device.running, *device.available),
    }[state]
    return any(same_version(version, one) for one in found if one)
