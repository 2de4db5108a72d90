"""What happened in a soak, and what should not have."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from airflow_provider_vmanage.simulator import Simulator


@dataclass
class Tally:
    """Counts, and a line for each thing that should not have happened."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, number: int = 1) -> None:
        with self.lock:
            self.counts[name] += number

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            with self.lock:
                self.broken.append(what)

    @contextmanager
    def outage(self, vm: Simulator) -> Iterator[None]:
        """Note that a manager may be unavailable inside."""
        self.add(f"outages begun {id(vm)}")
        try:
            yield
        finally:
            self.add(f"outages ended {id(vm)}")

    def outages(self, vm: Simulator) -> tuple[int, int]:
        """Return how many have begun and ended."""
        return self.counts[f"outages begun {id(vm)}"], self.counts[f"outages ended {id(vm)}"]
