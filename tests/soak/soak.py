"""Minutes of mixed tasks in processes of their own, against two managers that fail at random; then the invariants.

    scripts/soak.sh [--seconds 600] [--seed 1] [--workers 4]

A failed task is run again like a task of Airflow with retries, up to four times; a fault is over after a request or
two. In the end: no success without its effect (each image belongs to one worker only, so a worker knows what must be
there), no image twice, whole images only, no session left, no login refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator

HERE = Path(__file__).parent
FAULTS: list[tuple[str, dict[str, Any]]] = [
    *((f"expired_{shape}", {}) for shape in "abcdef"),
    ("expired_f", {"killed": True}),
    *((name, {"retry_after": seconds}) for name in ("http_429", "http_503") for seconds in (None, 1)),
    *((name, {}) for name in ("http_500", "http_502", "http_504", "error_500", "html_200", "gzip", "redirect")),
    *((name, {}) for name in ("truncated_json", "data_null", "data_missing", "data_wrong_type", "short_body")),
    *((name, {}) for name in ("reset_before", "reply_lost", "reset_during_upload", "reset_after_body")),
    ("slow", {"delay": 0.5}),
    ("session_death_in_upload", {"linger": 0.5}),
    ("early_403", {"linger": 0.5}),
    *((name, {}) for name in ("gateway_timeout_stored", "gateway_timeout_not_stored")),
    ("late_listing", {"lists": 2}),
]
TRIES = 5


@dataclass
class Tally:
    """What happened, and what should not have."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        with self.lock:
            self.counts[name] += 1

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            with self.lock:
                self.broken.append(what)


class Worker(threading.Thread):
    """Gives tasks to one process, and knows what must be on its manager afterwards."""

    def __init__(self, number: int, vm: Simulator, seed: int, end: float, folder: Path, tally: Tally) -> None:
        super().__init__()
        self.vm, self.end, self.tally = vm, end, tally
        self.random = random.Random(f"{seed}-{number}")
        self.sources: dict[str, str] = {}
        self.there: dict[str, bool] = {}
        for index in range(4):
            name = f"soak{number}x{index}-20.{number + 10}.{index}.tar.gz"
            content = self.random.randbytes(self.random.choice((10_000, 400_000, 3_000_000)))
            (folder / name).write_bytes(content)
            self.sources[name] = hashlib.sha512(content).hexdigest()
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / f"worker-{number}.log").open("w"),
            text=True,
            env={**os.environ, "AIRFLOW_CONN_VMANAGE_DEFAULT": connection_to(vm)},
        )

    def run(self) -> None:
        while time.monotonic() < self.end:
            kind = self.random.choice(("list", "add", "upload", "upload", "delete", "wait"))
            name = self.random.choice(list(self.sources))
            if self.random.random() < 0.6:
                fault, options = self.random.choice(FAULTS)
                times = self.random.choice((1, 1, 2))
                self.vm.faults.add(fault, times=times, **options)
                self.tally.add("faults injected")
                # A page instead of data reads as a dead session, so the client retires a live one.
                self.tally.counts[f"pages {id(self.vm)}"] += times * (fault == "html_200")
            self.tally.add("operations")
            self.carry_out(kind, name)
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)

    def carry_out(self, kind: str, name: str) -> None:
        arguments = self.arguments(kind, name)
        for tried in range(TRIES):
            response = self.ask(kind, arguments)
            if response["end"] == "success":
                self.check(kind, name, response["result"])
                return
            if kind == "wait" and "Timeout" in response["error"]:
                self.tally.expect(not self.there.get(name), f"{name} was not seen")
                return
            self.tally.add("retries" if response["end"] == "retry" and tried < TRIES - 1 else "failures")
            if response["end"] == "failed":
                break  # a try that nothing fixes may have had its effect: the list decides below
        if kind in ("upload", "delete"):
            self.there[name] = name in self.listed()

    def arguments(self, kind: str, name: str) -> dict[str, Any]:
        checksum = f"sha512:{self.sources[name]}"
        url = f"https://images.example.com/{name}/"
        return {
            "list": {},
            "add": {"version_name": f"url-{name}", "version_url": url},
            "upload": {"source": str(self.folder / name), "checksum": checksum, "listing_timeout": 10},
            "delete": {"file_name": name},
            "wait": {"file_name": name, "timeout": 2, "poke_interval": 1},
        }[kind]

    def ask(self, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"kind": kind, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"worker died: {self.process.wait()}")
        response: dict[str, Any] = json.loads(line)
        return response

    def check(self, kind: str, name: str, result: Any) -> None:
        """No success without its effect: read from the manager itself."""
        listed = self.listed()
        if kind == "upload":
            self.tally.expect(name in listed, f"upload of {name} succeeded, and it is not there")
            self.there[name] = True
        elif kind == "delete":
            self.tally.expect(name not in listed, f"{name} was deleted, and is there")
            self.there[name] = False
        elif kind == "add":
            urls = [one.version for one in self.vm.images if one.url]
            self.tally.expect(f"url-{name}" in urls, f"repository URL of {name} is not there")
        elif kind == "list":
            rows = {row["file_name"] for row in result}
            mine = {one for one, is_there in self.there.items() if is_there}
            self.tally.expect(mine <= rows, f"the list misses {sorted(mine - rows)}")
        else:
            self.tally.expect(self.there.get(name, False), f"{name} was seen, and is not there")

    def listed(self) -> list[str]:
        return [one.file_name for one in self.vm.images]


def connection_to(vm: Simulator) -> str:
    extra = {"ca_bundle": vm.ca_bundle, "read_timeout": 5, "upload_read_timeout": 10}
    fields = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password}
    return json.dumps({**fields, "extra": extra})


def check_the_end(managers: list[Simulator], workers: list[Worker], tally: Tally) -> int:
    """Check what must hold when all is over, and return the number of copies that are too many."""
    digests = {name: digest for worker in workers for name, digest in worker.sources.items()}
    too_many = 0
    for vm in managers:
        keys = [one.file_name or one.version for one in vm.images]
        too_many += len(keys) - len(set(keys))
        for one in vm.images:
            if one.path is not None:
                tally.expect(one.sha512 == digests[one.file_name], f"{one.file_name} is another image")
        counters = vm.counters
        tally.expect(counters.refused_logins == 0, f"{counters.refused_logins} logins refused")
        retired = tally.counts[f"pages {id(vm)}"]
        tally.expect(counters.open_sessions <= retired, f"{counters.open_sessions} sessions left, {retired} pages")
        tally.counts["of pages"] += retired
        tally.counts["sessions left"] += counters.open_sessions
        tally.counts["logins"] += counters.logins
        tally.counts["refused logins"] += counters.refused_logins
        tally.counts["copies"] += len(keys)
    for worker in workers:
        listed = worker.listed()
        for name, is_there in worker.there.items():
            tally.expect((name in listed) is is_there, f"{name}: there is {name in listed}, reported {is_there}")
    tally.expect(too_many == 0, f"{too_many} copies too many")
    return too_many


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    tally = Tally()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        managers = [
            stack.enter_context(Simulator(version=version, duplicates="second_copy"))
            for version in ("20.9.4", "20.12.4")
        ]
        end = time.monotonic() + given.seconds
        workers = [
            Worker(number, managers[number % 2], given.seed, end, folder, tally) for number in range(given.workers)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            tally.expect(worker.process.poll() == 0, f"a worker ended with {worker.process.poll()}")
        too_many = check_the_end(managers, workers, tally)
    for line in tally.broken:
        print(f"BROKEN: {line}")  # noqa: T201
    names = (
        "operations",
        "faults injected",
        "retries",
        "failures",
        "copies",
        "sessions left",
        "of pages",
        "logins",
        "refused logins",
    )
    counted = ", ".join(f"{name} {tally.counts[name]}" for name in names)
    print(f"soak: seed {given.seed}, {given.seconds:g} s: {counted}, copies too many {too_many}")  # noqa: T201
    return 1 if tally.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
