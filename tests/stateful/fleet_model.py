"""A fleet in a few lines: what its devices have, what an action does to them, what an operator should do about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSIONS = ("20.6.3", "20.9.5", "20.12.5", "20.15.1")
NAMES = ("edge-1", "edge-2", "edge-3")

#: how a device can behave, in the words of the simulator
BEHAVIOURS: dict[str, dict[str, Any]] = {
    "well": {},
    "fails": {"ends_as": "Failure"},
    "is skipped": {"ends_as": "Skipped"},
    "lies": {"lies": True},
    "cannot download": {"fails_at": "download"},
    "cannot activate": {"fails_at": "activation"},
    "refuses the rest": {"fails_at": "action"},
    "comes back old": {"comes_back_old": True},
    "comes back old and lies": {"comes_back_old": True, "lies": True},
    "is called a failure": {"reports": "Failure"},
}

AS_USUAL = {"ends_as": None, "lies": False, "fails_at": None, "comes_back_old": False, "reports": None}

_DOES_NOTHING = ("fails", "is skipped", "lies")
_COMES_BACK_OLD = ("comes back old", "comes back old and lies")


def file_of(version: str) -> str:
    return f"viptela-{version}-x86_64.tar.gz"


def is_older(version: str, other: str) -> bool:
    return VERSIONS.index(version) < VERSIONS.index(other)


@dataclass
class Edge:
    """A device in the model."""

    running: str = VERSIONS[0]
    default: str = VERSIONS[0]
    others: set[str] = field(default_factory=set)
    is_reachable: bool = True
    behaves: str = "well"

    @property
    def shown(self) -> tuple[str, str, list[str]]:
        return self.running, self.default, sorted(self.others)

    @property
    def uses(self) -> set[str]:
        """Return the versions whose images are in use: all it has, where it may have lost one unseen."""
        return {self.running, self.default, *(() if self.is_reachable else self.others)}

    def has(self, version: str) -> bool:
        return version == self.running or version in self.others

    def carry_out(self, action: str, versions: Collection[str], *, reboots: bool) -> None:
        """Do what a request asks for, as far as the device does it."""
        if self.behaves in _DOES_NOTHING:
            return
        (version,) = versions
        if action == "install":
            if self.behaves == "cannot download":
                return
            self.others.add(version)
        if action == "changepartition" or (action == "install" and reboots):
            if self.behaves not in ("cannot activate", *_COMES_BACK_OLD):
                self.others = (self.others | {self.running}) - {version}
                self.running = version
        elif action == "defaultpartition" and self.behaves != "refuses the rest":
            self.default = version
        elif action == "removepartition" and self.behaves != "refuses the rest":
            self.others.discard(version)


#: kinds of actions, and whether they reboot
KINDS = (("install", False), ("install", True), ("activate", True), ("set_default", False), ("remove", False))


@dataclass(frozen=True)
class Ask:
    """What an operator for an action is asked for, on each of its devices."""

    kind: str
    version: str
    reboots: bool = False
    allow_downgrade: bool = True

    def is_met_by(self, edge: Edge) -> bool:
        if self.reboots:
            return edge.running == self.version
        if self.kind == "install":
            return edge.has(self.version)
        if self.kind == "set_default":
            return edge.default == self.version
        return not edge.has(self.version) and edge.default != self.version

    def is_blocked(self, edge: Edge, stored: Collection[str]) -> bool:
        if not edge.is_reachable:
            return True
        if self.kind == "remove":
            return self.version in (edge.running, edge.default)
        lacks = not edge.has(self.version) and (self.kind != "install" or self.version not in stored)
        return lacks or (is_older(self.version, edge.running) and not self.allow_downgrade)

    def action_for(self, edge: Edge) -> str:
        """Return the request that a device needs."""
        if self.kind == "install" and not edge.has(self.version):
            return "install"
        return {"set_default": "defaultpartition", "remove": "removepartition"}.get(self.kind, "changepartition")


def upgrade(waves: Sequence[Sequence[str]], edges: Mapping[str, Edge], version: str, most: int) -> dict[str, str]:
    """Upgrade edges of the model in waves, and return how each has ended.

    :param most: how many may fail.
    """
    words: dict[str, str] = {}
    moving = {name for wave in waves for name in wave if edges[name].running != version}
    for wave in waves:
        if _failures(words) > most:
            words.update(dict.fromkeys(wave, "skipped"))
            continue
        installing = [name for name in wave if not edges[name].has(version)]
        _step(words, edges, installing, "install", version)
        if _failures(words) > most:
            left = [name for name in wave if name in moving and name not in words]
            words.update({name: "installed" if name in installing else "skipped" for name in left})
        for action in ("changepartition", "defaultpartition"):
            _step(words, edges, [name for name in wave if name not in words], action, version)
        words.update({name: "upgraded" if name in moving else "default_set" for name in wave if name not in words})
    return words


def _step(words: dict[str, str], edges: Mapping[str, Edge], names: Sequence[str], action: str, version: str) -> None:
    for name in names:
        if not is_needless(edges[name], action, version):
            edges[name].carry_out(action, [version], reboots=False)
        if not is_needless(edges[name], action, version):
            words[name] = "failed"


def _failures(words: Mapping[str, str]) -> int:
    return list(words.values()).count("failed")


def open_asks(edges: Mapping[str, Edge], stored: Collection[str]) -> list[tuple[Ask, list[str]]]:
    """Return all that can be asked for and is not so, each with the devices that a request is sent for."""
    asks = [Ask(kind, version, reboots=reboots) for kind, reboots in KINDS for version in VERSIONS]
    needing = [
        (ask, [name for name, edge in edges.items() if not ask.is_met_by(edge) and not ask.is_blocked(edge, stored)])
        for ask in asks
    ]
    return [(ask, names) for ask, names in needing if names]


DONE = ("installed", "activated", "default_set", "removed")


def is_needless(edge: Edge, action: str, version: str) -> bool:
    """Return whether a device is as such a request would make it."""
    if action == "install":
        return edge.has(version)
    if action == "changepartition":
        return edge.running == version
    if action == "defaultpartition":
        return edge.default == version
    return not edge.has(version)
