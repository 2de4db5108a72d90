"""How long one wait for many devices holds up the event loop of a triggerer: a task of 500, the health of 1,000.

The simulator runs in another process. A task that sleeps for 5 ms, again and again, measures how late it wakes. A full
garbage collection of Python stops the loop, too, for as long as all objects of the process take; these are named apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_vmanage.client.session import ManagerSession

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"
BEAT_S = 0.005
GOAL_MS = 50.0

_MANAGER = f"""
import sys
from airflow_provider_vmanage.simulator import Simulator
with Simulator(seconds_per_minute=1.0) as vm:
    for number in range(int(sys.argv[1])):
        vm.add_device(f"edge-{{number}}", "vedge", "{OLD}", site_id=str(number), availableVersions=["{NEW}"])
    print(vm.url, vm.username, vm.password, vm.ca_bundle, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def manager(devices: int) -> Iterator[ManagerSession]:
    """Start a manager with so many edges, make it the default connection, and log in."""
    from airflow_provider_vmanage.client.session import ManagerSession
    from airflow_provider_vmanage.client.settings import ManagerSettings

    command = [sys.executable, "-c", _MANAGER, str(devices)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        lines = (line.split() for line in iter(process.stdout.readline, ""))  # type: ignore[union-attr]
        url, user, password, ca_bundle = next(words for words in lines if words and words[0].startswith("https://"))
        connection = {"conn_type": "vmanage", "host": url, "login": user, "password": password}
        os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = json.dumps({**connection, "extra": {"ca_bundle": ca_bundle}})
        with ManagerSession(ManagerSettings(url, username=user, password=password, ca_bundle=ca_bundle)) as session:
            yield session
        process.communicate()


def task_trigger(session: ManagerSession, devices: int) -> BaseTrigger:
    """Activate all devices in one task, and return the trigger that waits for it."""
    from airflow_provider_vmanage.client.device_actions.actions import ActionKind
    from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
    from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
    from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger

    names = [f"edge-{number}" for number in range(devices)]
    state = SoftwareUpgrade(session).submit(ActionRequest(ActionKind.ACTIVATE), names, [NEW], max_devices=devices)
    return DeviceTaskTrigger(process_ids=state.running_ids, poll_interval=0.5)


def health_trigger(session: ManagerSession, devices: int) -> BaseTrigger:
    """Return the trigger that waits until all devices have been as healthy as now for ten seconds."""
    from airflow_provider_vmanage.client.health import CHECKS
    from airflow_provider_vmanage.client.upgrade.fleet_health import read_health
    from airflow_provider_vmanage.client.upgrade.settling import Settling
    from airflow_provider_vmanage.triggers.upgrade import DeviceHealthTrigger

    health = read_health(session).devices
    wave = {f"id-{number}": address for number, address in enumerate(list(health)[-devices:])}
    settling = Settling(
        wave,
        {device_id: health[address] for device_id, address in wave.items()},
        failed={},
        checks=CHECKS,
        stable_for=10.0,
        deadline=time.time() + 60,
    )
    return DeviceHealthTrigger(settling=settling.packed(), poll_interval=1.0)


@contextlib.contextmanager
def full_collections() -> Iterator[list[float]]:
    """Return the seconds of each full garbage collection within the block."""
    seconds: list[float] = []
    began = [0.0]

    def note(phase: str, info: dict[str, int]) -> None:
        if info["generation"] == 2 and phase == "start":
            began[0] = time.monotonic()
        elif info["generation"] == 2:
            seconds.append(time.monotonic() - began[0])

    gc.callbacks.append(note)
    try:
        yield seconds
    finally:
        gc.callbacks.remove(note)


async def measure(name: str, trigger: BaseTrigger) -> None:
    """Run the trigger to its event and print the worst delays of the loop."""
    delays: list[float] = []

    async def beat() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(BEAT_S)
            delays.append(time.monotonic() - began - BEAT_S)

    beats = asyncio.ensure_future(beat())
    await asyncio.sleep(2)
    idle = max(delays)
    delays.clear()
    cpu = time.process_time()
    with full_collections() as collections:
        async for event in trigger.run():
            print(f"{name}: {event.payload['status']}")
    cpu = time.process_time() - cpu
    beats.cancel()
    worst = sorted(delays)[-3:]
    shown = ", ".join(f"{1000 * one:.1f}" for one in reversed(worst))
    print(
        f"  worst delays of the loop: {shown} ms of {len(delays)} beats (idle: {1000 * idle:.1f} ms); CPU {cpu:.2f} s"
    )
    print(f"  full garbage collections: {', '.join(f'{1000 * one:.1f} ms' for one in collections) or 'none'}")
    if worst[-1] * 1000 > GOAL_MS:
        print(f"  more than the {GOAL_MS:.0f} ms that we want")


def main() -> None:
    """Measure both waits."""
    with manager(500) as session:
        asyncio.run(measure("a task of 500 devices", task_trigger(session, 500)))
    with manager(1000) as session:
        asyncio.run(measure("the health of 1,000 devices in one wave", health_trigger(session, 1000)))


if __name__ == "__main__":
    main()
