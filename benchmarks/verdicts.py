"""Verdicts side by side: ``make bench-verdicts``. The verdict on a task, by ours and by the clients of others.

Each client waits for a task of a simulated manager over TLS, unmodified and with limits of a few seconds; the peers run
in environments of their own. Ours also reads the devices afterwards.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
OLD, NEW = "20.9.4", "20.12.5"
ACTIVATE = ActionRequest(ActionKind.ACTIVATE)
PEERS = ("catalystwan", "sastre", "viptela")
LIMIT_S = 8.0


@dataclass(frozen=True)
class Situation:
    """What goes wrong.

    :param knobs: of the second of two edges.
    :param options: of the simulator.
    :param right: whether the activation is a success.
    :param on_manager: the manager activates a version of itself.
    """

    right: bool
    knobs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    on_manager: bool = False


SITUATIONS = {
    "all goes well": Situation(True),
    "no rows until the limit": Situation(False, options={"rows_after": 3600.0}),
    "one of two skipped": Situation(False, {"ends_as": "Skipped"}),
    "one of two failed": Situation(False, {"fails_at": "activation"}),
    "one done - scheduled": Situation(False, {"ends_as": "Done - Scheduled"}),
    "one ends as an unknown word": Situation(False, {"ends_as": "Gone fishing"}),
    "failed validation": Situation(False, {"fails_validation": True}),
    "manager restarts meanwhile": Situation(True, options={"restart": (1.0, 1.0)}, on_manager=True),
    "success, version unchanged": Situation(False, {"lies": True}),
}


def main() -> None:
    """Run all situations and print the table."""
    logging.disable(logging.CRITICAL)
    print(f"| {'situation':28} | {'right':8} | {'ours':8} | " + " | ".join(PEERS) + " |")
    print("| --- " * (3 + len(PEERS)) + "|")
    judges = [_ours, *map(_peer, PEERS)]
    with ThreadPoolExecutor(6) as pool:  # they mostly wait
        rows = {
            name: [pool.submit(_with_manager, situation, judge) for judge in judges]
            for name, situation in SITUATIONS.items()
        }
        for name, verdicts in rows.items():
            right = "success" if SITUATIONS[name].right else "failure"
            print(f"| {name:28} | {right:8} | " + " | ".join(one.result() for one in verdicts) + " |", flush=True)


def _with_manager(situation: Situation, judge: Callable[[Simulator, SoftwareUpgrade, ActionState], str]) -> str:
    with Simulator(**situation.options) as vm, ManagerSession(_settings(vm)) as session:
        if situation.on_manager:
            vm.devices[0]["availableVersions"] = [NEW]
            names = [vm.devices[0]["uuid"]]
        else:
            names = ["edge-1", "edge-2"]
            vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
            vm.add_device("edge-2", "vedge", OLD, availableVersions=[NEW], **situation.knobs)
        upgrade = SoftwareUpgrade(session)
        return judge(vm, upgrade, upgrade.submit(ACTIVATE, names, [NEW]))


def _ours(vm: Simulator, upgrade: SoftwareUpgrade, state: ActionState) -> str:
    deadline = time.monotonic() + LIMIT_S
    try:
        state = upgrade.verify(upgrade.wait(state, deadline, 0.2), deadline)
    except VManageError as err:
        return type(err).__name__
    return "failure" if any(work.action == "failed" for work in state.works) else "success"


def _peer(name: str) -> Callable[[Simulator, SoftwareUpgrade, ActionState], str]:
    def judge(vm: Simulator, _: SoftwareUpgrade, state: ActionState) -> str:
        python = ROOT / ".tmp" / name / "bin" / "python"
        script = ROOT / "benchmarks" / "verdicts_peers.py"
        process_id = state.jobs[0].process_id
        command = [str(python), str(script), name, vm.url, vm.username, vm.password, str(vm.ca_bundle), process_id]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return "no verdict: still waiting after 60 s"
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if lines:
            return str(json.loads(lines[-1])["verdict"])
        errors = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception))\b", done.stderr, re.MULTILINE)
        return f"error: {errors[-1] if errors else 'no verdict'}"

    return judge


def _settings(vm: Simulator) -> ManagerSettings:
    return ManagerSettings(base_url=vm.url, username=vm.username, password=vm.password, ca_bundle=vm.ca_bundle)


if __name__ == "__main__":
    sys.exit(main())
