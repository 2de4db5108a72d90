"""What the tests of device actions share: versions, requests, notes that outlive a killed task, and the kill itself."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.notes import ActionNote
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"

INSTALL = ActionRequest(ActionKind.INSTALL)
INSTALL_AND_ACTIVATE = ActionRequest(ActionKind.INSTALL, activate=True)
ACTIVATE = ActionRequest(ActionKind.ACTIVATE)
SET_DEFAULT = ActionRequest(ActionKind.SET_DEFAULT)
REMOVE = ActionRequest(ActionKind.REMOVE)

REQUESTS = {
    "install": INSTALL,
    "install and activate": INSTALL_AND_ACTIVATE,
    "activate": ACTIVATE,
    "set default": SET_DEFAULT,
    "remove": REMOVE,
}


class Killed(BaseException):
    """The end of a process: no handler of the provider may expect it."""


class Kill:
    """Raises :class:`Killed` at one of the moments that a run passes through.

    :param at: which moment, 0-based; ``None`` for a run that is not killed.
    """

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.moments: list[str] = []

    def pass_through(self, moment: str) -> None:
        self.moments.append(moment)
        if len(self.moments) - 1 == self._at:
            raise Killed(moment)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with a moment before it, and one after it where it changes something."""

        def wrapped(*args: Any, **options: Any) -> Any:
            shown = " ".join([name, *(one for one in args if isinstance(one, str))])
            self.pass_through(f"before {shown}")
            result = call(*args, **options)
            if name not in ("request", "sleep") or args[0] == "POST":
                self.pass_through(f"after {shown}")
            return result

        return wrapped

    def arm(self, session: ManagerSession) -> None:
        """Watch the requests and waits of a session."""
        session.request = self.around("request", session.request)  # type: ignore[method-assign]
        session.sleep = self.around("sleep", session.sleep)  # type: ignore[method-assign]


class Notes:
    """A store that outlives a killed task.

    :param kill: watches what is written.
    """

    def __init__(self, *notes: ActionNote, kill: Kill | None = None) -> None:
        self.notes = list(notes)
        self.kill = kill
        self.are_kept = False

    def read(self) -> list[ActionNote]:
        return copy.deepcopy(self.notes)

    def write(self, notes: Sequence[ActionNote]) -> None:
        self._change("write", list(notes))

    def clear(self) -> None:
        self._change("clear", [])

    def keep_until_cleared(self) -> None:
        self.are_kept = True

    def _change(self, name: str, notes: list[ActionNote]) -> None:
        def change() -> None:
            self.notes = copy.deepcopy(notes)

        (self.kill.around(f"notes.{name}", change) if self.kill else change)()


class Forgetful(Notes):
    """No store: what is written is gone."""

    def read(self) -> list[ActionNote]:
        return []


def add_edges(vm: Simulator, request: ActionRequest, count: int = 2, **fields: Any) -> list[dict[str, Any]]:
    """Add edges on which the request has something to do, and the image for it."""
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    available = [] if request.kind is ActionKind.INSTALL else [NEW]
    return [
        vm.add_device(f"edge-{number}", "vedge", OLD, availableVersions=list(available), **fields)
        for number in range(1, count + 1)
    ]


def names(devices: list[dict[str, Any]]) -> list[str]:
    return [device["host-name"] for device in devices]


def posts_of_one_device(vm: Simulator) -> int:
    """Return the greatest number of requests of one action for one device."""
    return max(Counter((one.action, one.device) for one in vm.actions).values(), default=0)
