"""The text of an upgrade between its steps: whole, and short enough for every database."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.notes import NoNotes
from airflow_provider_vmanage.client.upgrade.fleet_health import read_health
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import open_upgrade
from airflow_provider_vmanage.client.upgrade.packing import pack, unpack
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.client.upgrade.settling import Settling
from tests.upgrade.world import World

#: characters of a trigger's arguments that fit into 64 KiB once Airflow has encrypted them
MOST = 48 * 1024


def waits_of(world: World, plan: dict[str, Any]) -> dict[str, int]:
    """Return the longest text of each kind of wait; each text is read back."""
    session, planned, policy = world.connect(), parse_plan(plan), world.policy()
    steps = FleetUpgrade(session, NoNotes(), planned, policy)
    state = open_upgrade(session, planned, policy)
    longest: dict[str, int] = {}
    while not (state := steps.advance(state)).has_ended:
        text = pack(state, planned)
        assert unpack(text, planned) == state
        if state.waits_for == "health":
            settling = steps.steps.settling(state)
            text += settling.packed()
            again, health = Settling.unpacked(settling.packed()), read_health(session)
            assert again.take(health, world.clock()) == settling.take(health, world.clock())
            assert again.packed() == settling.packed()
        longest[state.waits_for] = max(longest.get(state.waits_for, 0), len(text))
        session.sleep(steps.seconds_to_wait(state))
    return longest


def test_text_of_an_upgrade_is_the_whole_state(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-2", stays_down=600.0)
    assert set(waits_of(world, world.plan(wave_sizes=(1, 2)))) == {"tasks", "versions", "health"}


def test_text_of_four_hundred_devices_in_one_wave_is_short(world: World) -> None:
    world.edges(400)
    assert max(waits_of(world, world.plan(wave_sizes=(400,))).values()) < MOST


def test_text_of_another_plan_is_refused(world: World) -> None:
    world.edges(2)
    plan, other = parse_plan(world.plan(wave_sizes=(1,))), parse_plan(world.plan(wave_sizes=(2,)))
    state = open_upgrade(world.connect(), plan, world.policy())
    with pytest.raises(ValueError, match="the state is of the plan"):
        unpack(pack(state, plan), other)
