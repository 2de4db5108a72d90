"""Connections to simulated managers, as Airflow finds them in its environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.log import _secrets_masker

from airflow_provider_vmanage.client.connection import ManagerConnection
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Describes the connection ``vmanage_default`` to a simulator; fields and extras may be replaced."""

    def describe(vm: Simulator, *, extra: Any = None, **fields: Any) -> None:
        given = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, **fields}
        given["extra"] = extra if isinstance(extra, str) else {"ca_bundle": vm.ca_bundle, **(extra or {})}
        monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(given))

    return describe


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that sessions wanted to wait, and did not."""
    taken: list[float] = []
    monkeypatch.setattr(ManagerConnection, "sleep", lambda _, seconds: taken.append(seconds))
    return taken


@pytest.fixture
def redact() -> Iterator[Callable[[str], str]]:
    """Airflow's own masker, forgetful before and after the test."""
    masker = _secrets_masker()
    masker.reset_masker()
    yield lambda text: str(masker.redact(text))
    masker.reset_masker()


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What hooks have warned of: where Airflow's loggers write depends on how it is run."""
    said: list[str] = []
    log = SimpleNamespace(warning=lambda text, *values: said.append(text % values))
    monkeypatch.setattr(VManageHook, "log", log)
    return said
