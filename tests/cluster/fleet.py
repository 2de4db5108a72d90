"""Simulated managers, each at an address of its own, and what a test wants to know about all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import connection_to

Fleet = dict[str, Simulator]


@contextmanager
def fleet_of(count: int, **options: Any) -> Iterator[Fleet]:
    """Run so many managers: ``manager_1``, ``manager_2``, ...; with options of the simulator."""
    with ExitStack() as stack:
        yield {f"manager_{number}": stack.enter_context(Simulator(**options)) for number in range(1, count + 1)}


def connections_to(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Return the connection to each manager, under the manager's name."""
    return {name: connection_to(vm) for name, vm in fleet.items()}


def received(vm: Simulator) -> int:
    """Return the size of the largest upload that is under way."""
    sizes = [0]
    for file in Path(vm.storage, "incoming").iterdir():
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:  # complete, or broken off
            continue
    return max(sizes)


class RateWatch:
    """Reads the managers' counters ten times in a second, for as long as a ``with`` block lasts."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._seen: list[tuple[float, dict[str, int]]] = []
        self._sessions = dict.fromkeys(fleet, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> RateWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def most_requests_in_a_second(self) -> dict[str, int]:
        """Return the largest number of requests to each manager within one second."""
        most, start = dict.fromkeys(self._fleet, 0), 0
        for now, counts in self._seen:
            while now - self._seen[start][0] > 1.0:
                start += 1
            for name, count in counts.items():
                most[name] = max(most[name], count - self._seen[start][1][name])
        return most

    def most_sessions(self) -> dict[str, int]:
        """Return the largest number of sessions that each manager had at once."""
        return dict(self._sessions)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            counters = {name: vm.counters for name, vm in self._fleet.items()}
            self._seen.append((time.monotonic(), {name: one.requests for name, one in counters.items()}))
            for name, one in counters.items():
                self._sessions[name] = max(self._sessions[name], one.open_sessions)
