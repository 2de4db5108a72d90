"""Read the health of all devices: a few fleet-wide calls, which the manager serves from its own store.

What asks the devices themselves is far more expensive, and more than a role for upgrades may do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.errors import VManageProtocolError, VManageRejectedError
from airflow_provider_vmanage.client.health import DeviceHealth, FleetHealth, parse_health

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.session import ManagerSession


def read_health(session: ManagerSession, inventories: Sequence[str] = ()) -> FleetHealth:
    """Return the health of all devices; three calls, and one for each inventory.

    A call that is refused leaves its values unknown: a missing role says nothing about a device.

    :param inventories: of :func:`inventories_for`.
    :raises VManageProtocolError: no device is listed, and a manager lists at least itself.
    :raises VManageError: a call failed in a way that a retry may remedy.
    """
    paths = ("device", "device/counters", "device/tloc", *(f"system/device/{one}" for one in inventories))
    with page_means_unavailable():
        read = [_rows(session, path) for path in paths]
    (devices, refused), (counters, _), (tlocs, _) = read[:3]
    if not devices and not refused:
        raise VManageProtocolError("The manager lists no device, and it lists at least itself", path="device")
    inventory = [row for rows, _ in read[3:] for row in rows]
    problems = tuple(problem for _, problem in read if problem)
    return FleetHealth(parse_health(devices, counters, tlocs, inventory), problems, is_listed=not refused)


def refuse_emptied(fleet: FleetHealth, devices: Iterable[tuple[DeviceHealth | None, DeviceHealth | None]]) -> None:
    """Raise if a list has no rows any more: that is not a reading, and says nothing about the devices.

    :param devices: baseline and health now, of each.
    :raises VManageProtocolError: no device has a row, although a reachable one had, and the list was not refused.
    """
    known = [(before, after) for before, after in devices if before and after and after.reachable]
    for path, field in (("device/counters", "control"), ("device/tloc", "colours")):
        has_rows = any(getattr(one, field) is not None for one in fleet.devices.values())
        is_refused = any(one.startswith(f"{path}: ") for one in fleet.problems)
        if not has_rows and not is_refused and any(getattr(before, field) is not None for before, _ in known):
            raise VManageProtocolError("The manager lists nothing where it has listed devices before", path=path)


def inventories_for(roles: Iterable[str | None], checks: Sequence[str]) -> tuple[str, ...]:
    """Return the manager's inventories to read: only they show whether a device's configuration is in sync.

    :param roles: of the devices.
    :param checks: that are made.
    """
    found = {"vedges" if role == "vedge" else "controllers" for role in roles}
    return tuple(sorted(found)) if "config" in checks else ()


def _rows(session: ManagerSession, path: str) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of a call, or none and why the manager refused it.

    The documentation shows ``/device`` as a bare list (OpenAPI of release 26.1), live captures in an envelope.
    """
    try:
        envelope = session.request("GET", path)
    except VManageRejectedError as err:
        if err.retryable or (path == "device" and err.is_page and err.status == 404):
            raise
        return [], f"{path}: {err}"
    body = envelope.body
    if isinstance(body, list) and all(isinstance(row, dict) for row in body):
        return body, ""
    return envelope.rows, ""
