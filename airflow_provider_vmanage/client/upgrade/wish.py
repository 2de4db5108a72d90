"""What an upgrade is to change: which devices, and to which version. Pure: nothing is read or sent here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_vmanage.client.arguments import check_choice, parse_plain, require_text
from airflow_provider_vmanage.client.device_actions.selection import (
    GivenDevice,
    WantedDevice,
    parse_devices,
    select_devices,
    wanted_versions,
)
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, Device
from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageNotFoundError

#: key of a version that is for all platform families
ALL_FAMILIES = "*"

#: how many names an error shows
_NAMED = 10


@dataclass(frozen=True)
class UpgradeWish:
    """What a plan is asked for, checked.

    :param versions: wanted version by platform family; the key ``*`` is for all. Empty where the rows of ``devices``
        have theirs.
    :param devices: named devices, or empty for a selection by the other fields.
    :param device_type: the manager's list; ``devices`` wins over it.
    :param sites: site ids, or empty for all.
    :param platform_family: only this family.
    :param running: pattern of the running version, as ``fnmatch`` reads it.
    :param exclude: host names, system IPs or uuids.
    """

    versions: Mapping[str, str]
    devices: tuple[GivenDevice, ...] = ()
    device_type: str = "vedge"
    sites: tuple[str, ...] = ()
    platform_family: str | None = None
    running: str | None = None
    exclude: tuple[str, ...] = ()

    @property
    def version(self) -> str | dict[str, str] | None:
        """Return the version for all platform families, or those by family, or ``None`` where rows have theirs."""
        return self.versions.get(ALL_FAMILIES) or dict(self.versions) or None


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

    An empty list of devices or sites is refused, since it would select all of them.

    :raises VManageConfigurationError: naming field, value and fix.
    """
    check_choice(device_type, DEVICE_TYPES, "device_type")
    given = () if devices is None else tuple(parse_devices(devices))
    versions = _parse_versions(version)
    if not versions and not given:
        raise VManageConfigurationError("version is missing: give one, or a mapping from platform family to version")
    wanted_sites = _parse_texts(sites, "sites")
    if not wanted_sites and sites not in (None, ""):
        raise VManageConfigurationError(f"sites is {sites!r}, which is empty: give site ids, or None for all sites")
    return UpgradeWish(
        versions=versions,
        devices=given,
        device_type=device_type,
        sites=wanted_sites,
        platform_family=_parse_optional(platform_family, "platform_family"),
        running=_parse_optional(running, "running"),
        exclude=_parse_texts(exclude, "exclude"),
    )


def choose_devices(wish: UpgradeWish, devices: Sequence[Device]) -> list[WantedDevice]:
    """Return the devices that the wish is about, each with its version, or with none where the wish names none.

    :param devices: as the manager lists them.
    :raises VManageNotFoundError: an unknown name in devices, exclude or sites, or no device matches.
    :raises VManageAmbiguousError: a name in devices matches several devices.
    :raises VManageConfigurationError: a device has no version, or its row has another one than the argument.
    """
    _refuse_unknown("exclude", wish.exclude, (name for device in devices for name in _names(device)))
    _refuse_unknown("sites", wish.sites, (device.site_id for device in devices))
    named: Iterable[tuple[GivenDevice | None, Device]]
    if wish.devices:
        named = select_devices(wish.devices, devices)
    else:
        named = [(None, device) for device in devices if device.device_type == wish.device_type]
    chosen = [WantedDevice(device, _versions(wish, one, device)) for one, device in named if _is_chosen(wish, device)]
    if not chosen:
        raise VManageNotFoundError(
            "No device matches devices, device_type, sites, platform_family, running and exclude"
        )
    return chosen


def _versions(wish: UpgradeWish, given: GivenDevice | None, device: Device) -> tuple[str, ...]:
    """Return the version of a device: the argument's for its family, or else its row's."""
    version = wish.versions.get(device.platform_family or "") or wish.versions.get(ALL_FAMILIES)
    if version is None and wish.versions and (given is None or given.version is None):
        return ()  # the mapping leaves its family out
    versions = () if version is None else (version,)
    return versions if given is None else wanted_versions(given, versions)


def _is_chosen(wish: UpgradeWish, device: Device) -> bool:
    return (
        not any(name in wish.exclude for name in _names(device))
        and (not wish.sites or device.site_id in wish.sites)
        and wish.platform_family in (None, device.platform_family)
        and (wish.running is None or fnmatchcase(device.running or "", wish.running))
    )


def _names(device: Device) -> tuple[str | None, ...]:
    return (device.name, device.system_ip, device.device_id)


def _refuse_unknown(field: str, given: Sequence[str], known: Iterable[str | None]) -> None:
    names = set(known) if given else set()
    unknown = [one for one in given if one not in names]
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        listed = ", ".join(unknown[:_NAMED])
        raise VManageNotFoundError(f"{field}: {listed}{more} not found on the manager: check the spelling")


def _parse_versions(version: Any) -> dict[str, str]:
    if isinstance(version, str) and version.lstrip().startswith("{"):
        version = parse_plain(version, "version")
    if isinstance(version, Mapping):
        if not version:
            raise VManageConfigurationError("version is an empty mapping: give a version for each platform family")
        return {
            require_text(key, "version"): require_text(value, f"version of {key}") for key, value in version.items()
        }
    return {} if version is None else {ALL_FAMILIES: require_text(version, "version")}


def _parse_optional(value: Any, field: str) -> str | None:
    return None if value in (None, "") else require_text(value, field)


def _parse_texts(value: Any, field: str) -> tuple[str, ...]:
    given = parse_plain(value, field) if isinstance(value, str) and value.lstrip()[:1] in ("[", "(") else value
    items = [given] if isinstance(given, (str, int)) and given != "" else given or ()
    if not isinstance(items, Sequence) or not all(isinstance(item, (str, int)) and str(item).strip() for item in items):
        raise VManageConfigurationError(f"{field} is {value!r}: give a list of texts")
    return tuple(dict.fromkeys(str(item).strip() for item in items))
