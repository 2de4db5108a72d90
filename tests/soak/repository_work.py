"""One worker of the soak on a manager's repository: what it does, and what must be there afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tests.soak.faults import FAULTS, add_fault
from tests.soak.work import Work
from tests.soak.worker import attempt

TRIES = 5

#: each has a number below this
MAX_WORKERS = 16


class Worker(Work):
    """Tasks on images of its own, and what must be there afterwards."""

    def __init__(self, number: int, folder: Path, seed: int) -> None:
        super().__init__(f"worker {number}", seed, attempt, folder)
        self.number = number
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
        for tried in range(TRIES):
            response = self.ask({"kind": kind, "arguments": arguments})
            if response["end"] == "success":
                self.check(kind, name, response["result"])
                return
            if kind == "wait" and "Timeout" in response["error"]:
                # A manager that is not there shows nothing.
                is_sure = begun == ended and self.tally.outages(self.vm) == (begun, ended)
                self.tally.expect(not is_sure or not self.there.get(name), f"{name} was not seen")
                return
            self.tally.add("retries" if response["end"] == "retry" and tried < TRIES - 1 else "failures")
            if response["end"] == "failed":
                break  # a try that nothing fixes may have had its effect: the list decides below
        if kind in ("upload", "delete", "prune"):
            listed = self.listed()
            self.there.update({one: one in listed for one in (self.there if kind == "prune" else (name,))})

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
        elif kind == "prune":
            removed = {row["file_name"] for row in result["removed"]}
            self.tally.expect(not removed & {*listed}, f"{sorted(removed)} were pruned, and are there")
            self.tally.expect(removed <= {*self.sources}, f"{sorted(removed)} were pruned, some of others")
            self.there.update(dict.fromkeys(removed, False))
        elif kind == "list":
            rows = {row["file_name"] for row in result}
            mine = {one for one, is_there in self.there.items() if is_there}
            self.tally.expect(mine <= rows, f"the list misses {sorted(mine - rows)}")
        else:
            self.tally.expect(self.there.get(name, False), f"{name} was seen, and is not there")

    def listed(self) -> list[str]:
        return [one.file_name for one in self.vm.images]
