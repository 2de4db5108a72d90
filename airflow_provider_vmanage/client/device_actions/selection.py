"""Which devices an action is about. Pure: nothing is read or sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_plain, require_text
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConfigurationError,
    VManageNotFoundError,
)
from airflow_provider_vmanage.client.versions import same_version

#: how many devices an error names
NAMED = 10


@dataclass(frozen=True)
class GivenDevice:
    """A device as the user names it.

    :param name: host name, system IP or uuid.
    :param version: of a row that carries one.
    """

    name: str
    version: str | None = None


@dataclass(frozen=True)
class WantedDevice:
    """A device of the manager, and the versions that an action is about there.

    :param versions: as the user spells them; several only for a removal.
    """

    device: Device
    versions: tuple[str, ...]


def parse_devices(given: Any) -> list[GivenDevice]:
    """Return the devices as the user names them, duplicates merged, in the order given.

    :param given: a list of host names, system IPs, uuids, or rows of a list or a plan (``device_id``, ``version``).
    :raises VManageConfigurationError: empty, another kind of value, a row without ``device_id``, or two versions for
        one device.
    """
    given = parse_plain(given, "devices") if isinstance(given, str) and given.lstrip()[:1] == "[" else given
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence) or not given:
        raise VManageConfigurationError(
            f"devices is {given!r}: give a list of host names, system IPs, uuids or rows, at least one"
        )
    found: dict[str, GivenDevice] = {}
    for item in given:
        one = _parse_device(item)
        known = found.setdefault(one.name, one)
        if not _agree(known.version, one.version):
            raise VManageConfigurationError(
                f"devices names {one.name!r} with version {known.version} and with {one.version}: give one of them"
            )
    return list(found.values())


def parse_versions(version: Any) -> list[str]:
    """Return the versions of an argument; none where it is empty, since rows may have theirs.

    :param version: a text, or a list of texts.
    :raises VManageConfigurationError: anything else, or a blank text.
    """
    if isinstance(version, str) and version.lstrip()[:1] == "[":  # a list, as a template renders it
        version = parse_plain(version, "version")
    given = [version] if isinstance(version, str) else version if version is not None else []
    if not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise VManageConfigurationError(f"version is {version!r}: give a text, or a list of texts for a removal")
    return [require_text(one, "version") for one in given]


def require_at_most_one(versions: Sequence[str]) -> None:
    """Raise VManageConfigurationError if there are several versions, which only a removal can be about."""
    if len(versions) > 1:
        raise VManageConfigurationError(
            f"version is {list(versions)!r}: give one, since only a removal is about several"
        )


def select_devices(given: Sequence[GivenDevice], devices: Sequence[Device]) -> list[tuple[GivenDevice, Device]]:
    """Return the one device of the manager that each given name stands for, each device once.

    :raises VManageNotFoundError: a name matches no device.
    :raises VManageAmbiguousError: a name matches several devices.
    :raises VManageConfigurationError: two names of one device carry different versions, or a device has no uuid.
    """
    selected: dict[str, tuple[GivenDevice, Device]] = {}
    by_name = _by_name(devices)
    unknown = [one.name for one in given if one.name not in by_name]
    if unknown:
        raise VManageNotFoundError(f"devices: {_listed(unknown)} not found on the manager: check the spelling")
    for one in given:
        device = _only(one, by_name[one.name])
        other, _ = selected.setdefault(device.device_id or "", (one, device))
        if not _agree(other.version, one.version):
            raise VManageConfigurationError(
                f"devices names {device.name} as {other.name!r} with version {other.version} and as {one.name!r} "
                f"with {one.version}: give one of them"
            )
    return list(selected.values())


def are_listed(given: Sequence[GivenDevice], devices: Sequence[Device]) -> bool:
    """Return whether each given name is the uuid of a device: any other may fit one more device, on another list."""
    uuids = {device.device_id for device in devices}
    return all(one.name in uuids for one in given)


def wanted_versions(one: GivenDevice, versions: Sequence[str]) -> tuple[str, ...]:
    """Return the versions that an action is about on a device: the argument's, or else the row's.

    :raises VManageConfigurationError: there is none, or the row has another one than the argument.
    """
    if not versions:
        if one.version is None:
            raise VManageConfigurationError(f"version is missing, and devices has none for {one.name!r}: give one")
        return (one.version,)
    if one.version is not None and not any(same_version(one.version, version) for version in versions):
        raise VManageConfigurationError(
            f"devices has version {one.version} for {one.name!r}, and version is {', '.join(versions)}: they differ"
        )
    return tuple(versions)


def _parse_device(item: Any) -> GivenDevice:
    if isinstance(item, Mapping):
        name, version = item.get("device_id"), item.get("version")
        if not isinstance(name, str) or not name.strip():
            raise VManageConfigurationError(f"devices has a row without device_id ({sorted(item)}): pass whole rows")
        if version is not None and not isinstance(version, str):
            raise VManageConfigurationError(f"devices has version {version!r} for {name!r}: give a text")
        return GivenDevice(name.strip(), (version or "").strip() or None)
    if not isinstance(item, str) or not item.strip():
        raise VManageConfigurationError(f"devices has {item!r}: give a host name, system IP, uuid or row")
    return GivenDevice(item.strip())


def _by_name(devices: Sequence[Device]) -> dict[str | None, list[Device]]:
    found: dict[str | None, list[Device]] = {}
    for device in devices:
        for name in {device.device_id, device.system_ip, device.name}:
            found.setdefault(name, []).append(device)
    return found


def _only(one: GivenDevice, fitting: Sequence[Device]) -> Device:
    if len(fitting) > 1:
        found = [f"{device.name} ({device.system_ip}, {device.device_id})" for device in fitting]
        raise VManageAmbiguousError(
            f"devices: {one.name!r} matches {len(fitting)} devices: {_listed(found)}: give the uuid", candidates=found
        )
    device = fitting[0]
    if device.device_id is None:
        raise VManageConfigurationError(f"devices: the manager shows no uuid for {device.name}: it cannot be acted on")
    return device


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or same_version(one, other)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
