"""One worker of the soak on a manager's repository: what it does, and what must be there afterwards."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from tests.soak.faults import FAULTS, add_fault
from tests.soak.work import Work
from tests.soak.worker import attempt_in_a_process

TRIES = 5

#: of them, those whose process may be killed
KILLED_TRIES = 3

#: seconds before Airflow notices that a process is dead: by then the manager has done what it was asked for
NOTICED_AFTER_S = 1.0

#: each has a number below this
MAX_WORKERS = 16


class Worker(Work):
    """Tasks on images of its own, and what must be there afterwards."""

    def __init__(self, number: int, folder: Path, seed: int) -> None:
        super().__init__(f"worker {number}", seed, attempt_in_a_process, folder)
        self.number, self.store = number, folder / f"store-of-worker-{number}.json"
        self.sources: dict[str, str] = {}
        self.there: dict[str, bool] = {}
        for index in range(4):
            name = f"soak{number}x{index}-20.{number + 10}.{index}.tar.gz"
            content = self.random.randbytes(self.random.choice((10_000, 400_000, 3_000_000)))
            (folder / name).write_bytes(content)
            self.sources[name] = hashlib.sha512(content).hexdigest()
        self.others = ["edge*", *(f"soak{other}x*" for other in range(MAX_WORKERS) if other != number)]

    def operate(self) -> None:
        kind = self.random.choice(("list", "add", "upload", "upload", "delete", "wait", "prune"))
        name = self.random.choice(list(self.sources))
        if self.random.random() < 0.6:
            add_fault(self.vm, self.random, FAULTS, self.tally)
        self.carry_out(kind, name)

    def carry_out(self, kind: str, name: str) -> None:
        arguments = self.arguments(kind, name)
        begun, ended = self.tally.outages(self.vm)
        self.store.unlink(missing_ok=True)
        for tried in range(TRIES):
            response = self.run_try({"kind": kind, "arguments": arguments}, tried)
            if response["end"] == "success":
                self.check(kind, name, response["result"], is_first=not tried)
                return
            if kind == "wait" and "Timeout" in response.get("error", ""):
                # A manager that is not there shows nothing.
                is_sure = begun == ended and self.tally.outages(self.vm) == (begun, ended)
                self.tally.expect(not is_sure or not self.there.get(name), f"{name} was not seen")
                return
            self.tally.add("retries" if response["end"] != "failed" and tried < TRIES - 1 else "failures")
            if response["end"] == "failed":
                break  # a try that nothing fixes may have had its effect: the list decides below
        if kind in ("upload", "delete", "prune"):
            listed = self.listed()
            self.there.update({one: one in listed for one in (self.there if kind == "prune" else (name,))})

    def run_try(self, task: dict[str, Any], tried: int) -> dict[str, Any]:
        """Run one try, whose process may be killed after a time or at a change of its store."""
        choice = self.random.random() if tried < KILLED_TRIES else 1.0
        after = self.random.random() * self.random.choice((0.05, 0.3, 1.0)) if choice < 0.2 else None
        at = self.random.randrange(4) if 0.2 < choice < 0.3 else None
        response = self.ask({**task, "store": str(self.store), "kill_after": after, "kill_at": at})
        self.tally.expect(
            response["end"] != "crashed", f"{self.name}: a process of {task['kind']} crashed, see its log"
        )
        if response["end"] == "killed":
            self.tally.add("kills")
            self.tally.add("kills on repositories")
            time.sleep(NOTICED_AFTER_S)
        return response

    def arguments(self, kind: str, name: str) -> dict[str, Any]:
        checksum = f"sha512:{self.sources[name]}"
        url = f"https://images.example.com/{name}/"
        return {
            "list": {},
            "add": {"version_name": f"url-{name}", "version_url": url},
            "upload": {"source": str(self.folder / name), "checksum": checksum, "listing_timeout": 10},
            "delete": {"file_name": name},
            "prune": {"keep": 2, "protect": self.others},
            "wait": {"file_name": name, "timeout": 2, "poke_interval": 1},
        }[kind]

    def check(self, kind: str, name: str, result: Any, *, is_first: bool) -> None:
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
        elif kind == "prune":
            removed = {row["file_name"] for row in result["removed"]}
            self.tally.expect(not removed & {*listed}, f"{sorted(removed)} were pruned, and are there")
            self.tally.expect(removed <= {*self.sources}, f"{sorted(removed)} were pruned, some of others")
            gone = {one for one, is_there in self.there.items() if is_there and one not in listed}
            self.tally.expect(gone == removed or not is_first, f"{sorted(gone)} are gone, {sorted(removed)} reported")
            self.there.update(dict.fromkeys(gone, False))
        elif kind == "list":
            rows = {row["file_name"] for row in result}
            mine = {one for one, is_there in self.there.items() if is_there}
            self.tally.expect(mine <= rows, f"the list misses {sorted(mine - rows)}")
        else:
            self.tally.expect(self.there.get(name, False), f"{name} was seen, and is not there")

    def listed(self) -> list[str]:
        return [one.file_name for one in self.vm.images]
