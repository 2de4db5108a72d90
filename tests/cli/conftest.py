"""The URI of a connection to a simulated manager."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest

from airflow_provider_vmanage.simulator import Simulator


@pytest.fixture
def uri_of() -> Callable[..., str]:
    def uri(vm: Simulator, password: str | None = None) -> str:
        address = urlsplit(vm.url).netloc
        user = f"{quote(vm.username)}:{quote(password or vm.password)}"
        return f"vmanage://{user}@{address}/?ca_bundle={quote(vm.ca_bundle or '', safe='')}"

    return uri
