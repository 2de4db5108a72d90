"""How long devices may take to settle, also where their health could not be read, and whom an ill one excuses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.notes import NoNotes
from airflow_provider_vmanage.client.errors import VManageUnavailableError
from airflow_provider_vmanage.client.health import CHECKS, DeviceHealth, FleetHealth
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import open_upgrade
from airflow_provider_vmanage.client.upgrade.packing import unpack
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
from airflow_provider_vmanage.client.upgrade.settling import Settling
from airflow_provider_vmanage.waiting.health_wait import HealthWait, verdicts_of
from airflow_provider_vmanage.waiting.pace import Pace, Patience
from tests.upgrade.world import World, actions_of

IP, STABLE_S = "10.0.0.1", 0.1


@pytest.mark.parametrize("is_healthy", [True, False])
def test_outage_over_the_deadline_fails_only_ill_devices(world: World, is_healthy: bool) -> None:
    world.edges(2)
    plan, policy, session = parse_plan(world.plan(wave_sizes=(2,))), world.policy(), world.connect()
    state = open_upgrade(session, plan, policy)
    edge = next(one for one in world.vm.devices if one["host-name"] == "edge-1")

    def fall_ill(state: UpgradeState) -> None:
        if state.phase == "settle":
            edge["reachability"] = "unreachable"

    steps = FleetUpgrade(session, NoNotes(), plan, policy, keep=fall_ill)
    while (state := steps.advance(state)).waits_for != "health":
        session.sleep(steps.seconds_to_wait(state))
    world.vm.stop()
    state = steps.advance(state)
    assert state.unavailable_since is not None
    session.sleep(2 * policy.settle_timeout)
    edge["reachability"] = "reachable" if is_healthy else "unreachable"
    world.vm.start()
    state = steps.run(state)
    assert [state.of(row).action for row in plan.rows] == ["upgraded" if is_healthy else "failed", "upgraded"]


def test_device_may_take_its_whole_time_to_settle(world: World) -> None:
    world.edges(1)
    plan, session = world.plan(), world.connect()
    edge = next(one for one in world.vm.devices if one["host-name"] == "edge-1")
    begun: list[float] = []

    def fall_ill(packed: str) -> None:
        if unpack(packed, parse_plan(plan)).phase == "settle":
            begun.append(world.clock())
            edge["reachability"] = "unreachable"

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if begun and world.clock() >= begun[0] + 600:
            edge["reachability"] = "reachable"

    world.keep, session.sleep = fall_ill, sleep  # type: ignore[method-assign]
    assert actions_of(world.upgrade(plan, session=session)) == {"edge-1": "upgraded"}
    assert begun


@pytest.mark.parametrize("error", [None, VManageUnavailableError("restarting")], ids=["new triggerer", "outage"])
@pytest.mark.parametrize("is_healthy", [True, False])
def test_trigger_that_reads_late_gives_devices_time(error: VManageUnavailableError | None, is_healthy: bool) -> None:
    good = DeviceHealth(reachable=True)
    found = FleetHealth({IP: replace(good, reachable=is_healthy)})

    async def verdict() -> Any:
        late = Settling(
            {"one": IP},
            {"one": good},
            failed={},
            checks=CHECKS,
            stable_for=STABLE_S,
            deadline=time.time() - 9.0,
        )
        wait = HealthWait(late, Pace(30.0), Patience(time.time() + 30))
        assert wait.prepare
        if error:
            wait.take(error)
        wait.take(wait.prepare(found))
        assert not wait.outcome.done()
        await asyncio.sleep(STABLE_S)
        wait.take(wait.prepare(found))
        return (verdicts_of({"waits": [wait.outcome.result()]}) or {})["one"]

    assert asyncio.run(verdict()).is_good == is_healthy


def test_ill_device_excuses_its_peer_whatever_its_last_values() -> None:
    """Its list of transports is an old one: it has lost its control connections, and its peer a session of each."""
    good = DeviceHealth(reachable=True, control=2, bfd_up=4, colours={"mpls": 2, "lte": 2})
    found = {IP: replace(good, control=0), "10.0.0.2": replace(good, bfd_up=2, colours={"mpls": 1, "lte": 1})}
    addresses = {"ill": IP, "peer": "10.0.0.2"}
    settling = Settling(
        addresses, dict.fromkeys(addresses, good), failed={}, checks=CHECKS, stable_for=0.0, deadline=0.0
    )
    verdicts = settling.take(FleetHealth(found), 1.0) or {}
    assert {one: verdict.is_good for one, verdict in verdicts.items()} == {"ill": False, "peer": True}


def test_trigger_takes_an_empty_list_for_no_reading() -> None:
    good = DeviceHealth(reachable=True, control=2)

    async def seen() -> Any:
        settling = Settling(
            {"one": IP}, {"one": good}, failed={}, checks=CHECKS, stable_for=STABLE_S, deadline=time.time() + 9.0
        )
        wait = HealthWait(settling, Pace(30.0), Patience(time.time() + 30))
        assert wait.prepare
        wait.take(wait.prepare(FleetHealth({IP: replace(good, control=None)})))
        assert not wait.outcome.done()
        assert "lists nothing" in wait.last_state
        return settling.good_since

    assert asyncio.run(seen()) == {}
