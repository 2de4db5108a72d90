"""What hooks say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_vmanage.hooks.vmanage import VManageHook


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What hooks have warned of: where Airflow's loggers write depends on how it is run."""
    said: list[str] = []
    log = SimpleNamespace(warning=lambda text, *values: said.append(text % values))
    monkeypatch.setattr(VManageHook, "log", log)
    return said
