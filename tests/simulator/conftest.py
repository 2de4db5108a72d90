"""A plain client for the simulator: requests over TLS, one step per method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from airflow_provider_vmanage.simulator import Simulator

SOFTWARE = "/dataservice/device/action/software"
PACKAGE = SOFTWARE + "/package"


class Client:
    """One session against one simulator, logged in by default."""

    def __init__(self, vm: Simulator, *, log_in: bool = True) -> None:
        self.vm = vm
        self.http = requests.Session()
        # REQUESTS_CA_BUNDLE of the environment would win over the simulator's own CA.
        self.http.trust_env = False
        self.http.verify = vm.ca_bundle or True
        if log_in:
            assert self.log_in().content == b""
            self.take_token()

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options = {"timeout": 10, "allow_redirects": False, **options}
        return self.http.request(method, self.vm.url + path, **options)

    def log_in(self, password: str | None = None) -> requests.Response:
        form = {"j_username": self.vm.username, "j_password": password or self.vm.password}
        return self.call("POST", "/j_security_check", data=form)

    def take_token(self) -> None:
        data = self.call("GET", "/dataservice/client/server").json()["data"]
        self.http.headers["X-XSRF-TOKEN"] = data.get("CSRFToken", "none")

    def images(self, path: str = SOFTWARE) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.call("GET", path).json()["data"]
        return listed

    def upload(self, name: str = "vmanage-20.12.5-x86_64.tar.gz", content: bytes = b"image", **options: Any) -> Any:
        return self.call("POST", PACKAGE, files={"file": (name, content, "application/x-gzip")}, **options)

    def delete(self, version_id: str) -> requests.Response:
        return self.call("DELETE", f"{SOFTWARE}/{version_id}")

    def log_out(self) -> requests.Response:
        return self.call(self.vm.release.logout_verb, "/logout")


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that end with the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(Simulator(*args, **options))


@pytest.fixture
def vm(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Makes clients whose connections end with the test."""
    with ExitStack() as stack:

        def make(vm: Simulator, **options: Any) -> Client:
            client = Client(vm, **options)
            stack.callback(client.http.close)
            return client

        yield make


@pytest.fixture
def client(vm: Simulator, connect: Callable[..., Client]) -> Client:
    return connect(vm)
