"""A connection to a simulated manager, and tasks run as Airflow's task runner runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.log import _secrets_masker

from airflow_provider_vmanage.client.connection import ManagerConnection
from airflow_provider_vmanage.simulator import Simulator

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Describes the connection ``vmanage_default`` to a simulator; fields and extras may be replaced."""

    def describe(vm: Simulator, *, extra: Any = None, **fields: Any) -> None:
        given = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, **fields}
        given["extra"] = {"ca_bundle": vm.ca_bundle, **(extra or {})}
        monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(given))

    return describe


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that sessions wanted to wait, and did not."""
    taken: list[float] = []
    monkeypatch.setattr(ManagerConnection, "sleep", lambda _, seconds: taken.append(seconds))
    return taken


@pytest.fixture
def run() -> Callable[..., Any]:
    """Executes a task and returns its XCom."""

    def execute(task: BaseOperator, context: dict[str, Any] | None = None) -> Any:
        # What the task runner hands over, so that Airflow does not take this for a call by another operator.
        passport = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
        return task.execute(context or {}, **passport)  # type: ignore[arg-type]

    return execute


@pytest.fixture
def redact() -> Iterator[Callable[[str], str]]:
    """Airflow's own masker, forgetful before and after the test."""
    masker = _secrets_masker()
    masker.reset_masker()
    yield lambda text: str(masker.redact(text))
    masker.reset_masker()


@pytest.fixture
def calls() -> Callable[[Simulator], list[str]]:
    """Lists what a simulator has received, in order: ``GET client/server``, ``POST /logout``."""
    return lambda vm: [f"{one.method} {one.path.removeprefix('/dataservice/')}" for one in vm.requests]
