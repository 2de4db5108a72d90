"""What the waits of an upgrade of a thousand devices cost the triggerer: ``make fleet``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.health import CHECKS
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.client.upgrade.fleet_health import inventories_for, read_health
from airflow_provider_vmanage.client.upgrade.settling import Settling
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.serving import connection_json
from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger
from airflow_provider_vmanage.triggers.upgrade import DeviceHealthTrigger
from tests.upgrade.world import NEW, add_edges

DEVICES = 1000
MOST_KB = 30_000


def task_trigger(session: ManagerSession, names: list[str]) -> DeviceTaskTrigger:
    """Activate all devices in one task, and return the wait for it."""
    action = SoftwareUpgrade(session).submit(ActionRequest(ActionKind.ACTIVATE), names, [NEW], max_devices=len(names))
    return DeviceTaskTrigger(process_ids=action.running_ids, poll_interval=2)


def health_trigger(session: ManagerSession, addresses: list[str]) -> DeviceHealthTrigger:
    """Return the wait until all devices have been healthy for ten seconds."""
    inventories = inventories_for(["vedge"], CHECKS)
    health = read_health(session, inventories).devices
    settling = Settling(
        {f"id-{one}": one for one in addresses},
        {f"id-{one}": health[one] for one in addresses},
        failed={},
        checks=CHECKS,
        stable_for=10.0,
        deadline=time.time() + 300,
        inventories=inventories,
    )
    return DeviceHealthTrigger(settling=settling.packed(), poll_interval=2)


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_waits_for_a_thousand_devices_add_30_mb_at_most() -> None:
    with Simulator(seconds_per_minute=2.0) as vm:
        names = list(add_edges(vm, DEVICES, availableVersions=[NEW]))
        addresses = [str(one["system-ip"]) for one in vm.devices if one["host-name"] in names]
        settings = ManagerSettings(vm.url, username=vm.username, password=vm.password, ca_bundle=vm.ca_bundle)
        environment = {**os.environ, "AIRFLOW_CONN_VMANAGE_DEFAULT": connection_json(vm)}
        command = [sys.executable, str(Path(__file__).with_name("triggerer_memory.py"))]
        with (
            ManagerSession(settings) as session,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
            ) as triggerer,
        ):
            grown = [run(triggerer, task_trigger(session, names))]
            grown.append(run(triggerer, health_trigger(session, addresses)))
            triggerer.communicate()
    print(f"KB that the triggerer needs more for a task of {DEVICES} devices, then also for their health: {grown}")  # noqa: T201
    assert all(0 < one <= MOST_KB for one in grown)


def run(triggerer: Any, trigger: Any) -> int:
    """Let the process run the trigger to its event; return by how many KB its memory has grown."""
    triggerer.stdin.write(json.dumps(trigger.serialize()) + "\n")
    triggerer.stdin.flush()
    lines = iter(triggerer.stdout.readline, "")  # with those that it logs
    status, kilobytes = next(line.split()[1:] for line in lines if line.startswith("ended: "))
    assert status == "success"
    return int(kilobytes)
