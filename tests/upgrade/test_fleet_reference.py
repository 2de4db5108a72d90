"""Upgrades of whole fleets, compared device by device with an independent prediction."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import pytest

from airflow_provider_vmanage.client.upgrade.outcome import UpgradeOutcome
from tests.upgrade.reference import KINDS, predict, waves_of
from tests.upgrade.world import World

#: minutes of a window that holds seven waves of at most 54 minutes with pauses of six hours, and no eighth
LAST_WAVE, PAUSE_S, WINDOW, WAVE_MINUTES = 7, 6 * 3600.0, 2604.0, 60.0

SEEDS = range(1, int(os.environ.get("FLEET_SEEDS", "20")) + 1)


@dataclass(frozen=True)
class Fleet:
    """Edges on sites; of each kind of failure as many.

    :param failing: edges that fail.
    """

    edges: int
    sites: int
    size: int
    failing: int


class FleetRun:
    """One upgrade of a fleet, its prediction, and what it took.

    :param seed: which edges fail and how; with an odd one the budget may end the upgrade before the window does.
    """

    def __init__(self, world: World, fleet: Fleet, seed: int) -> None:
        chosen = random.Random(seed)
        self.names = world.edges(fleet.edges, sites=fleet.sites)
        site_of = {one["host-name"]: int(one["site-id"]) for one in world.vm.devices if "edge" in one["host-name"]}
        kinds = [list(KINDS)[number % len(KINDS)] for number in range(fleet.failing)]
        self.failing = dict(zip(chosen.sample(self.names, fleet.failing), kinds, strict=True))
        budget = chosen.randrange(fleet.failing) if seed % 2 else fleet.failing
        for name, kind in self.failing.items():
            world.vm.behave(name, **KINDS[kind][1])
        self.plan = world.plan(wave_sizes=(fleet.size,))
        self.predicted = predict(waves_of(site_of, fleet.size), self.failing, budget=budget, last_wave=LAST_WAVE)
        self.bursts: list[int] = []
        self.seconds = 0.0
        self._count_requests(world)
        cpu = time.process_time()
        self.outcome: UpgradeOutcome = world.upgrade(
            self.plan,
            is_deferred=True,
            max_failures=budget,
            rollback=True,
            pause=PAUSE_S,
            window=WINDOW,
            wave_minutes=WAVE_MINUTES,
        )
        self.cpu = time.process_time() - cpu
        self.site_of = {one["uuid"]: one["site-id"] for one in world.vm.devices}

    def _count_requests(self, world: World) -> None:
        """Note the requests between two waits, and the time that passes outside of pauses."""
        sleep, seen = world.clock.sleep, [world.vm.counters.requests]

        def counted(seconds: float) -> None:
            now = world.vm.counters.requests
            self.bursts.append(now - seen[0])
            seen[0] = now
            self.seconds += seconds if seconds < PAUSE_S / 2 else 0.0
            sleep(seconds)

        world.clock.sleep = counted  # type: ignore[method-assign]

    def ends(self) -> tuple[dict[str, str], str | None, int]:
        """Return how each device has ended, why the upgrade has stopped, and how many waves have begun."""
        rows = {row["device"]: row["action"] for row in self.outcome.rows()}
        return rows, self.outcome.state.stopped_because, len(self.outcome.state.waves)


def check(world: World, fleet: Fleet, seed: int) -> FleetRun:
    """Run one upgrade and compare it with its prediction."""
    run = FleetRun(world, fleet, seed)
    ends, predicted = run.ends(), run.predicted
    assert (Counter(ends[0].values()), *ends[1:]) == (Counter(predicted[0].values()), *predicted[1:])
    assert ends[0] == predicted[0]
    assert set(world.posts().values()) == {1}
    assert not shared_sites(world, run.site_of)
    assert max(len(json.dumps(row)) for row in run.outcome.rows()) <= 800
    assert len(json.dumps(run.plan)) <= 800 * fleet.edges
    assert max(map(len, [*world.deferred, *world.kept])) < 64 * 1024
    return run


def shared_sites(world: World, site_of: dict[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of devices of one site on which the manager has worked at the same time."""
    session, spans = world.connect(), defaultdict(list)
    for process_id in {one.process_id for one in world.vm.actions}:
        summary = session.request("GET", f"device/action/status/{process_id}").body["summary"]
        devices = [one.device for one in world.vm.actions if one.process_id == process_id]
        for device in devices:
            spans[site_of[device]].append((int(summary["startTime"]), int(summary["endTime"]), device))
    assert spans
    return [
        (one[2], other[2])
        for times in spans.values()
        for one, other in pairwise(sorted(times))
        if other[0] < one[1] and one[2] != other[2]
    ]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.whole_grid)])
def test_fleet_ends_as_predicted(world: World, seed: int) -> None:
    check(world, Fleet(edges=60, sites=24, size=6, failing=10), seed)


@pytest.mark.fleet
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_thousand_edges_end_as_predicted(world: World, seed: int) -> None:
    run = check(world, Fleet(edges=1000, sites=400, size=100, failing=20), seed)
    total = sum(run.bursts)
    print(  # noqa: T201
        f"seed {seed}: {dict(Counter(run.ends()[0].values()))}, stopped because of {run.ends()[1]} in wave"
        f" {run.ends()[2]}; {total} requests, {total / run.seconds:.3f} a second, {max(run.bursts)} between two waits;"
        f" state {max(map(len, world.deferred))} bytes deferred, {max(map(len, world.kept))} kept;"
        f" row {max(len(json.dumps(row)) for row in run.outcome.rows())} bytes,"
        f" plan {len(json.dumps(run.plan)) // len(run.names)} bytes a device; {run.cpu:.0f} s of CPU with the manager"
    )
    assert total / run.seconds < 5
    assert max(run.bursts) <= 20
