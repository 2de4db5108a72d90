"""An independent prediction of how an upgrade of a fleet ends: a few sums, without anything of the client.

Edges are upgraded site by site (numbers as numbers, then names), one of a site in a wave. Before a wave begins, and
again before anything reboots, the failures so far are compared with the budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

#: how a device can fail, and in which step that shows
KINDS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "download fails": ("install", {"fails_at": "download"}),
    "task skips it": ("install", {"ends_as": "Skipped"}),
    "manager lies": ("install", {"lies": True}),
    "activation fails": ("activate", {"fails_at": "activation"}),
    "loses a colour": ("health", {"loses_colour": "biz-internet"}),
}


def waves_of(sites: Mapping[str, int], size: int) -> list[list[str]]:
    """Return the names of each wave: the first of every site that is left, in order, until the wave is full."""
    left, waves = sorted(sites, key=lambda name: (sites[name], name)), []
    while left:
        first = list({sites[name]: name for name in reversed(left)}.values())
        wave = sorted(first, key=left.index)[:size]
        waves.append(wave)
        left = [name for name in left if name not in wave]
    return waves


def predict(
    waves: Sequence[Sequence[str]], failing: Mapping[str, str], *, budget: int, last_wave: int
) -> tuple[dict[str, str], str | None, int]:
    """Return how each device ends, why the upgrade stops, and how many waves begin.

    :param failing: the kind of failure, by name.
    :param budget: failures that are allowed.
    :param last_wave: number of waves that fit into the window.
    """
    ends: dict[str, str] = {}
    failures, stopped, begun = 0, None, 0
    for wave in waves:
        if stopped is None and failures > budget:
            stopped = "failures"
        if stopped is None and begun == last_wave:
            stopped = "window"
        if stopped is not None:
            ends.update(dict.fromkeys(wave, "skipped"))
            continue
        begun += 1
        step = {name: KINDS[failing[name]][0] if name in failing else "" for name in wave}
        count = Counter(step.values())
        if failures + count["install"] > budget:
            failures, stopped = failures + count["install"], "failures"
            ends.update({name: "failed" if step[name] == "install" else "installed" for name in wave})
            continue
        failures += len(wave) - count[""]
        words = {"": "upgraded", "health": "rolled_back"}
        ends.update({name: words.get(step[name], "failed") for name in wave})
    if stopped is None and failures > budget:
        stopped = "failures"
    return ends, stopped, begun
