"""Run by Python of another environment: a maintenance window of one role, as users of vmngclient 0.22.1 lead it."""

from __future__ import annotations

import json
import sys

from vmngclient.api.device_action_api import RebootAction  # type: ignore[import-not-found]
from vmngclient.api.task_status_api import Task  # type: ignore[import-not-found]
from vmngclient.session import create_vManageSession, vManageSession  # type: ignore[import-not-found]
from vmngclient.utils.personality import Personality  # type: ignore[import-not-found]


def window(url: str, username: str, password: str, personality: str, image: str, version: str) -> None:
    host, _, port = url.rpartition(":")
    session = create_vManageSession(host, username, password, port=int(port))
    try:
        devices = session.api.devices.get().filter(personality=Personality(personality))
        software, partition = session.api.software, session.api.partition
        steps = [
            lambda: software.install(devices, image=image),
            lambda: software.activate(devices, version_to_activate=version),
            lambda: partition.set_default_partition(devices),
            lambda: partition.remove_partition(devices),
            lambda: reboot(session, devices[0]),
        ]
        results = [step().wait_for_completed(interval_seconds=1).result for step in steps]
        seen = [[one.hostname, one.is_reachable] for one in devices]
    finally:
        session.close()
    print(json.dumps({"results": results, "devices": seen}))  # noqa: T201


def reboot(session: vManageSession, device: object) -> Task:
    action = RebootAction(session, device)
    action.execute()
    return Task(session, action.action_id)


window(*sys.argv[1:])
