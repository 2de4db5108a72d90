"""Nothing that a task leaves behind shows a secret, whatever fails: every operation with every trouble."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.secrets.conftest import OLD, Left, add_edge
from tests.secrets.search import found, secrets_sent
from tests.secrets.troubles import (
    CANARIES,
    ECHOES,
    FAULT_TROUBLES,
    NOTHING,
    OPERATIONS,
    OTHER_TROUBLES,
    PASSWORD,
    SIGNATURE,
    URL_PASSWORD,
    Trouble,
    cells,
    some_of,
)

Perform = Callable[[Simulator, str], Left]
SESSIONS: dict[str, dict[str, Any]] = {
    "session": {},
    "jwt": {"auth": "jwt"},
    "api_key": {"auth": "api_key"},
    "tenant": {"tenant": "blue"},
}
MOST_TROUBLES = ("expired_a", "expired_e", "error_4xx", "http_503", "reset_before", "slow")
OTHER_KINDS = ("jwt", "api_key", "tenant")
ADDING = ("add", "add with a token", "replace a URL")
QUOTING = ("error text", "error repr", "error fields", "traceback", "pickle", "log")
"""An error quotes the manager, and a task logs it: these are as safe as Airflow's masker makes them."""


@pytest.fixture
def attempt(
    perform: Perform, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Left, dict[str, str]]]:
    """Runs an operation with a trouble; what it leaves behind, and every secret that there is."""

    def run(operation: str, trouble: Trouble, kind: str = "session") -> tuple[Left, dict[str, str]]:
        tenants = ["blue"] if kind == "tenant" else []
        with Simulator(version="20.18.2" if kind != "session" else "20.12.4", password=PASSWORD, tenants=tenants) as vm:
            vm.add_image(OLD)
            vm.add_image("", version="old", url=f"ftp://joe:{URL_PASSWORD}@images.invalid/?sig={SIGNATURE}&old")
            add_edge(vm, operation)
            fields = dict(trouble.connection)
            extra = fields.pop("extra", {})
            if isinstance(extra, dict):
                extra = {**SESSIONS[kind], **({"api_key": vm.api_key} if kind == "api_key" else {}), **extra}
            connect(vm, extra=extra, **fields)
            for name, value in trouble.environment.items():
                monkeypatch.setenv(name, value)
            trouble.begin(vm)
            left = perform(vm, operation)
            key = {"API key": vm.api_key} if kind == "api_key" else {}
            return left, {**CANARIES, **key, **secrets_sent(vm)}

    return run


@pytest.mark.parametrize(("operation", "kind"), some_of(list(product(OPERATIONS, SESSIONS)), 3))
def test_success_shows_no_secret(operation: str, kind: str, attempt: Callable[..., Any]) -> None:
    left, secrets = attempt(operation, NOTHING["nothing"], kind)
    fails = kind != "session" and operation in ADDING  # the newest preset takes no URL
    assert (left.error is not None) is fails, left.error
    assert len(secrets) > len(CANARIES)
    assert found(secrets, left.raw | left.masked) == []


@pytest.mark.parametrize(("operation", "trouble"), some_of(cells(FAULT_TROUBLES | OTHER_TROUBLES), 12))
def test_failure_shows_no_secret(operation: str, trouble: str, attempt: Callable[..., Any]) -> None:
    left, secrets = attempt(operation, (FAULT_TROUBLES | OTHER_TROUBLES)[trouble])
    assert found(secrets, left.raw | left.masked) == []


@pytest.mark.parametrize(
    ("operation", "trouble", "kind"), some_of(list(product(OPERATIONS, MOST_TROUBLES, OTHER_KINDS)), 8)
)
def test_failure_of_other_sessions_shows_no_secret(
    operation: str, trouble: str, kind: str, attempt: Callable[..., Any]
) -> None:
    left, secrets = attempt(operation, FAULT_TROUBLES[trouble], kind)
    assert found(secrets, left.raw | left.masked) == []


@pytest.mark.parametrize(("operation", "trouble"), some_of(cells(ECHOES), 3))
def test_what_a_manager_says_back_is_masked_in_logs(
    operation: str, trouble: str, attempt: Callable[..., Any], redact: Callable[[str], str]
) -> None:
    left, secrets = attempt(operation, ECHOES[trouble])
    places = {place: redact(text) if place in QUOTING else text for place, text in left.raw.items()}
    known = {name: secret for name, secret in secrets.items() if name in redactable(operation)}
    assert found(known, places | left.masked) == []


def redactable(operation: str) -> set[str]:
    """What Airflow knows by then."""
    known = {"password"}
    if operation in ("add", "replace a URL", "upload", "upload with a list"):
        known |= {"URL password", "signature"}
    return known | ({"URL token"} if operation == "add with a token" else set())
