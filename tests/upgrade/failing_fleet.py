"""Edges of a manager of which some fail, and what an upgrade of them has to leave: counts, versions and requests."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from airflow_provider_vmanage.simulator import Simulator
from tests.upgrade.reference import KINDS, predict, waves_of
from tests.upgrade.world import IMAGE, NEW, OLD, add_edges

#: what is sent for a device that ends so
_SENT = {
    "upgraded": (("install", IMAGE), ("changepartition", NEW), ("defaultpartition", NEW)),
    "rolled_back": (("install", IMAGE), ("changepartition", NEW), ("changepartition", OLD)),
    "install": (("install", IMAGE),),
    "activate": (("install", IMAGE), ("changepartition", NEW)),
}


class FailingFleet:
    """Edges on a manager; the budget of their upgrade allows all that fail.

    :param size: of a wave.
    :param kinds: of failures, one for each edge that fails.
    :param seed: which edges fail.
    """

    def __init__(
        self, vm: Simulator, *, edges: int, sites: int, size: int, kinds: Sequence[str] = (), seed: int = 0
    ) -> None:
        site_of = add_edges(vm, edges, sites=sites)
        self._failing = dict(zip(random.Random(seed).sample(sorted(site_of), len(kinds)), kinds, strict=True))
        for name, kind in self._failing.items():
            vm.behave(name, **KINDS[kind][1])
        waves = waves_of(site_of, size)
        self._ends, _, _ = predict(waves, self._failing, budget=len(kinds), last_wave=len(waves))
        self._vm = vm

    @property
    def counts(self) -> dict[str, int]:
        """Return how many edges have to end how."""
        return dict(Counter(self._ends.values()))

    @property
    def waves_sent(self) -> int:
        """Return for how many waves an action was sent so far that reboots."""
        return len({one.process_id for one in self._vm.actions if one.action == "changepartition"})

    def check(self) -> None:
        """Compare the edges with their prediction, and what was sent for each of them."""
        edges = {one["uuid"]: one for one in self._vm.devices if one["host-name"] in self._ends}
        versions = {one["host-name"]: (one["version"], one["defaultVersion"]) for one in edges.values()}
        wanted = {name: (NEW, NEW) if end == "upgraded" else (OLD, OLD) for name, end in self._ends.items()}
        assert versions == wanted, versions.items() ^ wanted.items()
        sent = Counter((edges[one.device]["host-name"], one.action, one.version) for one in self._vm.actions)
        once = Counter((name, *one) for name, end in self._ends.items() for one in _SENT[self._sort(name, end)])
        assert sent == once, (sent - once, once - sent)

    def _sort(self, name: str, end: str) -> str:
        return KINDS[self._failing[name]][0] if end == "failed" else end
