"""An upgrade of a fleet whose worker, triggerer, scheduler and manager die again and again: ``make test-live``."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone
from tests.upgrade.failing_fleet import FailingFleet

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

DAG, TASK = "upgrade_fleet", "upgrade"
KINDS = ("download fails", "task skips it", "activation fails", "loses a colour")
KILLS = {"worker": 3, "triggerer": 3, "scheduler": 2, "manager": 2}

#: seconds between a kill and the search for the next victim, at random
PAUSE_S = (2.0, 18.0)

#: of Airflow, so that it notices a death in seconds rather than minutes
SETTINGS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}


@pytest.fixture
def vm() -> Iterator[Simulator]:
    """A manager whose installations and activations take about 20 seconds each."""
    with Simulator(seconds_per_minute=2.5) as manager:
        yield manager


@pytest.fixture
def airflow(vm: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    home = tmp_path_factory.mktemp("airflow")
    with Standalone(home, {"vmanage_default": connection_to(vm)}, settings=SETTINGS) as running:
        yield running


class Killer:
    """Kills what an upgrade needs, at random moments.

    :param seed: of victims and pauses; what they are doing at that moment differs from run to run.
    """

    def __init__(self, airflow: Standalone, vm: Simulator, run: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.done: list[str] = []
        self._airflow = airflow
        self._vm = vm
        self._run = run

    def kill_all(self, victims: dict[str, int]) -> None:
        """Kill each of the victims as often as it says."""
        order = [victim for victim, times in victims.items() for _ in range(times)]
        self.random.shuffle(order)
        kill: dict[str, Callable[[], None]] = {"worker": self._kill_worker, "manager": self._restart_manager}
        for victim in order:
            time.sleep(self.random.uniform(*PAUSE_S))
            state = self.task()["state"]
            assert state not in ("success", "failed"), f"{state} after {self.done}"
            kill.get(victim, lambda victim=victim: self._kill_part(victim))()
            self.done.append(victim)

    def task(self) -> dict[str, Any]:
        """Return the task instance of the upgrade."""
        return self._airflow.task(DAG, self._run, TASK)

    def _kill_part(self, part: str) -> None:
        self._airflow.kill(part)
        time.sleep(self.random.uniform(0.0, 3.0))
        self._airflow.start(part)

    def _kill_worker(self) -> None:
        """Kill the process of the task, once it has run for a while: it is at work for some seconds only."""

        def dead() -> bool:
            pid = self._running()
            if pid is None:
                return False
            time.sleep(self.random.uniform(0.0, 1.5))
            if self._running() != pid:
                return False
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return False
            return True

        self._airflow.wait(dead, 300, f"worker at work after {self.done}")

    def _running(self) -> int | None:
        task = self.task()
        return task["pid"] if task["state"] == "running" else None

    def _restart_manager(self) -> None:
        self._vm.stop()
        self._vm.expire_sessions()
        time.sleep(self.random.uniform(1.0, 8.0))
        self._vm.start()


def ended(airflow: Standalone, run: str, seconds: float) -> dict[str, Any]:
    def over() -> Any:
        task = airflow.task(DAG, run, TASK)
        return task if task["state"] in ("success", "failed") else None

    task: dict[str, Any] = airflow.wait(over, seconds, "end of the upgrade")
    return task


def test_ten_kills_change_no_count_and_repeat_no_action(
    vm: Simulator, airflow: Standalone, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = FailingFleet(vm, edges=56, sites=28, size=8, kinds=KINDS, seed=15)
    began = time.monotonic()
    run = airflow.start_run(DAG, size=8, max_failures=len(KINDS))
    airflow.wait(lambda: vm.actions, 300, "first action")
    killer = Killer(airflow, vm, run, seed=15)
    killer.kill_all(KILLS)
    killed_after = time.monotonic() - began
    task = ended(airflow, run, 900)
    assert Counter(killer.done) == KILLS
    assert task["state"] == "success"
    result = airflow.result(DAG, run, TASK)
    assert (result["counts"], result["stopped_because"]) == (fleet.counts, None)
    fleet.check()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{', '.join(killer.done)}: killed in {killed_after:.0f} s; the upgrade ended after"
            f" {time.monotonic() - began:.0f} s in try {task['try_number']}: {result['counts']}; no action sent twice"
            f" of {len(vm.actions)}\n"
        )
