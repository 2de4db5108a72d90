"""Runs the triggers of its input, one a line, and prints for each its status and by how many KB the memory has grown.

A process of its own, with what a triggerer has loaded before its first wait. The connection is in the environment.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from airflow.jobs import triggerer_job_runner


def kilobytes(what: str) -> int:
    """Return a line of ``/proc``: ``VmRSS`` is the memory now, ``VmHWM`` its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


async def status_of(path: str, arguments: dict[str, Any]) -> str:
    """Run a trigger to its event, as a triggerer does that has it from the database."""
    module, _, name = path.rpartition(".")
    async for event in getattr(importlib.import_module(module), name)(**arguments).run():
        return str(event.payload["status"])
    return "no event"


if __name__ == "__main__":
    assert triggerer_job_runner
    idle = kilobytes("VmRSS")
    for line in sys.stdin:
        status = asyncio.run(status_of(*json.loads(line)))
        sys.stdout.write(f"ended: {status} {kilobytes('VmHWM') - idle}\n")
        sys.stdout.flush()
