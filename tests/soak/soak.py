"""Minutes of mixed tasks in processes of their own, against two managers that fail at random; then the invariants.

    scripts/soak.sh [--seconds 600] [--seed 1] [--workers 4] [--fleets 3]

Workers upload, wait for, delete and prune images; fleets are installed, activated and upgraded. The processes of both
are killed at random. A failed task is run again like a task of Airflow with retries; a fault is over after a request or
two, and a manager is sometimes gone for a second. In the end: no action sent twice, no success without its effect
(each image and device belongs to one worker only, so a worker knows what must be there), no image twice, whole images
only, no session left but those of killed processes, no login refused.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from tests.soak.device_work import SECONDS_PER_MINUTE, VERSIONS, Fleet, ManagerItself
from tests.soak.repository_work import Worker
from tests.soak.tally import Tally
from tests.soak.twice import sent_twice

#: of each manager: tasks wait for each other or are refused; the last one activates versions of itself
MANAGERS: tuple[dict[str, Any], ...] = (
    {"version": "20.9.4", "busy": "queue"},
    {"version": "20.12.4", "busy": "refuse", "rows_after": 0.2},
    {"version": "20.18.1", "busy": "queue", "restart": (0.6, 0.6)},
)

#: as few seconds and as many between two restarts of a manager
RESTART_EVERY_S = (10.0, 30.0)


def connection_to(vm: Simulator) -> str:
    extra = {"ca_bundle": vm.ca_bundle, "read_timeout": 5, "upload_read_timeout": 10}
    fields = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password}
    return json.dumps({**fields, "extra": extra})


def new_manager(**options: Any) -> Simulator:
    vm = Simulator(duplicates="second_copy", seconds_per_minute=SECONDS_PER_MINUTE, **options)
    for version in VERSIONS:
        vm.add_image(f"edge-{version}.bin", version=f"{version}.1708", platform_family=("vedge-x86",))
    return vm


def restart_at_random(managers: list[Simulator], seed: int, is_over: threading.Event, tally: Tally) -> None:
    """Let a manager refuse connections for a while, and forget its sessions; its tasks go on."""
    chosen = random.Random(f"{seed}-restarts")
    while not is_over.wait(chosen.uniform(*RESTART_EVERY_S)):
        vm = chosen.choice(managers)
        tally.add("faults")
        with tally.outage(vm):
            vm.stop()
            time.sleep(chosen.uniform(0.2, 1.2))
            vm.expire_sessions()
            vm.start()


def check_the_end(managers: list[Simulator], workers: list[Worker], fleets: list[Fleet], tally: Tally) -> None:
    """Check what must hold when all is over."""
    digests = {name: digest for worker in workers for name, digest in worker.sources.items()}
    for vm in managers:
        check_images(vm, digests, tally)
        begun = {device: fleet.begun for fleet in fleets if fleet.vm is vm for device in fleet.records}
        twice = sent_twice(vm.actions, begun)
        tally.add("actions", len(vm.actions))
        tally.add("actions sent twice", len(twice))
        tally.broken += twice
        counters = vm.counters
        tally.expect(counters.refused_logins == 0, f"{counters.refused_logins} logins refused")
        tally.add("logins", counters.logins)
        tally.add("refused logins", counters.refused_logins)
        tally.add("sessions left", counters.open_sessions)
        tally.add("pages", tally.counts[f"pages {id(vm)}"])
    may_be_left = tally.counts["pages"] + tally.counts["kills"]
    left = tally.counts["sessions left"]
    tally.expect(left <= may_be_left, f"{left} sessions left, {may_be_left} by pages and killed processes")
    for worker in workers:
        listed = worker.listed()
        for name, is_there in worker.there.items():
            tally.expect((name in listed) is is_there, f"{name}: there is {name in listed}, reported {is_there}")


def check_images(vm: Simulator, digests: dict[str, str], tally: Tally) -> None:
    keys = [one.file_name or one.version for one in vm.images]
    too_many = len(keys) - len(set(keys))
    twice = sorted({key for key in keys if keys.count(key) > 1})
    tally.add("copies", len(keys))
    tally.add("copies too many", too_many)
    tally.expect(too_many == 0, f"{too_many} copies too many: {twice}")
    for one in vm.images:
        if one.path is not None and one.file_name in digests:
            tally.expect(one.sha512 == digests[one.file_name], f"{one.file_name} is another image")


def last_line(seed: int, seconds: float, tally: Tally) -> str:
    def counted(*names: str) -> str:
        return ", ".join(f"{name} {tally.counts[name]}" for name in names)

    sessions = f"sessions left {tally.counts['sessions left']} (kills and pages may leave one each)"
    general = counted(
        "operations", "faults", "kills", "kills on repositories", "retries", "failures", "actions", "actions sent twice"
    )
    stores = counted("copies", "copies too many", "logins", "refused logins", "taken for refused")
    devices = counted("as planned", "failed", "left", "success not shown")
    upgrades = f"upgrades {tally.counts['upgrades']}: devices {devices}"
    return f"soak: seed {seed}, {seconds:g} s: {general}, {stores}, {sessions}; {upgrades}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--fleets", type=int, default=3)
    given = parser.parse_args()
    tally, is_over = Tally(), threading.Event()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        # Processes first, and then what has threads.
        workers = [Worker(number, folder, given.seed) for number in range(given.workers)]
        fleets = [Fleet(number, folder, given.seed) for number in range(given.fleets)]
        fleets.append(ManagerItself(len(fleets), folder, given.seed))
        for one in (*workers, *fleets):
            stack.callback(one.process.kill)
        managers = [stack.enter_context(new_manager(**options)) for options in MANAGERS]
        end = time.monotonic() + given.seconds
        for one in (*workers, *fleets):
            vm = managers[-1 if isinstance(one, ManagerItself) else one.number % len(managers)]
            one.begin(vm, connection_to(vm), end, tally)
        restarts = threading.Thread(target=restart_at_random, args=(managers[:-1], given.seed, is_over, tally))
        restarts.start()
        for one in (*workers, *fleets):
            one.join()
        is_over.set()
        restarts.join()
        check_the_end(managers, workers, fleets, tally)
        if tally.broken and "SOAK_LOGS" in os.environ:
            keep_logs(folder, Path(os.environ["SOAK_LOGS"]))
    for line in tally.broken:
        print(f"BROKEN: {line}")  # noqa: T201
    print(last_line(given.seed, given.seconds, tally))  # noqa: T201
    return 1 if tally.broken else 0


def keep_logs(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        (target / log.name).write_bytes(log.read_bytes())


if __name__ == "__main__":
    raise SystemExit(main())
