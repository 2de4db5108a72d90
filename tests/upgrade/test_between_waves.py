"""An upgrade between its waves: a refusal there, and a wave in which nothing is to be done."""

from __future__ import annotations

import pytest

from airflow_provider_vmanage.client.device_actions.notes import NoNotes
from airflow_provider_vmanage.client.errors import VManageRejectedError
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import open_upgrade
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from tests.upgrade.world import World, actions_of


@pytest.mark.parametrize("phase", ["wave", "pause", "end_wave"])
def test_stop_between_waves_fails_no_device(world: World, phase: str) -> None:
    world.edges(2)
    session, policy, plan = world.connect(), world.policy(), parse_plan(world.plan())
    state = open_upgrade(session, plan, policy).go(phase)
    ended = FleetUpgrade(session, NoNotes(), plan, policy).stop(state, VManageRejectedError("a role is missing"))
    assert [ended.of(row).action for row in plan.rows] == ["skipped", "skipped"]
    assert ended.has_ended


def test_wave_that_is_empty_ends_at_once(world: World) -> None:
    """As in a plan from which a person has taken devices."""
    world.edges(1)
    plan = world.plan()
    outcome = world.upgrade({**plan, "waves": [[], *plan["waves"]]})
    assert actions_of(outcome) == {"edge-1": "upgraded"}
    assert [bool(wave["ended_at"]) for wave in outcome.waves()] == [True, True]
