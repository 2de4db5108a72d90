"""What a task can do and what can go wrong, as tables: a new operation or trouble is one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.faults.book import FAULTS

PASSWORD = "c4nary-pass w/+&=word"
REMOTE_PASSWORD = "c4nary-remote/server+password"
PROXY_PASSWORD = "c4nary-proxy-password"
URL_PASSWORD, URL_TOKEN, SIGNATURE = "c4nary-url-password", "c4nary-token-as-user", "c4nary%2Fsignature"
CONNECTION_FIELD = "c4nary-in-a-wrong-field"
CANARIES = {
    "password": PASSWORD,
    "remote server password": REMOTE_PASSWORD,
    "proxy password": PROXY_PASSWORD,
    "URL password": URL_PASSWORD,
    "URL token": URL_TOKEN,
    "signature": SIGNATURE,
    "value of a wrong field": CONNECTION_FIELD,
}

OLD = "vmanage-20.12.3-x86_64.tar.gz"
SOFTWARE = "/dataservice/device/action/software"
LIST, CHANGE = ("GET", SOFTWARE), ("POST", SOFTWARE)
ACTION = "/dataservice/device/action"
DEVICES, STATUS = ("GET", f"{ACTION}/install/devices/vedge"), ("GET", f"{ACTION}/status/id")
LOGIN, SERVER = ("POST", "/j_security_check"), ("GET", "/dataservice/client/server")

OPERATIONS: dict[str, list[tuple[str, str]]] = {
    "list": [LIST],
    "add": [LIST, CHANGE],
    "add with a token": [LIST, CHANGE],
    "replace a URL": [LIST, CHANGE, ("DELETE", f"{SOFTWARE}/id")],
    "upload": [LIST, ("POST", f"{SOFTWARE}/package")],
    "upload with a list": [LIST, ("POST", f"{SOFTWARE}/package")],
    "download": [LIST, ("GET", f"{SOFTWARE}/package/{OLD}")],
    "delete": [LIST, ("DELETE", f"{SOFTWARE}/id")],
    "wait": [LIST],
    "trigger": [LIST],
    "watch": [LIST],
    "test": [LIST],
    "plan an upgrade": [("GET", "/dataservice/device/action/install/devices/vmanage"), LIST],
    "upgrade": [DEVICES, ("GET", "/dataservice/device"), ("POST", f"{ACTION}/changepartition"), STATUS],
    "remote server": [("POST", "/dataservice/device/action/remote-server")],
    "install": [DEVICES, LIST, ("POST", f"{ACTION}/install"), STATUS],
    "activate": [DEVICES, ("POST", f"{ACTION}/changepartition"), STATUS],
    "set default": [DEVICES, ("POST", f"{ACTION}/defaultpartition"), STATUS],
    "remove": [DEVICES, ("POST", f"{ACTION}/removepartition"), STATUS],
    "cancel": [("POST", f"{ACTION}/status/cancel/id")],
    "version on devices": [DEVICES],
    "version trigger": [DEVICES],
    "task": [STATUS],
    "task trigger": [STATUS],
}
"""What each operation sends after its login; tests/secrets/conftest.py carries it out."""

OF_A_TASK = ("cancel", "task", "task trigger")
"""What works on a task of the manager that has begun before."""


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong.

    :param begin: does it to a simulator, before the task runs.
    :param connection: fields of the connection that are replaced.
    :param environment: variables of the worker.
    :param hits: calls of which an operation must send one to be hit; none named means every operation.
    """

    begin: Callable[[Simulator], Any] = lambda _: None
    connection: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    hits: Callable[[str, str], bool] = lambda *_: True


_QUICK = {
    "slow": {"delay": 0.01},
    "trickle": {"size": 2, "pause": 0.01},
    "early_403": {"linger": 0.2},
    "early_response": {"linger": 0.2},
    "session_death_in_upload": {"linger": 0.2},
}
_ECHO = {name: " ".join(CANARIES.values()) for name in ("message", "details", "code")}


def _fault(name: str, **options: Any) -> Trouble:
    def begin(vm: Simulator) -> None:
        vm.faults.add(name, **{"times": None, **_QUICK.get(name, {}), **options})

    path = options.get("path")
    return Trouble(begin, hits=FAULTS[name].hits if path is None else lambda *_: True)


NOTHING = {"nothing": Trouble()}
FAULT_TROUBLES = {name: _fault(name) for name in FAULTS}
"""Each fault of the simulator, for as long as the task runs: a new one is in the table by itself."""
OTHER_TROUBLES: dict[str, Trouble] = {
    "dies once": _fault("expired_a", times=1),
    "busy during the login": _fault("http_503", path="/j_security_check"),
    "busy after the login": _fault("http_503", path="client/*"),
    "page after the login": _fault("html_200", path="client/server"),
    "logout fails": _fault("http_500", path="/logout"),
    "manager is unavailable": Trouble(lambda vm: vm.stop()),
    "wrong password": Trouble(connection={"password": CONNECTION_FIELD}),
    "wrong authority": Trouble(connection={"extra": {"ca_bundle": None}}),
    "not verified": Trouble(connection={"extra": {"ca_bundle": None, "verify": False}}),
    "proxy is unavailable": Trouble(environment={"HTTPS_PROXY": f"http://joe:{PROXY_PASSWORD}@127.0.0.1:9"}),
    "secret in the host": Trouble(connection={"host": f"https://joe:{CONNECTION_FIELD}@127.0.0.1"}),
    "secret in an unknown extra": Trouble(connection={"extra": {"apikey": CONNECTION_FIELD}}),
    "bearer that no header can carry": Trouble(
        connection={"extra": {"auth": "api_key", "api_key": f"{CONNECTION_FIELD}\n"}}
    ),
    "extra that is not valid JSON": Trouble(connection={"extra": f'{{"api_key": "{CONNECTION_FIELD}"'}),
}
ECHOES: dict[str, Trouble] = {
    "echo in an error": _fault("error_4xx", **_ECHO),
    "echo in a success": _fault("error_200", **_ECHO),
    "echo in a page": _fault("status", status=403, body=f"<html>{_ECHO['message']}</html>"),
    "echo in a refused login": _fault("status", path="/j_security_check", status=200, body={"error": _ECHO}),
    "echo in a redirect": _fault("redirect", location=f"https://joe:{URL_PASSWORD}@sso.invalid/?sig={SIGNATURE}"),
}
"""A manager that echoes what it was sent. Only Airflow's masker can know all of that as secret."""


def cells(troubles: dict[str, Trouble]) -> list[tuple[str, str]]:
    """Every operation with every trouble that can hit it."""
    return [
        (operation, name)
        for name, trouble in troubles.items()
        for operation, calls in OPERATIONS.items()
        if any(trouble.hits(*call) for call in (LOGIN, SERVER, *calls))
    ]


def some_of(rows: Sequence[tuple[str, ...]], one_in: int) -> list[Any]:
    """The rows, all but one in so many marked as `whole_grid`; each operation keeps some of its own."""
    marked = []
    for row in rows:
        places = [sorted({other[column] for other in rows}).index(name) for column, name in enumerate(row)]
        marked.append(pytest.param(*row, marks=[pytest.mark.whole_grid] if sum(places) % one_in else []))
    return marked
