"""One clock for waits, deadlines and the manager's tasks: seconds that pass only when something waits."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import selectors
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.bases import sensor

import airflow_provider_vmanage
from airflow_provider_vmanage.client.http.connection import ManagerConnection

if TYPE_CHECKING:
    import pytest

T = TypeVar("T")

EVENING = 1_800_000_000.0

_PACKAGE = airflow_provider_vmanage.__name__
#: the simulator is given its clock, the command line has none
_OF_THEIR_OWN = ("simulator", "cli", "__main__")


class VirtualTime:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again, in the same evening."""
        self.now = EVENING
        self._alarms: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        end = self.now + max(seconds, 0.001)
        while due := [alarm for alarm in self._alarms if alarm[0] <= end]:
            self._alarms.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = end

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Call a function in so many seconds, in the middle of the wait that reaches them."""
        self._alarms = sorted([*self._alarms, (self.now + seconds, act)], key=lambda alarm: alarm[0])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, as ``asyncio.run`` does, with timers on this clock."""
        loop = _Loop(self)
        try:
            return loop.run_until_complete(work)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the provider, but not the simulator's server, live by this clock."""

        def sleep(connection: ManagerConnection, seconds: float) -> None:
            connection.raise_if_stopped()
            self.sleep(seconds)
            connection.raise_if_stopped()

        patch.setattr(ManagerConnection, "sleep", sleep)
        patch.setattr(sensor, "time", self)
        for module in _modules():
            if vars(module).get("time") is time:
                patch.setattr(module, "time", self)
            for function in _functions(module):
                self._replace_defaults(function, patch)

    def _replace_defaults(self, function: FunctionType, patch: pytest.MonkeyPatch) -> None:
        ours = {time.time: self.time, time.monotonic: self.time, time: self}
        given, named = function.__defaults__ or (), function.__kwdefaults__ or {}
        if any(value is one for value in given for one in ours):
            found = tuple(next((ours[one] for one in ours if one is value), value) for value in given)
            patch.setattr(function, "__defaults__", found)
        for name in [name for name, value in named.items() if any(value is one for one in ours)]:
            patch.setitem(named, name, ours[named[name]])


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that takes no time to wait for a timer, unless a thread is at work for it."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__(_Selector(self))
        self.clock = clock
        self.threads = 0
        self._clock_resolution = 0.001  # that of a monotonic clock is lost in so large a number

    def time(self) -> float:
        return self.clock.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        def is_over(_: object) -> None:
            self.threads -= 1

        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(is_over)
        return future


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.threads:
            return super().select(1.0)
        self._loop.clock.sleep(timeout)
        return super().select(0)


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(airflow_provider_vmanage.__path__, f"{_PACKAGE}."):
        if _is_ours(found.name):
            importlib.import_module(found.name)
    yield from [module for name, module in sys.modules.items() if _is_ours(name)]


def _is_ours(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package == _PACKAGE and rest.split(".")[0] not in _OF_THEIR_OWN


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        for one in vars(value).values() if isinstance(value, type) else [value]:
            if isinstance(one, FunctionType):
                yield one
