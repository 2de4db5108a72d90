"""Whether a plan still holds: each planned device is compared with the device as it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from airflow_provider_vmanage.client.device_actions.actions import Target
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManageStalePlanError
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow
from airflow_provider_vmanage.client.versions import same_version


def runs(device: Device | None, version: str) -> bool:
    """Return whether the device runs the version."""
    return device is not None and device.running is not None and same_version(device.running, version)


def has(device: Device, version: str) -> bool:
    """Return whether the version is installed on the device."""
    return any(same_version(one, version) for one in (device.running, *device.available) if one)


def fallen_back(row: PlannedRow, device: Device | None) -> str | None:
    """Return a reason where a device that was on the wanted version does not run it any more."""
    if runs(device, row.version):
        return None
    return f"it does not run {row.version} any more, but {device.running}" if device else "it is not listed any more"


def moved_elsewhere(row: PlannedRow, device: Device | None) -> str | None:
    """Return a reason where a device runs neither the version of the plan nor the wanted one, or is not listed."""
    if device is None:
        return "the manager does not list it any more"
    if device.running is None or runs(device, row.version) or runs(device, row.from_version):
        return None
    return f"it runs {device.running} instead of {row.from_version}"


def refuse_stale(
    rows: Sequence[PlannedRow],
    devices: Mapping[str | None, Device],
    *,
    is_busy: Callable[[Target], str | None],
    has_image: Callable[[Device, str], str | None],
    skip_blocked: bool,
) -> None:
    """Raise if a planned device has changed in another way than by coming to run the wanted version.

    :param rows: those that this upgrade has not begun.
    :param devices: as they are now.
    :param is_busy: returns which task works on a device.
    :param has_image: returns why the version cannot be installed.
    :param skip_blocked: devices out of reach or at work are left out when their wave begins.
    :raises VManageStalePlanError: naming the devices; nothing was sent.
    """
    found = {
        row.device: reason
        for row in rows
        if (reason := _changed(row, devices.get(row.device_id), is_busy, has_image, skip_blocked))
    }
    if found:
        shown = "; ".join(f"{name}: {reason}" for name, reason in list(found.items())[:10])
        more = f"; and {len(found) - 10} more" if len(found) > 10 else ""
        raise VManageStalePlanError(
            f"Nothing was sent: {len(found)} of {len(rows)} devices are not as they were when the plan was made "
            f"({shown}{more}). Make a new plan"
        )


def _changed(
    row: PlannedRow,
    device: Device | None,
    is_busy: Callable[[Target], str | None],
    has_image: Callable[[Device, str], str | None],
    skip_blocked: bool,
) -> str | None:
    if device is None:
        return "the manager does not list it any more"
    if not runs(device, row.version):
        if not runs(device, row.from_version):
            return f"it runs {device.running} instead of {row.from_version}"
        if row.step != "install+activate" and not has(device, row.version):
            return f"version {row.version} is not installed any more"
        if not has(device, row.version) and (missing := has_image(device, row.version)):
            return missing
    if skip_blocked:
        return None
    return "the manager cannot reach it" if not device.reachable else is_busy(device.as_target())
