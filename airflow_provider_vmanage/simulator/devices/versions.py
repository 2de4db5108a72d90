"""What an action changes in the record of a device (asserted by public playbooks and roles)."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

#: of a record: what the device runs, what it boots, what it has beside that
VERSION_KEYS = ("version", "defaultVersion", "availableVersions")


def install_version(record: Record, version: str) -> str:
    """Make a version available on a device, and return how the device names it."""
    named = on_device(version)
    if named != record["version"] and named not in available(record):
        record["availableVersions"] = [*available(record), named]
    return named


def on_device(version: str) -> str:
    """A version as a device names it: without the sixth part of an IOS-XE image (client code)."""
    return ".".join(version.split(".")[:5])


def lacks(record: Record, version: str) -> str | None:
    """Why a version cannot be used on a device: it is not there. None if it is."""
    if version == record["version"] or version in available(record):
        return None
    return f"Version {version} is not available on the device"


def activate_version(record: Record, version: str) -> None:
    """Run an available version, with the one that ran so far available instead; the default stays."""
    others = [one for one in available(record) if one != version]
    if version != record["version"]:
        record["availableVersions"] = [*others, record["version"]]
        record.update({"version": version, "current-partition": version})


def set_default_version(record: Record, version: str) -> str | None:
    """Make an installed version the one that a power cycle starts; return why not if it is not there."""
    why = lacks(record, version)
    if why is None:
        record["defaultVersion"] = version
    return why


def remove_versions(record: Record, versions: list[str]) -> str | None:
    """Take versions off a device; return why not. That the running and the default one are refused is inferred."""
    for version in versions:
        if version in (record["version"], record["defaultVersion"]):
            return f"Version {version} is running or the default"
        if version not in available(record):
            return f"Version {version} is not available on the device"
    record["availableVersions"] = [one for one in available(record) if one not in versions]
    return None


def available(record: Record) -> list[str]:
    """The versions beside the one that runs; none where the record says something else than a list."""
    given = record["availableVersions"]
    return given if isinstance(given, list) else []
