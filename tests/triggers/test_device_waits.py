"""Many deferred actions on one manager: one session, and one request per question and interval."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target, partition_body, process_id_of
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger, DeviceVersionTrigger
from tests.triggers.event_loop import first_event

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"
COUNT = 200


def begin_activations(vm: Simulator, count: int) -> dict[str, str]:
    """Begin a task for each of so many devices; return the uuids by process id."""
    begun = {}
    with VManageHook() as hook:
        for number in range(count):
            device = vm.add_device(f"edge-{number}", "vedge", OLD, availableVersions=[NEW])
            target = Target(device["uuid"], device["local-system-ip"], NEW)
            body = partition_body(ActionKind.ACTIVATE, [target], device_type="vedge")
            begun[process_id_of(hook.request("POST", ActionKind.ACTIVATE.path, json=body).body)] = device["uuid"]
    return begun


async def all_events(triggers: list[Any]) -> list[Any]:
    return await asyncio.gather(*map(first_event, triggers))


def test_200_deferred_actions_share_one_session(vm: Simulator) -> None:
    begun = begin_activations(vm, COUNT)
    seen, logins = len(vm.requests), vm.counters.logins
    tasks = [DeviceTaskTrigger(process_ids=[one], poll_interval=0.2) for one in begun]
    events = asyncio.run(all_events(tasks))
    assert [event["status"] for event in events] == ["success"] * COUNT
    assert (vm.counters.logins - logins, vm.counters.open_sessions) == (1, 0)
    polled = Counter(one.path.rpartition("/")[2] for one in vm.requests[seen:] if "/action/" in one.path)
    assert polled == dict.fromkeys(begun, 3)  # a task of the simulator ends at its third poll


def test_200_deferred_actions_share_one_list(vm: Simulator) -> None:
    uuids = [vm.add_device(f"edge-{number}", "vedge", NEW)["uuid"] for number in range(COUNT)]
    seen, logins = len(vm.requests), vm.counters.logins
    waits = [DeviceVersionTrigger(device_ids={uuid: NEW}, poll_interval=1) for uuid in uuids]
    events = asyncio.run(all_events(waits))
    assert [event["status"] for event in events] == ["success"] * COUNT
    assert (vm.counters.logins - logins, vm.counters.open_sessions) == (1, 0)
    # One, or two where some joined only after the first.
    assert sum("/install/devices/" in one.path for one in vm.requests[seen:]) in (1, 2)
