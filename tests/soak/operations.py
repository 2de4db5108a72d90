"""A task on devices, and what its success means: no more than what the devices show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: retries of a task that may have them
RETRIES = 8

Record = Mapping[str, Any]

#: what a word of a row says of the device, by its record and the version
SHOWN: Mapping[str, Callable[[Record, str], bool]] = {
    "installed": lambda device, version: version in (device["version"], *device["availableVersions"]),
    "activated": lambda device, version: device["version"] == version,
    "default_set": lambda device, version: device["defaultVersion"] == version,
    "removed": lambda device, version: version not in (device["version"], *device["availableVersions"]),
    "upgraded": lambda device, version: device["version"] == device["defaultVersion"] == version,
}

#: the word that also stands for a device that was so before
MEANT = {"install": "installed", "activate": "activated", "default": "default_set", "remove": "removed"}


@dataclass(frozen=True)
class Operation:
    """One task on devices.

    :param kind: of the worker's operators.
    :param arguments: of the operator.
    :param has_store: whether Airflow has a task state store. Without one a task that reboots has no retries.
    """

    kind: str
    arguments: dict[str, Any]
    has_store: bool

    @property
    def reboots(self) -> bool:
        return self.kind in ("activate", "upgrade") or bool(self.arguments.get("activate"))

    @property
    def retries(self) -> int:
        return RETRIES if self.has_store or not self.reboots else 0

    def may_leave(self, stored: dict[str, Any]) -> bool:
        """Whether a success may leave this in its store: notes of a reboot stay, marked, until the task is cleared."""
        return stored.get("vmanage_ended") == RETRIES if self.reboots and self.has_store else stored == {}

    def claims(self, row: Record) -> str | None:
        """Return the claim of a row, as a key of ``SHOWN``; ``None`` if it claims no success."""
        if self.kind == "upgrade" and row["action"] in ("default_set", "unchanged"):
            return "upgraded"
        meant = "activated" if self.arguments.get("activate") else MEANT.get(self.kind)
        return meant if row["action"] == "unchanged" else row["action"] if row["action"] in SHOWN else None
