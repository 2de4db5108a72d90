"""Tasks per minute on a cluster with one worker and with two: ``make bench-cluster``.

The fleet example uploads one image to every simulated manager, in turn with one worker and with two, all on this
machine. Managers respond at once (then the processors are the limit), or ``--slow`` seconds after the last byte, as a
real one does that works on the image (then the slots of the workers are).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cluster_meter import Meter
from tests.cluster.airflow_cluster import ROOT, AirflowCluster
from tests.cluster.fleet import Fleet, RateWatch, connections_to, fleet_of

DAG, WAITS = "fleet_upload", "await_fleet"
#: seconds of measuring a cluster that has nothing to upload
QUIET = 60
PACKAGE = "/dataservice/device/action/software/package"


def main() -> None:
    """Run all rounds and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--managers", type=int, default=96, help="that respond at once; 98 at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=4, help="tasks of one worker at once")
    parser.add_argument("--megabytes", type=int, default=16, help="size of the image")
    parser.add_argument("--slow-managers", type=int, default=32)
    parser.add_argument("--slow", type=float, default=15.0, help="seconds from the last byte to the manager's response")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="bench-cluster-"))
    for folder in ("home", "dags"):
        (scratch / folder).mkdir()
    shutil.copy(ROOT / "example_dags" / "fleet_upload.py", scratch / "dags")
    shutil.copy(ROOT / "tests" / "cluster" / "dags" / "await_fleet.py", scratch / "dags")
    settings = {"CORE__PARALLELISM": "64"}
    try:
        with (
            fleet_of(options.managers) as fleet,
            AirflowCluster(scratch / "home", scratch / "dags", connections_to(fleet), settings) as airflow,
        ):
            airflow.call("POST", "pools", {"name": "vmanage_uploads", "slots": options.managers})
            bench = Bench(airflow, fleet, scratch, options)
            bench.run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class Bench:
    """Runs the fleet DAG again and again, each time with an image of another name."""

    def __init__(self, airflow: AirflowCluster, fleet: Fleet, scratch: Path, options: Any) -> None:
        self._airflow, self._fleet, self._scratch, self._options = airflow, fleet, scratch, options
        self._images = 0

    def run(self) -> None:
        """Measure both kinds of manager with each number of workers, in turn."""
        print(f"{self._options.managers} managers, image of {self._options.megabytes} MB, ", end="")
        print(f"{psutil.cpu_count()} processors for everything, {self._options.concurrency} tasks per worker")
        self._airflow.start_worker("worker-1", self._options.concurrency)
        self._upload(list(self._fleet))  # what is imported and compiled for the first time
        for _ in range(self._options.rounds):
            self._measure_both(list(self._fleet), 0.0)
        self._measure_both(list(self._fleet)[: self._options.slow_managers], self._options.slow)
        self._measure_waits()

    def _measure_both(self, managers: list[str], slow: float) -> None:
        print(self._measure(1, managers, slow), flush=True)
        self._airflow.start_worker("worker-2", self._options.concurrency)
        print(self._measure(2, managers, slow), flush=True)
        self._airflow.stop("worker-2")

    def _measure_waits(self) -> None:
        """Measure an idle cluster, and one with a deferred wait on each manager."""
        with Meter(self._airflow) as meter:
            time.sleep(QUIET)
        print(f"idle for {QUIET} s\n{meter.report(QUIET / 60, 'minute')}", flush=True)
        run = self._airflow.start_run(WAITS, managers=list(self._fleet), images=["awaited.bin"])
        path = f"dags/{WAITS}/dagRuns/{run}"

        def states() -> list[str]:
            found = self._airflow.call("GET", f"{path}/taskInstances?limit=100")["task_instances"]
            return [task["state"] for task in found if task["task_id"] == "wait"]

        self._airflow.wait(lambda: states() == ["deferred"] * len(self._fleet), 600, "deferred waits")
        time.sleep(10)
        requests = self._requests()
        with Meter(self._airflow) as meter:
            time.sleep(QUIET)
        polls = self._requests() - requests
        print(
            f"{len(self._fleet)} deferred waits for {QUIET} s, {polls} polls\n{meter.report(QUIET / 60, 'minute')}",
            flush=True,
        )
        for vm in self._fleet.values():
            vm.faults.clear()
            vm.add_image("awaited.bin")
        self._airflow.wait(lambda: states() == ["success"] * len(self._fleet), 600, "end of the waits")

    def _measure(self, workers: int, managers: list[str], slow: float) -> str:
        for vm in self._fleet.values():
            vm.faults.clear()
            if slow:
                vm.faults.add("slow", times=None, delay=slow, path=PACKAGE, method="POST")
        requests = self._requests()
        with Meter(self._airflow) as meter, RateWatch(self._fleet) as watch:
            uploads = self._upload(managers)
        sent = (self._requests() - requests) / len(uploads)
        seconds = max(end for _, end in uploads) - min(start for start, _ in uploads)
        mean = sum(end - start for start, end in uploads) / len(uploads)
        return (
            f"{workers} worker(s), response after {slow:.0f} s: {len(uploads) / seconds * 60:.0f} tasks per minute, "
            f"{mean:.1f} s each, {sent:.1f} requests each, at most "
            f"{max(watch.most_requests_in_a_second().values())} in a second to a manager, "
            f"{max(watch.most_sessions().values())} session(s) at once\n{meter.report(len(uploads), 'task')}"
        )

    def _requests(self) -> int:
        return sum(vm.counters.requests for vm in self._fleet.values())

    def _upload(self, managers: list[str]) -> list[tuple[float, float]]:
        """Upload a new image to these managers; return when each upload began and ended."""
        self._images += 1
        image = self._scratch / f"vmanage-20.12.{self._images}-x86_64.tar.gz"
        image.write_bytes(os.urandom(self._options.megabytes * 1_000_000))
        run = self._airflow.start_run(DAG, managers=managers, image=str(image))
        path = f"dags/{DAG}/dagRuns/{run}"
        end = time.monotonic() + 1800
        while (state := self._airflow.call("GET", path)["state"]) not in ("success", "failed"):
            if time.monotonic() > end or self._airflow.has_ended():
                raise SystemExit(self._airflow.log_tail())
            time.sleep(1)
        assert state == "success", self._airflow.log_tail()
        image.unlink()
        found = self._airflow.call("GET", f"{path}/taskInstances?limit=100&order_by=map_index")["task_instances"]
        tasks = [task for task in found if task["task_id"] == "upload"]
        assert len(tasks) == len(managers)
        return [(_seconds(task["start_date"]), _seconds(task["end_date"])) for task in tasks]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    main()
