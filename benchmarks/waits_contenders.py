"""Many waits in one event loop, in a process of its own: ``waits_contenders.py KIND WAITS INTERVAL``.

Prints ``begun`` once all waits exist, and at the end one line of JSON with what was measured. With ``match IMAGES
WAITS`` it prints the CPU milliseconds of one poll's reading, indexing and matching.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# What a triggerer has loaded before its first wait: its own runner, and the trigger's class.
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.providers.http.triggers.http import HttpSensorTrigger

from airflow_provider_vmanage.client.matching import AwaitedImage, ImageIndex
from airflow_provider_vmanage.client.models import parse_images
from airflow_provider_vmanage.triggers.software_repository import ImageVersionTrigger
from airflow_provider_vmanage.waiting.image_wait import ImageWait
from airflow_provider_vmanage.waiting.pace import Pace, Patience

VERSIONS = 100


class Heart:
    """Beats every 10 ms, next to the triggerer's own watchdog; keeps the largest gap of each phase."""

    def __init__(self) -> None:
        self.gap = 0.0
        self.warnings = 0
        self.stop = False
        self.blocked_main_thread_warning_threshold = 0.2  # Airflow's default
        self.log = SimpleNamespace(ainfo=self._warn)

    async def beat(self) -> None:
        while not self.stop:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.gap = max(self.gap, time.monotonic() - before - 0.01)

    async def watch(self) -> None:
        await TriggerRunner.block_watchdog(self)  # type: ignore[arg-type]

    async def _warn(self, *_: Any) -> None:
        self.warnings += 1

    def take_gap(self) -> float:
        gap, self.gap = self.gap, 0.0
        return round(gap * 1000, 1)


def ours(number: int, interval: float) -> Any:
    return ImageVersionTrigger(version=f"20.{number % VERSIONS}.1", poke_interval=interval, deadline=time.time() + 3600)


def http_sensor(number: int, interval: float) -> Any:
    return HttpSensorTrigger(endpoint=f"simulator/images/{number % VERSIONS}.bin", poke_interval=interval)


async def one(trigger: Any) -> float:
    """Wait as the triggerer does, and return when the event came."""
    try:
        async for _ in trigger.run():
            return time.time()
        raise AssertionError("the trigger ended without an event")
    finally:
        await trigger.cleanup()


def resident_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def triggers(kind: str, waits: int, interval: float) -> Iterator[Any]:
    make = {"ours": ours, "HttpSensor": http_sensor}[kind]
    return (make(number, interval) for number in range(waits))


async def main(kind: str, waits: int, interval: float) -> None:
    """Begin all waits, let them go on, and return when each event came."""
    heart = Heart()
    helpers = [asyncio.create_task(heart.beat()), asyncio.create_task(heart.watch())]
    # One wait first, with its imports, its session and its threads: what is measured is what more waits cost.
    first = asyncio.create_task(one(next(triggers(kind, 1, interval))))
    await asyncio.sleep(2 * interval)
    gaps, memory = {"first wait": heart.take_gap()}, resident_kilobytes()
    tasks = [first]
    for trigger in islice(triggers(kind, waits, interval), 1, None):
        tasks.append(asyncio.create_task(one(trigger)))
        await asyncio.sleep(0)  # as the triggerer does between two
    await asyncio.sleep(interval)
    gaps["begin"] = heart.take_gap()
    print("begun", flush=True)
    await asyncio.sleep(interval)
    cpu, since = time.process_time(), time.monotonic()
    await asyncio.sleep(3 * interval)
    cpu = (time.process_time() - cpu) / ((time.monotonic() - since) / interval)
    gaps["wait"] = heart.take_gap()
    more = resident_kilobytes() - memory
    print("add the images", flush=True)
    ends = await asyncio.gather(*tasks)
    await asyncio.sleep(0.1)
    gaps["events"] = heart.take_gap()
    heart.stop = True
    await asyncio.wait(helpers)
    print(json.dumps({"ends": ends, "gaps": gaps, "warnings": heart.warnings, "cpu": cpu, "kilobytes": more}))


async def match(images: int, waits: int) -> None:
    """Return the cost of a poll of a long list, without its transfer: reading the records, and asking for each wait."""
    records = [
        {"versionId": f"id-{n}", "versionName": f"20.{n}.1", "availableFiles": f"{n}.bin", "platformFamily": ["c8000v"]}
        for n in range(images)
    ]
    # Half by version, half by name; none of them is there, so that all of them are asked in each round.
    wanted = [AwaitedImage(version=f"21.{n}.1") if n % 2 else AwaitedImage(file_name=f"{n}.x") for n in range(waits)]
    waiting = [ImageWait(one, Pace(60.0), Patience()) for one in wanted]
    parsed, indexed, matched = [], [], []
    for _ in range(5):
        began = time.process_time()
        listed = parse_images(records)
        parsed.append(time.process_time() - began)
        index = ImageIndex(listed)
        indexed.append(time.process_time() - began - parsed[-1])
        for wait in waiting:
            wait.take(index)
        matched.append(time.process_time() - began - parsed[-1] - indexed[-1])
    assert not any(wait.outcome.done() for wait in waiting)
    print(*(f"{statistics.median(rounds) * 1000:.1f}" for rounds in (parsed, indexed, matched)))


if __name__ == "__main__":
    logging.disable(logging.INFO)
    if sys.argv[1] == "match":
        asyncio.run(match(int(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
