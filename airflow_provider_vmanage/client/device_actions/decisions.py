"""What an action has to do on each device, decided before anything is sent. Pure: nothing is read or sent here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, ImageInput, Target
from airflow_provider_vmanage.client.device_actions.selection import WantedDevice
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.versions import (
    UNKNOWN_VERSION,
    comparable,
    is_ordered,
    may_be_same,
    same_version,
    version_key,
)

#: releases before this one name the family of an installation by role (catalystwan 0.41.6)
_FAMILY_BY_DEVICE_SINCE = (20, 18)


@dataclass(frozen=True)
class ActionRequest:
    """What an operator asks for, whatever the devices.

    :param kind: of the action.
    :param activate: for an installation: reboot into the new version as well.
    :param allow_downgrade: act although the wanted version is older than the running one.
    """

    kind: ActionKind
    activate: bool = False
    allow_downgrade: bool = False

    @property
    def reboots(self) -> bool:
        """Return whether devices reboot."""
        return self.kind is ActionKind.ACTIVATE or self.activate

    def is_met_by(self, device: Device, versions: Sequence[str]) -> bool:
        """Return whether the device is as wanted."""
        version = versions[0]
        if self.reboots:
            return _has([device.running], version)
        if self.kind is ActionKind.INSTALL:
            return _has([device.running, *device.available], version)
        if self.kind is ActionKind.SET_DEFAULT:
            return _has([device.default], version)
        return not device.unknown and not any(_has(_all_versions(device), one) for one in versions)


@dataclass(frozen=True)
class Decision:
    """What is to be done on one device.

    :param wanted: the device and the versions.
    :param kind: action to send; ``None`` where the device is as wanted, or blocked.
    :param versions: to send, in the device's own spelling, or the image's.
    :param image: to install.
    :param blocked: why nothing can be done; empty otherwise.
    """

    wanted: WantedDevice
    kind: ActionKind | None = None
    versions: tuple[str, ...] = ()
    image: ImageInput | None = None
    blocked: str = ""

    @property
    def device_id(self) -> str:
        """Return the uuid of the device."""
        return self.target.device_id

    @property
    def target(self) -> Target:
        """Return how requests name the device."""
        return self.wanted.device.as_target()

    @property
    def is_open(self) -> bool:
        """Return whether the device is not as wanted."""
        return self.kind is not None or bool(self.blocked)


def decide(
    request: ActionRequest,
    wanted: WantedDevice,
    *,
    busy: Callable[[Target], str | None],
    image_for: Callable[[Device, str], ImageInput | str],
) -> Decision:
    """Return the decision about a device: the action, or why there is none.

    :param busy: returns why another task of the manager keeps the device busy, or ``None``.
    :param image_for: returns the image to install, or why there is none.
    """
    device, versions = wanted.device, wanted.versions
    if request.kind is ActionKind.REMOVE and (unclear := _short_form(device, versions)):
        return Decision(wanted, blocked=unclear)
    if request.is_met_by(device, versions):
        return Decision(wanted)
    obstacle = (
        _unfit(request, device, versions)
        or ("the manager cannot reach it" if not device.reachable else None)
        or busy(device.as_target())
        or _downgrade(request, device, versions[0])
    )
    if obstacle:
        return Decision(wanted, blocked=obstacle)
    if request.kind is ActionKind.INSTALL and not _has(device.available, versions[0]):
        image = image_for(device, versions[0])
        if isinstance(image, str):
            return Decision(wanted, blocked=image)
        return Decision(wanted, ActionKind.INSTALL, (image.version,), image)
    # An installed version is activated, not installed again: even an installation that changes nothing may reload.
    kind = ActionKind.ACTIVATE if request.reboots else request.kind
    spellings = _own_spelling(device, versions)
    return Decision(wanted, kind, spellings if kind is ActionKind.REMOVE else spellings[:1])


def find_image(
    images: Sequence[SoftwareImage],
    device: Device,
    version: str,
    file_name: str | None,
    release: tuple[int, int] | None,
) -> ImageInput | str:
    """Return the image that brings the version to the device, or why there is none.

    A local image is found by its version, by its file name, or by both. The manager rarely knows the version of a
    remote image, so only its file name finds it; a version that it knows has to be the wanted one.

    :param release: of the manager; decides how the family is named.
    """
    named = [image for image in images if image.file_name and _fits_name(image, file_name)]
    local = [image for image in named if image.version_type in (None, "vmanage") and _is_version(image, version)]
    fitting = [image for image in local if _is_for(image, device)]
    if fitting:
        return ImageInput(fitting[0].version or "", _family(device, release))
    others = [image for image in named if image.version_type not in (None, "vmanage") and file_name]
    remote = [image for image in others if image.version in (None, "", UNKNOWN_VERSION) or _is_version(image, version)]
    for image in remote:
        if _is_for(image, device) and image.version_id and image.remote_server_ids:
            return ImageInput(image.version_id, device.platform_family, image.remote_server_ids[0])
    what = f"version {version}" + (f" in file {file_name}" if file_name else "")
    if (local or remote) and not any(_is_for(image, device) for image in remote):
        return f"no image of {what} is for its platform family {device.platform_family}"
    return f"no image of {what} is in the repository"


def version_of_file(images: Sequence[SoftwareImage], file_name: str) -> list[str]:
    """Return the version of the image that the manager stores under a file name, or nothing where it knows none."""
    named = [image for image in images if image.is_on_manager and image.has_file_name(file_name)]
    return [image.version for image in named[:1] if image.version and image.version != UNKNOWN_VERSION]


def _unfit(request: ActionRequest, device: Device, versions: Sequence[str]) -> str | None:
    version = versions[0]
    if request.kind in (ActionKind.ACTIVATE, ActionKind.SET_DEFAULT):
        installed = [device.running, *device.available]
        return None if _has(installed, version) else _not_installed(version, installed)
    if request.kind is ActionKind.REMOVE:
        if device.unknown:
            return f"its {' and '.join(device.unknown)} cannot be read, so what it runs, boots or has is unknown"
        used = [one for one in versions if _has([device.running, device.partition], one)]
        if used:
            return f"it runs version {used[0]}"
        used = [one for one in versions if _has([device.default], one)]
        return f"version {used[0]} is its default" if used else None
    return None


def _short_form(device: Device, versions: Sequence[str]) -> str | None:
    """Return a reason where a version is no version of the device, but may be the short form of one."""
    for version in versions:
        own = [] if _has(_all_versions(device), version) else _all_versions(device)
        for other in own:
            if may_be_same(comparable(version), comparable(other)) and comparable(version) != comparable(other):
                return f"version {version} may be its {other}: give the version as the device lists it"
    return None


def _not_installed(version: str, installed: Sequence[str | None]) -> str:
    listed = ", ".join(one for one in installed if one)
    return f"version {version} is not installed on it, but {listed or 'no version that can be read'}"


def _downgrade(request: ActionRequest, device: Device, version: str) -> str | None:
    if request.allow_downgrade or request.kind is ActionKind.REMOVE:
        return None
    if device.running is None:
        return f"the version that it runs cannot be read, so {version} may be older: set allow_downgrade"
    if same_version(version, device.running):
        return None
    if not (is_ordered(version) and is_ordered(device.running)):
        return f"which of {version} and the running {device.running} is newer is unknown: set allow_downgrade"
    is_older = version_key(version)[:5] < version_key(device.running)[:5]
    return f"{version} is older than the running {device.running}: set allow_downgrade" if is_older else None


def _own_spelling(device: Device, versions: Sequence[str]) -> tuple[str, ...]:
    """Return the versions as the device spells them, without those that it does not have."""
    own = dict.fromkeys(_all_versions(device))
    return tuple(spelling for spelling in own if any(same_version(spelling, version) for version in versions))


def _all_versions(device: Device) -> list[str]:
    found = [device.running, device.partition, device.default, *device.available]
    return [version for version in found if version]


def _has(versions: Sequence[str | None], version: str) -> bool:
    return any(same_version(version, one) for one in versions if one)


def _fits_name(image: SoftwareImage, file_name: str | None) -> bool:
    return file_name is None or image.has_file_name(file_name)


def _is_version(image: SoftwareImage, version: str) -> bool:
    return same_version(image.version or "", version)


def _is_for(image: SoftwareImage, device: Device) -> bool:
    # Records before release 19 name no family.
    return not image.platform_family or device.platform_family in image.platform_family


def _family(device: Device, release: tuple[int, int] | None) -> str | None:
    if release is None or release >= _FAMILY_BY_DEVICE_SINCE:
        return device.platform_family
    return "vmanage" if device.device_type == "vmanage" else "vedge"
