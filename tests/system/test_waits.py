"""Thirty deferred waits and a watcher under real Airflow, through everything a bad night brings: ``make test-live``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to
from scripts.standalone import Standalone

pytestmark = [pytest.mark.live, pytest.mark.timeout(590)]

LIST = "/dataservice/device/action/software"
WAITS, WATCHER = "many_waits", "started_by_image"
INTERVAL = {"a": 3.0, "b": 10.0}  # the shortest wanted on each: a has the watcher


def lists(vm: Simulator) -> int:
    return sum(request.path == LIST for request in vm.requests)


@pytest.fixture(scope="module")
def managers() -> Iterator[dict[str, Simulator]]:
    with Simulator() as a, Simulator() as b:
        yield {"a": a, "b": b}


@pytest.fixture(scope="module")
def airflow(managers: dict[str, Simulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    connections = {f"vmanage_{name}": connection_to(vm) for name, vm in managers.items()}
    with Standalone(tmp_path_factory.mktemp("airflow"), connections) as running:
        yield running
    # The triggerer has ended by now, and logged out.
    assert {name: vm.counters.open_sessions for name, vm in managers.items()} == {"a": 0, "b": 0}


def states(airflow: Standalone, run: str) -> list[str]:
    found = airflow.call("GET", f"dags/{WAITS}/dagRuns/{run}/taskInstances?limit=100")
    return [task["state"] for task in found["task_instances"]]


def started(airflow: Standalone) -> list[str]:
    """The images that the watcher's runs were started by, once all its runs have ended well."""
    runs = airflow.call("GET", f"dags/{WATCHER}/dagRuns?limit=100")["dag_runs"]
    if any(run["state"] != "success" for run in runs):
        return ["not ended yet"]
    return sorted(name for run in runs for name in airflow.result(WATCHER, run["dag_run_id"], "names"))


def polls(airflow: Standalone, vm: Simulator, count: int) -> None:
    before = lists(vm)
    airflow.wait(lambda: lists(vm) >= before + count, 120, f"{count} polls at {vm.url}")


def test_thirty_waits_and_a_watcher_survive_a_bad_night(
    airflow: Standalone, managers: dict[str, Simulator], record_property: Callable[[str, Any], None]
) -> None:
    a, b = managers["a"], managers["b"]
    airflow.unpause(WATCHER)
    run = airflow.start_run(WAITS)
    airflow.wait(lambda: states(airflow, run) == ["deferred"] * 30, 240, "30 deferred waits")
    polls(airflow, a, 2)
    polls(airflow, b, 1)

    # One session and one call per interval for all of them.
    before, begun = {name: lists(vm) for name, vm in managers.items()}, time.monotonic()
    polls(airflow, b, 2)
    seconds = time.monotonic() - begun
    for name, vm in managers.items():
        assert vm.counters.open_sessions == 1
        assert lists(vm) - before[name] <= seconds / INTERVAL[name] + 1

    # An image starts one run; the triggerer is killed, another image comes, and starts one run of the next triggerer.
    a.add_image("first.bin", version="99.1.1")
    airflow.wait(lambda: started(airflow) == ["first.bin"], 120, "run for the first image")
    polls(airflow, a, 4)  # the event is handed over, and noted as seen
    airflow.kill("triggerer")
    a.add_image("second.bin", version="99.1.2")
    for vm in managers.values():
        vm.expire_sessions()  # those of the dead triggerer too: it could not log out
    airflow.start("triggerer")
    airflow.wait(lambda: started(airflow) == ["first.bin", "second.bin"], 180, "run for the second image")

    # One manager stops and starts again, sessions die, and then the images are there.
    b.stop()
    polls(airflow, a, 4)
    b.start()
    for vm in managers.values():
        vm.expire_sessions()
    assert states(airflow, run) == ["deferred"] * 30
    for number in range(30):
        (a, b)[number % 2].add_image(f"{number}.bin", version=f"20.{number}.1")
    airflow.wait(lambda: set(states(airflow, run)) == {"success"}, 240, "30 finished waits")
    polls(airflow, a, 3)
    assert started(airflow) == ["first.bin", "second.bin"]
    record_property("logins", {name: vm.counters.logins for name, vm in managers.items()})
