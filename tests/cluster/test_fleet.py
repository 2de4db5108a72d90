"""Three images to eight managers on a cluster, whose worker dies in the middle of an upload: ``make test-cluster``."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.airflow_cluster import QUICK_TO_NOTICE, ROOT, AirflowCluster
from tests.cluster.fleet import Fleet, RateWatch, connections_to, fleet_of, received

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(590)]

WORKERS = {"worker-1", "worker-2"}
UPLOADS, WAITS = "fleet_upload", "await_fleet"
PACKAGE = "/dataservice/device/action/software/package"
BIG = 256
IMAGES = {"vmanage-20.12.4-x86_64.tar.gz": 64, "viptela-20.12.4-x86_64.tar.gz": BIG, "vedge-20.12.4.tar.gz": 64}
"""Size of each in MB; the worker is killed while it sends the second one."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with fleet_of(8) as managers:
        yield managers


@pytest.fixture(scope="module")
def airflow(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    shutil.copy(ROOT / "example_dags" / "fleet_upload.py", dags)
    shutil.copy(Path(__file__).parent / "dags" / "await_fleet.py", dags)
    with AirflowCluster(home, dags, connections_to(fleet), QUICK_TO_NOTICE) as cluster:
        cluster.call("POST", "pools", {"name": "vmanage_uploads", "slots": 4})
        for worker in sorted(WORKERS):
            cluster.start_worker(worker, concurrency=2)
        yield cluster


def make_image(path: Path, megabytes: int) -> str:
    """Write random bytes, and return their SHA-512."""
    digest = hashlib.sha512()
    with path.open("wb") as file:
        for _ in range(megabytes):
            block = os.urandom(1_000_000)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def tasks(airflow: AirflowCluster, dag: str, run: str, task: str) -> list[dict[str, Any]]:
    found = airflow.call("GET", f"dags/{dag}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
    return [one for one in found if one["task_id"] == task and one["map_index"] >= 0]


def ended(airflow: AirflowCluster, dag: str, run: str) -> str:
    state = airflow.call("GET", f"dags/{dag}/dagRuns/{run}")["state"]
    return state if state in ("success", "failed") else ""


def kill_a_worker_that_sends(airflow: AirflowCluster, fleet: Fleet, run: str) -> tuple[str, list[str]]:
    """Kill a worker between a tenth and two thirds of an upload; return its name and the managers that it sent to."""

    def half_way() -> tuple[str, list[str]] | None:
        running = [one for one in tasks(airflow, UPLOADS, run, "upload") if one["state"] == "running"]
        for worker in sorted({one["hostname"] for one in running}):
            # A running task has no name yet, only its place in the list.
            names = [list(fleet)[one["map_index"]] for one in running if one["hostname"] == worker]
            sent_to = [name for name in names if 0.1 < received(fleet[name]) / (BIG * 1e6) < 0.66]
            if sent_to:
                return worker, sent_to
        return None

    worker, sent_to = airflow.wait(half_way, 180, "upload that is under way")
    airflow.kill(worker)
    return worker, sent_to


def test_three_images_reach_eight_managers_although_a_worker_dies(
    airflow: AirflowCluster, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    digests = {name: make_image(tmp_path / name, megabytes) for name, megabytes in IMAGES.items()}
    names = list(fleet)
    with RateWatch(fleet) as watch:
        waits = airflow.start_run(WAITS, managers=names, images=list(IMAGES)[1:2])
        airflow.wait(
            lambda: [one["state"] for one in tasks(airflow, WAITS, waits, "wait")] == ["deferred"] * 8,
            180,
            "8 deferred waits",
        )
        runs = [
            airflow.start_run(UPLOADS, managers=names, image=str(tmp_path / name), checksum=f"sha512:{digest}")
            for name, digest in digests.items()
        ]
        dead, sent_to = kill_a_worker_that_sends(airflow, fleet, runs[1])
        killed_after = time.monotonic() - began
        for run in runs:
            assert airflow.wait(lambda run=run: ended(airflow, UPLOADS, run), 400, f"end of {run}") == "success"
        assert airflow.wait(lambda: ended(airflow, WAITS, waits), 60, "end of the waits") == "success"
        tried_twice = check_tasks(airflow, runs, dead, sent_to)
        given_again = airflow.received(dead) & airflow.received(*(WORKERS - {dead}))
        assert len(given_again) >= len(tried_twice)
        left = check_managers(airflow, fleet, digests, sent_to, tried_twice)
    assert max(watch.most_requests_in_a_second().values()) <= 20
    with capsys.disabled():
        sys.stdout.write(
            f"\n{dead} killed after {killed_after:.0f} s with uploads to {', '.join(tried_twice)}, all ended after"
            f" {time.monotonic() - began:.0f} s. Sessions left by the dead: {len(left)}, on {', '.join(sorted(left))}."
            f" At most {max(watch.most_requests_in_a_second().values())} requests in a second to a manager,"
            f" {max(watch.most_sessions().values())} sessions on one. Given to a second worker by Redis, and not run"
            f" there: {len(given_again)}.\n"
        )


def check_tasks(airflow: AirflowCluster, runs: list[str], dead: str, sent_to: list[str]) -> list[str]:
    """All uploads ended well, those of the dead worker on the other one; return the managers of these."""
    uploads = [one for run in runs for one in tasks(airflow, UPLOADS, run, "upload")]
    assert Counter(one["state"] for one in uploads) == {"success": 24}
    repeated = {one["rendered_map_index"]: one for one in uploads if one["try_number"] > 1}
    assert {*sent_to} <= repeated.keys()
    assert {(one["try_number"], one["dag_run_id"]) for one in repeated.values()} == {(2, runs[1])}
    assert dead not in {one["hostname"] for one in repeated.values()}
    for run in runs:
        # One that was killed after its upload, before it could say so, finds the image there.
        may_find_it = repeated.keys() - {*sent_to} if run == runs[1] else set()
        found = {name for name, did in airflow.result(UPLOADS, run, "summary").items() if did != "uploaded"}
        assert found <= may_find_it
    return sorted(repeated)


def check_managers(
    airflow: AirflowCluster, fleet: Fleet, digests: dict[str, str], sent_to: list[str], tried_twice: list[str]
) -> set[str]:
    """One copy of each image, and no session but those that died with the worker; return whose they were."""
    # A killed task that was not seen to send may have been before its login, or after its logout.
    most = {*sent_to, *tried_twice}
    for name, vm in fleet.items():
        assert sorted((image.file_name, image.sha512) for image in vm.images) == sorted(digests.items()), name
        assert received(vm) == 0
        sent = [one for one in vm.requests if one.path == PACKAGE]
        assert len(digests) + (name in sent_to) <= len(sent) <= len(digests) + (name in most), name

    def only_the_dead() -> set[str]:
        left = {name: vm.counters.open_sessions for name, vm in fleet.items() if vm.counters.open_sessions}
        return left.keys() if {*sent_to} <= left.keys() <= most and {*left.values()} == {1} else set()

    return set(airflow.wait(only_the_dead, 30, f"logout of all but those that sent to {most}"))
