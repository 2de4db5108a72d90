"""Devices that other hands, or their own crashes, move while they are upgraded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.upgrade.packing import unpack
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from tests.client.action_support import Killed, Notes
from tests.upgrade.world import NEW, OLD, World, actions_of, reason_of

NEWER = "17.15.03.0.5555"


def edge(world: World, name: str) -> dict[str, Any]:
    """Return the manager's record of a device."""
    return next(one for one in world.vm.devices if one["host-name"] == name)


def move(world: World, name: str, version: str, other: str) -> None:
    """Let a device run and boot a version, and have another one."""
    edge(world, name).update(
        {"version": version, "current-partition": version, "defaultVersion": version, "availableVersions": [other]}
    )


def sent(world: World, name: str) -> list[tuple[str, str]]:
    """Return the actions that were sent for a device, with their versions."""
    return [(one.action, one.version) for one in world.vm.actions if one.device == edge(world, name)["uuid"]]


def at_first(
    world: World, plan: dict[str, Any], phase: str, change: Callable[[], None], *, is_sent: bool = False
) -> None:
    """Make a change once, when the first wave begins a phase, or has sent the action of it."""
    keep, planned, done = world.keep, parse_plan(plan), []

    def keep_and_change(packed: str) -> None:
        keep(packed)
        state = unpack(packed, planned)
        if (state.wave, state.phase, state.action is not None) == (0, phase, is_sent) and not done:
            done.append(phase)
            change()

    world.keep = keep_and_change  # type: ignore[method-assign]


@pytest.mark.parametrize("options", [{}, {"rollback": True}, {"set_default": False}], ids=str)
def test_device_that_falls_back_while_settling_has_failed(world: World, options: dict[str, bool]) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(2,))
    at_first(world, plan, "settle", lambda: move(world, "edge-1", OLD, NEW))
    outcome = world.upgrade(plan, **options)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded"}
    assert reason_of(outcome, "edge-1") == f"it does not run {NEW} any more, but {OLD}"
    assert [action for action, _ in sent(world, "edge-1")] == ["install", "changepartition"]


def test_device_that_falls_back_before_its_end_has_failed(world: World) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(2,))
    at_first(world, plan, "set_default", lambda: move(world, "edge-1", OLD, NEW), is_sent=True)
    outcome = world.upgrade(plan)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded"}
    assert sent(world, "edge-1")[-1] == ("defaultpartition", NEW)


@pytest.mark.parametrize("skip_blocked", [False, True])
@pytest.mark.parametrize("phase", ["settle", "end_wave"])
def test_device_that_somebody_upgraded_further_is_not_sent(world: World, phase: str, skip_blocked: bool) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(1,))
    at_first(world, plan, phase, lambda: move(world, "edge-2", NEWER, OLD))
    outcome = world.upgrade(plan, skip_blocked=skip_blocked)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "skipped" if skip_blocked else "failed"}
    assert reason_of(outcome, "edge-2") == f"not begun: it runs {NEWER} instead of {OLD}"
    assert sent(world, "edge-2") == []


def test_device_upgraded_further_during_installation_does_not_reboot(world: World) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(2,))
    at_first(world, plan, "activate", lambda: move(world, "edge-2", NEWER, NEW))
    assert actions_of(world.upgrade(plan, max_failures=1)) == {"edge-1": "upgraded", "edge-2": "failed"}
    assert [action for action, _ in sent(world, "edge-2")] == ["install"]


def test_ill_device_that_somebody_upgraded_further_stays_there(world: World) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(1,))
    world.vm.behave("edge-1", loses_colour="biz-internet")
    at_first(world, plan, "set_default", lambda: move(world, "edge-1", NEWER, OLD))
    outcome = world.upgrade(plan, rollback=True, max_failures=1)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded"}
    assert f"; not brought back: it runs {NEWER}" in reason_of(outcome, "edge-1")
    assert ("changepartition", OLD) not in sent(world, "edge-1")


@pytest.mark.parametrize("ill", [False, True])
def test_device_that_somebody_else_upgraded_is_not_taken_back(world: World, ill: bool) -> None:
    world.edges(3)
    plan = world.plan(wave_sizes=(1,), devices=["edge-1", "edge-2"])

    def upgrade_by_hand() -> None:
        move(world, "edge-2", NEW, OLD)
        if ill:  # it loses its sessions to a device outside the upgrade
            edge(world, "edge-3")["reachability"] = "unreachable"

    at_first(world, plan, "end_wave", upgrade_by_hand)
    outcome = world.upgrade(plan, max_failures=1, rollback=True)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "failed" if ill else "unchanged"}
    assert sent(world, "edge-2") == []


def test_found_device_that_falls_back_is_upgraded_by_us(world: World) -> None:
    world.edges(2)
    plan = world.plan(wave_sizes=(1,))
    move(world, "edge-2", NEW, OLD)
    at_first(world, plan, "settle", lambda: move(world, "edge-2", OLD, NEW))
    outcome = world.upgrade(plan)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "upgraded"}
    assert [action for action, _ in sent(world, "edge-2")] == ["changepartition", "defaultpartition"]


def test_device_that_fell_back_is_not_sent_again(world: World) -> None:
    """The note of the default has replaced the one of the activation by then."""
    world.edges(2)
    plan, notes = world.plan(wave_sizes=(2,)), Notes()
    at_first(world, plan, "set_default", die, is_sent=True)
    with pytest.raises(Killed):
        world.upgrade(plan, notes=notes)
    world.clock.sleep(3600)
    move(world, "edge-1", OLD, NEW)
    outcome = world.upgrade(plan, notes=notes, from_kept=True)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded"}
    assert reason_of(outcome, "edge-1") == f"it does not run {NEW} any more, but {OLD}"
    assert [action for action, _ in sent(world, "edge-1")].count("changepartition") == 1


def die() -> None:
    """Kill the process."""
    raise Killed
