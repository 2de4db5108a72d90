"""Healthy devices whose time to settle has passed while their health could not be read."""

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
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
from airflow_provider_vmanage.client.upgrade.settling import Settling
from airflow_provider_vmanage.waiting.health_wait import HealthWait, verdicts_of
from airflow_provider_vmanage.waiting.pace import Pace, Patience
from tests.upgrade.world import World

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
