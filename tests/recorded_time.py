"""A clock for sessions whose waits are recorded instead of waited for."""

from __future__ import annotations

import time


class RecordedTime:
    """The time of day at which it was made, and of all recorded waits since.

    :param sleeps: the seconds of each wait.
    """

    def __init__(self, sleeps: list[float]) -> None:
        self._began = time.time()
        self.sleeps = sleeps

    def time(self) -> float:
        return self._began + self.monotonic()

    def monotonic(self) -> float:
        return sum(self.sleeps)
