"""Proxies of the environment: honoured, and what their refusals mean."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageConfigurationError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import connection_of

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", SOFTWARE).rows


class Proxy:
    """A proxy that tunnels, or refuses every CONNECT while it has a refusal."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.refusal = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:pr0xy-pass@127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._threads.append(threading.Thread(target=self._tunnel, args=self._listening.accept()[:1]))
                self._threads[-1].start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = client.recv(65536).decode()
            self.seen.append(head.partition(" HTTP/")[0])
            if self.refusal:
                client.sendall(self.refusal)
                return
            host, _, port = head.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                to = {client: server, server: client}
                while True:
                    for source in select.select([*to], [], [])[0]:
                        data = source.recv(65536)
                        if not data:
                            return
                        to[source].sendall(data)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with closing(Proxy()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy


def test_proxies_of_the_environment_are_honoured(vm: Simulator, connect: Connect, proxy: Proxy) -> None:
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    with connect(vm) as session:
        session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert proxy.seen == [f"CONNECT {vm.url.removeprefix('https://')}"]
    assert vm.counters.open_sessions == 0


def test_no_proxy_of_the_environment_is_honoured(
    vm: Simulator, connect: Connect, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert list_images(connect(vm)) == []
    assert proxy.seen == []


def test_abort_works_behind_a_proxy_too(vm: Simulator, connect: Connect, proxy: Proxy) -> None:
    session = connect(vm)
    list_images(session)
    vm.faults.add("slow", delay=30, path=SOFTWARE)
    timer = threading.Timer(0.3, session.abort)
    started = time.monotonic()
    timer.start()
    with pytest.raises(VManageCancelledError):
        list_images(session)
    timer.join()
    session.close()
    assert time.monotonic() - started < 2
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("refusal", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"HTTP/1.1 503 No\r\n\r\n"])
def test_proxy_that_refuses_means_that_nothing_was_sent(
    vm: Simulator, connect: Connect, recorded_sleeps: list[float], monkeypatch: pytest.MonkeyPatch, refusal: bytes
) -> None:
    with closing(Proxy()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        session = connect(vm)
        list_images(session)
        connection_of(session).drop()
        proxy.refusal = refusal
        with pytest.raises(VManageUnavailableError, match="Tunnel connection failed") as caught:
            session.request("DELETE", f"{SOFTWARE}/1")
        proxy.refusal = b""
        session.close()
    assert len(recorded_sleeps) == 5
    assert "pr0xy-pass" not in str(caught.value)


@pytest.mark.parametrize("proxy_url", ["socks5://127.0.0.1:1", "foo://127.0.0.1:1", "http://"])
def test_proxy_that_cannot_be_used_is_a_configuration_error(
    vm: Simulator, connect: Connect, recorded_sleeps: list[float], monkeypatch: pytest.MonkeyPatch, proxy_url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy_url)
    with pytest.raises(VManageConfigurationError, match="proxy"):
        list_images(connect(vm))
    assert recorded_sleeps == []
