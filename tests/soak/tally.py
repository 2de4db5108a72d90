"""What happened in a soak, and what should not have."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


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
