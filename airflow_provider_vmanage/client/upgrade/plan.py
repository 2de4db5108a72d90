"""A plan of an upgrade: which devices, in which waves, what each needs, and what blocks it.

Pure but for :func:`read_fleet`, which makes the fleet-wide calls that a plan needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, ImageInput, Target
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest, decide, find_image
from airflow_provider_vmanage.client.device_actions.running_tasks import RunningTasks
from airflow_provider_vmanage.client.device_actions.selection import WantedDevice, are_listed
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, Device, list_devices, list_devices_of_type
from airflow_provider_vmanage.client.errors import VManageNotFoundError, VManageTooManyDevicesError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upgrade.waves import by_site, check_roles, make_waves, parse_wave_sizes
from airflow_provider_vmanage.client.upgrade.wish import UpgradeWish, choose_devices
from airflow_provider_vmanage.client.versions import same_version

#: what a device still needs, in the order of an upgrade
STEPS = ("install+activate", "activate", "set_default")

#: characters of a reason that a row holds
MAX_REASON = 200


@dataclass(frozen=True)
class PlannedDevice:
    """One device of a plan.

    :param version: as the wish spells it; empty where the wish names none for its platform family.
    :param step: what it needs, one of :data:`STEPS`; empty for a device that needs nothing or is blocked.
    :param reason: why it is blocked.
    """

    device: Device
    version: str
    step: str = ""
    reason: str = ""

    def as_row(self, wave: int | None = None) -> dict[str, Any]:
        """Return the flat row of plain JSON types.

        :param wave: its number, from 1.
        """
        device = self.device
        reason = self.reason if len(self.reason) <= MAX_REASON else f"{self.reason[: MAX_REASON - 1]}…"
        return {
            "device": device.name,
            "device_id": device.device_id,
            "system_ip": device.system_ip,
            "site_id": device.site_id,
            "role": device.role,
            "platform_family": device.platform_family,
            "from_version": device.running,
            "version": self.version or None,
            "step": self.step or None,
            "wave": wave,
            "reason": reason or None,
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

    :param max_devices: fail if more devices than this would change.
    :raises VManageConfigurationError: bad sizes, or a manager together with other roles.
    :raises VManageNotFoundError: an unknown device, no device at all, or a version that is nowhere.
    :raises VManageTooManyDevicesError: more than ``max_devices`` would change.
    """
    sizes = parse_wave_sizes(wave_sizes)
    chosen = sorted(choose_devices(wish, fleet.devices), key=lambda one: by_site(one.device))
    check_roles([one.device for one in chosen])
    _refuse_missing_versions(chosen, fleet.images)
    planned = [_plan_device(fleet, one, allow_downgrade) for one in chosen]
    needed = {one.device.device_id: one for one in planned if one.step}
    if len(needed) > max_devices:
        raise VManageTooManyDevicesError(
            f"{len(needed)} devices would change, but max_devices is {max_devices}: raise it, or choose fewer devices"
        )
    waves = make_waves([one.device for one in needed.values()], sizes, one_per_site=one_per_site)
    return UpgradePlan(
        waves=tuple(tuple(needed[device.device_id] for device in wave) for wave in waves),
        unchanged=tuple(one for one in planned if not one.step and not one.reason),
        blocked=tuple(one for one in planned if one.reason),
    )


def read_fleet(session: ManagerSession, wish: UpgradeWish | None = None) -> Fleet:
    """Return the fleet as a plan needs it; three to five calls, and one for each running task.

    :param wish: read no more lists of devices than it needs: that of ``device_type``, and for ``devices`` all, unless
        the first ones hold each of them by its uuid. All of them by default.
    :raises VManageError: as any read.
    """
    running = RunningTasks(session).read()  # before the devices, which show what a task does that ends in between
    return Fleet(
        devices=tuple(_read_devices(session, wish) if wish else list_devices(session)),
        images=tuple(SoftwareRepository(session).list_images()),
        release=session.server.release,
        busy=running.reason_busy,
    )


def _read_devices(session: ManagerSession, wish: UpgradeWish) -> list[Device]:
    devices = list_devices_of_type(session, wish.device_type)
    for device_type in DEVICE_TYPES:
        if are_listed(wish.devices, devices):
            break
        if device_type != wish.device_type:
            devices += list_devices_of_type(session, device_type)
    return devices


def _plan_device(fleet: Fleet, wanted: WantedDevice, allow_downgrade: bool) -> PlannedDevice:
    device = wanted.device
    if not wanted.versions:
        return PlannedDevice(device, "", reason=f"version names none for its platform family {device.platform_family}")
    version = wanted.versions[0]
    if device.device_id is None:
        return PlannedDevice(device, version, reason="the manager shows no uuid for it")
    if device.running is None:
        return PlannedDevice(device, version, reason="the manager shows no version that it runs")
    runs = same_version(device.running, version)
    is_default = device.default is not None and same_version(device.default, version)
    if runs and is_default:
        return PlannedDevice(device, version)
    kind = ActionKind.SET_DEFAULT if runs else ActionKind.INSTALL
    request = ActionRequest(kind, activate=not runs, allow_downgrade=allow_downgrade)

    def image_for(device: Device, version: str) -> ImageInput | str:
        return find_image(fleet.images, device, version, None, fleet.release)

    decision = decide(request, wanted, busy=fleet.busy, image_for=image_for)
    if decision.blocked:
        return PlannedDevice(device, version, reason=decision.blocked)
    step = {ActionKind.INSTALL: "install+activate", ActionKind.ACTIVATE: "activate"}.get(
        decision.kind or kind, "set_default"
    )
    return PlannedDevice(device, version, step=step)


def _refuse_missing_versions(chosen: Sequence[WantedDevice], images: Sequence[SoftwareImage]) -> None:
    known = {image.version for image in images if image.version}
    for one in chosen:
        known.update(version for version in (one.device.running, *one.device.available) if version)
    wanted = dict.fromkeys(version for one in chosen for version in one.versions)
    missing = [version for version in wanted if not any(same_version(version, other) for other in known)]
    if missing:
        raise VManageNotFoundError(
            f"version {', '.join(missing)} is neither in the repository nor on a matching device: check the spelling, "
            "or upload the image first"
        )
