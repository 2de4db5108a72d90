"""Between the provider and the manager: what was sent, how often, and the trouble of one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.responses import Call
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import Killed
from tests.stateful.virtual_time import VirtualTime

if TYPE_CHECKING:
    import pytest

#: what a request meets, and the fault of the simulator that it is, with its options
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a lost reply": ("reply_lost", {}),
    "a page for a reply": ("html_200", {"done": True}),
    "a reset": ("reset_before", {}),
    "unavailable": ("http_503", {}),
    "a proxy's page": ("html_200", {}),
}

#: what happens to the manager or the worker between two requests
EVENTS = ("expired sessions", "a restart", "a killed worker", "a task killed by hand")

RESTART_S = 60.0


@dataclass(frozen=True)
class Trouble:
    """What goes wrong in a step, once.

    :param kind: one of ``FAULTS`` or ``EVENTS``; empty for nothing.
    :param from_write: counted from the first request that changes something, else from the first of all.
    :param nth: which request it is, 0-based.
    :param only_writes: only requests that change something are counted.
    :param after: once the request is carried out, for an event.
    :param later: seconds until the next try.
    :param has_store: Airflow has a task state store (from 3.3 on).
    :param rows_after: seconds in which no task of the manager shows its devices.
    """

    kind: str = ""
    from_write: bool = False
    nth: int = 0
    only_writes: bool = False
    after: bool = False
    later: float = 0.0
    has_store: bool = True
    rows_after: float = 0.0


@dataclass(frozen=True)
class Post:
    """An action that the manager has received for one device.

    :param in_try: of a task, counted over the whole sequence.
    """

    action: str
    device: str
    versions: tuple[str, ...]
    process_id: str | None
    in_try: int = 0

    def is_like(self, other: Post) -> bool:
        return (self.action, self.device, self.versions) == (other.action, other.device, other.versions)


class Wire:
    """Every request of a machine's tasks passes through here.

    :param on_post: called with each action that the manager has received.
    """

    current: Wire

    def __init__(self, vm: Simulator, clock: VirtualTime, on_post: Callable[[Post], None]) -> None:
        self.vm, self.clock, self._on_post = vm, clock, on_post
        self.task: Any = None
        self.struck = 0
        self._received = 0
        self.is_down = False
        self.calm()
        Wire.current = self

    @staticmethod
    def install(patch: pytest.MonkeyPatch) -> None:
        send = ManagerConnection.send

        def passed(connection: ManagerConnection, call: Call, **options: Any) -> Any:
            return Wire.current.pass_on(lambda: send(connection, call, **options), call)

        patch.setattr(ManagerConnection, "send", passed)

    def begin(self, trouble: Trouble) -> None:
        self.trouble, self._count = trouble, 0

    def calm(self) -> None:
        """Everything is well again, and the manager there."""
        if self.is_down:
            self.clock.sleep(RESTART_S)
        self.trouble, self._count, self.is_dead, self.is_down = Trouble(), 0, False, False
        self.vm.faults.clear()
        refused_logins.forget_all()

    def pass_on(self, send: Callable[[], Any], call: Call) -> Any:
        if self.is_dead:
            raise Killed
        strikes = self._strikes(call)
        strikes_after = strikes and self.trouble.after and self.trouble.kind in EVENTS
        if strikes and not strikes_after:
            self._strike(call)
        if strikes_after and self.trouble.kind == "a restart" and call.method != "GET":
            self.vm.faults.add("reply_lost", method=call.method, path=call.path)
        try:
            return send()
        finally:
            self._note_posts()
            if strikes_after:
                self._strike(call)

    def _strikes(self, call: Call) -> bool:
        if not self.trouble.kind or not call.path.startswith("/dataservice/device"):
            return False
        is_before = self.trouble.from_write and not self._count
        if call.method == "GET" and (is_before or self.trouble.only_writes):
            return False
        self._count += 1
        return self._count == self.trouble.nth + 1

    def _strike(self, call: Call) -> None:
        kind, self.struck = self.trouble.kind, self.struck + 1
        if kind in FAULTS:
            if kind != "a lost reply" or call.method != "GET":
                fault, options = FAULTS[kind]
                self.vm.faults.add(fault, method=call.method, path=call.path, **options)
        elif kind == "expired sessions":
            self.vm.expire_sessions()
        elif kind == "a restart":
            self.is_down = True
            self.vm.stop()
            self.vm.expire_sessions()
            self.clock.after(RESTART_S, self.vm.start)
        elif kind == "a task killed by hand":
            self.task.on_kill()
        else:
            self.is_dead = True
            raise Killed

    def _note_posts(self) -> None:
        actions = self.vm.actions
        new, self._received = actions[self._received :], len(actions)
        for one in new:
            versions = tuple(one.version) if isinstance(one.version, list) else (one.version,)
            self._on_post(Post(one.action, one.device, versions, one.process_id))
