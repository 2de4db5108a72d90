"""A deferred wait for healthy devices, in a real event loop over TLS."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from airflow_provider_vmanage.client.health import CHECKS, FleetHealth
from airflow_provider_vmanage.client.upgrade.fleet_health import read_health
from airflow_provider_vmanage.client.upgrade.settling import Settling
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.waiting.health_wait import HealthWait
from airflow_provider_vmanage.waiting.pace import Pace, Patience
from airflow_provider_vmanage.waiting.poll import poll_of


class Watched(Settling):
    """Notes the thread that compares."""

    threads: list[threading.Thread]

    def take(self, fleet: FleetHealth, now: float) -> Any:
        self.threads.append(threading.current_thread())
        return super().take(fleet, now)


def test_health_is_compared_outside_of_the_event_loop(vm: Simulator) -> None:
    edge = vm.add_device("edge-1", "vedge", "17.09.04.0.4733")
    with VManageHook() as hook:
        before = read_health(hook.get_conn()).devices[edge["system-ip"]]
    wave = {edge["uuid"]: edge["system-ip"]}
    settling = Watched(wave, {edge["uuid"]: before}, failed={}, checks=CHECKS, stable_for=0.1, deadline=2e9)
    settling.threads = []

    async def scenario() -> Any:
        wait, poll = HealthWait(settling, Pace(0.1), Patience()), poll_of("vmanage_default")
        poll.join(wait)
        try:
            return await wait.end()
        finally:
            await poll.leave(wait)

    event = asyncio.run(scenario())
    assert event["verdicts"] == {edge["uuid"]: {"is_good": True, "reason": "", "findings": []}}
    assert len(settling.threads) >= 2
    assert threading.main_thread() not in settling.threads
    assert vm.counters.open_sessions == 0
