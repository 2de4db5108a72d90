"""A plan of an upgrade: which devices, in which waves, what each needs, and what stands in the way.

Pure but for :func:`read_fleet`, which makes the fleet-wide calls that a plan needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_vmanage.client.arguments import check_choice, require_text
from airflow_provider_vmanage.client.device_actions.actions import ActionKind, ImageInput, Target
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest, decide, find_image
from airflow_provider_vmanage.client.device_actions.running_tasks import RunningTasks
from airflow_provider_vmanage.client.device_actions.selection import WantedDevice, parse_devices, select_devices
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, Device, list_devices
from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManageNotFoundError,
    VManageTooManyDevicesError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upgrade.waves import check_roles, make_waves, parse_wave_sizes
from airflow_provider_vmanage.client.versions import same_version

#: what a device still needs, in the order of an upgrade
STEPS = ("install+activate", "activate", "set_default")


@dataclass(frozen=True)
class UpgradeWish:
    """What a plan is asked for, checked.

    :param versions: wanted version by platform family; the key ``*`` is for all.
    :param devices: names of devices, or empty for a selection by the other fields.
    :param device_type: the manager's list.
    :param sites: site ids, or empty for all.
    :param platform_family: only this family.
    :param running: pattern of the running version, as ``fnmatch`` reads it.
    :param exclude: host names, system IPs or uuids.
    """

    versions: Mapping[str, str]
    devices: tuple[Any, ...] = ()
    device_type: str = "vedge"
    sites: tuple[str, ...] = ()
    platform_family: str | None = None
    running: str | None = None
    exclude: tuple[str, ...] = ()

    def version_for(self, device: Device) -> str | None:
        """Return the version that the device should run, or ``None`` where the wish names none for its family."""
        return self.versions.get(device.platform_family or "") or self.versions.get("*")


@dataclass(frozen=True)
class PlannedDevice:
    """One device of a plan.

    :param step: what it needs, one of :data:`STEPS`; empty for a device that needs nothing or is blocked.
    :param reason: why it is blocked.
    """

    device: Device
    version: str
    step: str = ""
    reason: str = ""

    def as_row(self, wave: int | None = None) -> dict[str, Any]:
        """Return the flat row of plain JSON types."""
        device = self.device
        return {
            "device": device.name,
            "device_id": device.device_id,
            "system_ip": device.system_ip,
            "site_id": device.site_id,
            "role": device.role,
            "platform_family": device.platform_family,
            "from_version": device.running,
            "version": self.version,
            "step": self.step or None,
            "wave": wave,
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class UpgradePlan:
    """Waves, and what is in none of them."""

    waves: tuple[tuple[PlannedDevice, ...], ...]
    unchanged: tuple[PlannedDevice, ...]
    blocked: tuple[PlannedDevice, ...]


@dataclass(frozen=True)
class Fleet:
    """What a plan needs to know of the manager.

    :param release: first two numbers of the manager's version.
    :param busy: returns which running task keeps a device busy, or ``None``.
    """

    devices: tuple[Device, ...]
    images: tuple[SoftwareImage, ...]
    release: tuple[int, int] | None
    busy: Callable[[Target], str | None]


def parse_wish(
    version: Any,
    *,
    devices: Any = None,
    device_type: str = "vedge",
    sites: Any = None,
    platform_family: str | None = None,
    running: str | None = None,
    exclude: Any = (),
) -> UpgradeWish:
    """Return the wish, checked.

    :raises VManageConfigurationError: naming field, value and fix.
    """
    check_choice(device_type, DEVICE_TYPES, "device_type")
    if devices:
        parse_devices(devices)
    return UpgradeWish(
        versions=_parse_versions(version),
        devices=tuple(devices or ()),
        device_type=device_type,
        sites=_parse_texts(sites, "sites"),
        platform_family=platform_family or None,
        running=running or None,
        exclude=_parse_texts(exclude, "exclude"),
    )


def make_plan(
    wish: UpgradeWish,
    fleet: Fleet,
    *,
    wave_sizes: Any = (1, "10%", "50%"),
    one_per_site: bool = True,
    max_devices: int = 50,
    allow_downgrade: bool = False,
) -> UpgradePlan:
    """Return the plan; the same input gives the same plan.

    :raises VManageConfigurationError: bad sizes, or a manager together with other roles.
    :raises VManageNotFoundError: an unknown device, no device at all, or no version for any of them.
    :raises VManageTooManyDevicesError: more than ``max_devices`` would change.
    """
    sizes = parse_wave_sizes(wave_sizes)
    chosen = choose_devices(wish, fleet.devices)
    check_roles(chosen)
    planned = [_plan_device(wish, fleet, device, allow_downgrade) for device in chosen]
    needed = {one.device.device_id: one for one in planned if one.step}
    if len(needed) > max_devices:
        raise VManageTooManyDevicesError(f"{len(needed)} devices would change, and max_devices is {max_devices}")
    waves = make_waves([one.device for one in needed.values()], sizes, one_per_site=one_per_site)
    return UpgradePlan(
        waves=tuple(tuple(needed[device.device_id] for device in wave) for wave in waves),
        unchanged=tuple(one for one in planned if not one.step and not one.reason),
        blocked=tuple(one for one in planned if one.reason),
    )


def choose_devices(wish: UpgradeWish, devices: Sequence[Device]) -> list[Device]:
    """Return the devices that the wish is about, named ones in the order given.

    :raises VManageNotFoundError: an unknown device, or none that fits.
    """
    excluded = {one.device_id for one in devices if {one.name, one.system_ip, one.device_id} & set(wish.exclude)}
    if wish.devices:
        named = [device for _, device in select_devices(parse_devices(list(wish.devices)), devices)]
    else:
        named = [device for device in devices if device.device_type == wish.device_type and device.device_id]
    chosen = [device for device in named if device.device_id not in excluded and _is_chosen(wish, device)]
    if not chosen:
        raise VManageNotFoundError("No device fits devices, device_type, sites, platform_family, running and exclude")
    return chosen


def read_fleet(session: ManagerSession) -> Fleet:
    """Return what a plan needs; five calls, and one for each running task.

    :raises VManageError: as any read.
    """
    running = RunningTasks(session)
    return Fleet(
        devices=tuple(list_devices(session)),
        images=tuple(SoftwareRepository(session).list_images()),
        release=session.server.release,
        busy=running.reason_busy,
    )


def _plan_device(wish: UpgradeWish, fleet: Fleet, device: Device, allow_downgrade: bool) -> PlannedDevice:
    version = wish.version_for(device)
    if version is None:
        return PlannedDevice(device, "", reason=f"version names none for its platform family {device.platform_family}")
    runs = device.running is not None and same_version(device.running, version)
    is_default = device.default is not None and same_version(device.default, version)
    if runs and is_default:
        return PlannedDevice(device, version)
    kind = ActionKind.SET_DEFAULT if runs else ActionKind.INSTALL
    request = ActionRequest(kind, activate=not runs, allow_downgrade=allow_downgrade)

    def image_for(device: Device, version: str) -> ImageInput | str:
        return find_image(fleet.images, device, version, None, fleet.release)

    decision = decide(request, WantedDevice(device, (version,)), busy=fleet.busy, image_for=image_for)
    if decision.blocked:
        return PlannedDevice(device, version, reason=decision.blocked)
    step = {ActionKind.INSTALL: "install+activate", ActionKind.ACTIVATE: "activate"}.get(
        decision.kind or kind, "set_default"
    )
    return PlannedDevice(device, version, step=step)


def _is_chosen(wish: UpgradeWish, device: Device) -> bool:
    return (
        (not wish.sites or device.site_id in wish.sites)
        and wish.platform_family in (None, device.platform_family)
        and (wish.running is None or fnmatchcase(device.running or "", wish.running))
    )


def _parse_versions(version: Any) -> dict[str, str]:
    if isinstance(version, Mapping) and version:
        return {
            require_text(key, "version"): require_text(value, f"version of {key}") for key, value in version.items()
        }
    if isinstance(version, Mapping):
        raise VManageConfigurationError("version is an empty mapping: give a version for each platform family")
    return {"*": require_text(version, "version")}


def _parse_texts(value: Any, field: str) -> tuple[str, ...]:
    items = [value] if isinstance(value, (str, int)) and value != "" else value or ()
    if not isinstance(items, Sequence) or not all(isinstance(item, (str, int)) and str(item).strip() for item in items):
        raise VManageConfigurationError(f"{field} is {value!r}: give a list of texts")
    return tuple(str(item).strip() for item in items)
