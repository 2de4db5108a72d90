"""How fast one process sends to one manager.

A manager takes 100 requests per second from release 20.6 on, from all clients together, and responds with 429 beyond it
(Cisco, rate limits of the API). A task needs about six; many tasks in one process, or a loop in a DAG, could reach the
limit. So each process uses at most a fifth of it, however many sessions it has with that manager.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable

#: requests that may be sent at once after a pause
BURST = 20

#: limits in use, by address and rate; those that no connection uses any more are dropped
_limits: weakref.WeakValueDictionary[tuple[str, float], RateLimit] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class RateLimit:
    """Spreads requests evenly, once a burst of :data:`BURST` is used up; for any number of threads.

    :param rate: requests per second.
    :param clock: monotonic seconds.
    """

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1.0 / rate
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock() - BURST * self._interval

    def reserve(self) -> float:
        """Take the next turn and return the seconds to wait for it; the caller waits."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - BURST * self._interval) + self._interval
            return max(0.0, self._free_at - now)


def limit_for(base_url: str, rate: float) -> RateLimit:
    """Return the limit that all connections of this process to that manager share.

    :param base_url: address of the manager.
    :param rate: requests per second.
    """
    with _lock:
        return _limits.setdefault((base_url, rate), RateLimit(rate))
