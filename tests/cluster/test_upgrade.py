"""Eight managers' fleets upgraded on a cluster whose worker and triggerer die in mid-wave: ``make test-cluster``."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.airflow_cluster import QUICK_TO_NOTICE, AirflowCluster
from tests.cluster.fleet import Fleet, RateWatch, connections_to, fleet_of
from tests.upgrade.failing_fleet import FailingFleet
from tests.upgrade.reference import KINDS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

DAG, TASK = "upgrade_fleets", "fleet.upgrade"
WORKERS = {"worker-1", "worker-2"}
FAILING = 2

SETTINGS = {
    **QUICK_TO_NOTICE,
    # A message that Redis hands to a worker that dies at that moment is lost: the scheduler sends it again after so
    # many seconds (600 unless set).
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
}


@pytest.fixture(scope="module")
def managers() -> Iterator[Fleet]:
    """Managers whose installations and activations take about 20 seconds each."""
    with fleet_of(8, seconds_per_minute=2.5) as managers:
        yield managers


@pytest.fixture(scope="module")
def airflow(managers: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / "upgrade_fleets.py", dags)
    with AirflowCluster(home, dags, connections_to(managers), SETTINGS) as cluster:
        for worker in sorted(WORKERS):
            cluster.start_worker(worker, concurrency=2)
        yield cluster


def upgrades(airflow: AirflowCluster, run: str) -> list[dict[str, Any]]:
    found = airflow.call("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
    return sorted((one for one in found if one["task_id"] == TASK), key=lambda one: one["map_index"])


def kill_a_worker_in_a_wave(airflow: AirflowCluster, fleets: list[FailingFleet], run: str) -> tuple[str, set[int]]:
    """Kill a worker that runs an upgrade whose first wave is under way; return its name and the upgrades it ran."""

    def run_by(worker: str) -> set[int]:
        running = [one for one in upgrades(airflow, run) if (one["state"], one["hostname"]) == ("running", worker)]
        return {one["map_index"] for one in running if fleets[one["map_index"]].waves_sent}

    def in_a_wave() -> tuple[str, set[int]] | None:
        worker = next((one for one in sorted(WORKERS) if run_by(one)), None)
        if worker is None:
            return None
        airflow.suspend(worker)
        time.sleep(2)  # what it has asked the API server for is done
        if ran := run_by(worker):
            return worker, ran
        airflow.resume(worker)
        return None

    worker, ran = airflow.wait(in_a_wave, 300, "upgrade at work in a wave")
    airflow.kill(worker)
    return worker, ran


def kill_the_triggerer_in_a_wave(airflow: AirflowCluster, fleets: list[FailingFleet], run: str) -> int:
    """Kill the triggerer while most upgrades are deferred, some in a wave; return how many are."""

    def deferred() -> int:
        found = [one for one in upgrades(airflow, run) if one["state"] == "deferred"]
        in_a_wave = [one for one in found if fleets[one["map_index"]].waves_sent]
        return len(found) if len(found) > len(fleets) // 2 and in_a_wave else 0

    found = int(airflow.wait(deferred, 300, "deferred upgrades"))
    airflow.kill("triggerer")
    airflow.start_triggerer()
    return found


def test_eight_fleets_end_as_planned_although_worker_and_triggerer_die(
    airflow: AirflowCluster, managers: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = [kind for kind in KINDS if kind != "manager lies"]  # of which only a minute without news is proof
    fleets = [
        FailingFleet(
            vm, edges=12, sites=6, size=4, kinds=[kinds[(number + one) % len(kinds)] for one in (0, 1)], seed=number
        )
        for number, vm in enumerate(managers.values())
    ]
    began = time.monotonic()
    with RateWatch(managers) as watch:
        run = airflow.start_run(DAG, managers=list(managers), size=4, max_failures=FAILING)
        dead, ran = kill_a_worker_in_a_wave(airflow, fleets, run)
        worker_killed = time.monotonic() - began
        deferred = kill_the_triggerer_in_a_wave(airflow, fleets, run)
        triggerer_killed = time.monotonic() - began
        airflow.wait(
            lambda: airflow.call("GET", f"dags/{DAG}/dagRuns/{run}")["state"] in ("success", "failed"), 900, "end"
        )
    ended = upgrades(airflow, run)
    assert [one["state"] for one in ended] == ["success"] * len(fleets)
    tried_twice = {one["map_index"] for one in ended if one["try_number"] > 1}
    assert ran <= tried_twice
    assert dead not in {one["hostname"] for one in ended}
    for number, fleet in enumerate(fleets):
        result = result_of(airflow, run, number)
        assert (result["counts"], result["stopped_because"]) == (fleet.counts, None)
        fleet.check()
    assert max(watch.most_requests_in_a_second().values()) <= 20
    with capsys.disabled():
        sys.stdout.write(
            f"\n{dead} killed after {worker_killed:.0f} s with {len(ran)} upgrades, the triggerer after"
            f" {triggerer_killed:.0f} s with {deferred}; {len(tried_twice)} tried twice; all ended after"
            f" {time.monotonic() - began:.0f} s. Of {12 * len(fleets)} edges"
            f" {sum(fleet.counts['upgraded'] for fleet in fleets)} upgraded, the others failed as planned; no action"
            f" sent twice. At most {max(watch.most_requests_in_a_second().values())} requests in a second to a"
            f" manager, {max(watch.most_sessions().values())} sessions on one.\n"
        )


def result_of(airflow: AirflowCluster, run: str, number: int) -> dict[str, Any]:
    path = f"dags/{DAG}/dagRuns/{run}/taskInstances/{TASK}/xcomEntries/return_value?map_index={number}"
    found: dict[str, Any] = airflow.call("GET", path)["value"]
    return found
