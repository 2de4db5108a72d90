"""What an upgrade says at its end: a row for each device, a row for each wave, one error."""

from __future__ import annotations

import pytest

from airflow_provider_vmanage.client.device_actions.notes import NoNotes
from airflow_provider_vmanage.client.errors import VManagePartialError
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import open_upgrade
from airflow_provider_vmanage.client.upgrade.packing import unpack
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from tests.upgrade.world import NEW, OLD, World


def test_row_of_a_device_has_these_fields(world: World) -> None:
    world.edges(1)
    (row,) = world.upgrade(world.plan()).rows()
    (edge,) = [one for one in world.vm.devices if one["device-type"] == "vedge"]
    times = (row.pop("started_at"), row.pop("ended_at"))
    assert times == tuple(sorted(times))
    assert row == {
        "device": "edge-1",
        "device_id": edge["uuid"],
        "system_ip": edge["system-ip"],
        "site_id": "100",
        "role": "vedge",
        "platform_family": "vedge-x86",
        "action": "upgraded",
        "changed": True,
        "from_version": OLD,
        "version": NEW,
        "running": NEW,
        "default": NEW,
        "available": [OLD],
        "reachable": True,
        "reason": None,
        "activity": row["activity"],
        "process_id": row["process_id"],
        "wave": 1,
        "applied": True,
    }
    assert row["process_id"] in {one.process_id for one in world.vm.actions if one.action == "changepartition"}


def test_row_of_a_wave_has_these_fields(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-1", fails_at="activation")
    outcome = world.upgrade(world.plan(wave_sizes=(1, 2)))
    begun, never = outcome.waves()
    assert begun["started_at"] < begun["ended_at"]
    kept = {name: begun[name] for name in ("wave", "role", "devices", "counts")}
    assert kept == {"wave": 1, "role": "vedge", "devices": 1, "counts": {"failed": 1}}
    assert never == {
        "wave": 2,
        "role": "vedge",
        "devices": 2,
        "started_at": None,
        "ended_at": None,
        "counts": {"skipped": 2},
    }


@pytest.mark.parametrize(("count", "more"), [(10, ""), (12, "; and 2 more")])
def test_error_names_ten_devices_and_how_many_more(world: World, count: int, more: str) -> None:
    names = world.edges(count)
    for name in names:
        world.vm.behave(name, fails_at="activation")
    outcome = world.upgrade(world.plan(wave_sizes=(count,)))
    with pytest.raises(VManagePartialError) as caught:
        outcome.raise_unless_done()
    begin, _, shown = caught.value.message.partition(": ")
    assert begin.startswith(f"{count} of {count} devices failed, 0 were not upgraded")
    assert shown.count(": the activation failed") == 10
    assert shown.endswith(more)
    assert ("; and" in shown) is bool(more)


def test_retry_goes_on_with_the_pause(world: World) -> None:
    world.edges(3)
    plan = world.plan(wave_sizes=(1,))
    planned, policy, session = parse_plan(plan), world.policy(pause=3600.0), world.connect()
    steps = FleetUpgrade(session, NoNotes(), planned, policy)
    state = open_upgrade(session, planned, policy)
    while state.phase != "pause":
        state = steps.advance(state)
        session.sleep(steps.seconds_to_wait(state) if state.phase != "pause" else 0.0)
    again = open_upgrade(session, planned, policy, kept=state)
    assert (again.phase, again.until, again.wave) == ("pause", state.until, 1)
    assert FleetUpgrade(session, NoNotes(), planned, policy).advance(again).waits_for == "time"


def test_retry_goes_on_in_the_wave_under_way(world: World) -> None:
    world.edges(3)
    plan = world.plan(wave_sizes=(1,))
    world.upgrade(plan)
    planned = parse_plan(plan)
    states = [unpack(packed, planned) for packed in world.kept]
    second = next(state for state in states if state.wave == 1 and not state.has_ended)
    assert open_upgrade(world.connect(), planned, world.policy(), kept=second).wave == 1
