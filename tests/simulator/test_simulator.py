from __future__ import annotations

import dataclasses
import gc
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_vmanage.simulator import Simulator

LIST = "/dataservice/device/action/software"


def test_nothing_is_left_behind():
    before = threading.enumerate()
    with Simulator() as vm:
        folder = vm.storage
        assert folder.is_dir()
    assert threading.enumerate() == before
    assert not folder.exists()
    gc.collect()  # an unclosed socket or loop would warn now, and warnings are errors


def test_connections_that_are_open_at_the_end_are_closed(connect):
    with Simulator() as vm:
        client = connect(vm)
        with socket.create_connection(("127.0.0.1", urlsplit(vm.url).port)):  # never begins its TLS handshake
            assert client.images() == []
            vm.stop()
            with pytest.raises(requests.ConnectionError):
                client.images()
    gc.collect()


# Of the clients: Python's wrap_socket leaves a socket unclosed that is reset meanwhile.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_stop_closes_connections_that_are_made_meanwhile(vm):
    context = ssl.create_default_context(cafile=vm.ca_bundle)
    address = ("127.0.0.1", urlsplit(vm.url).port)
    ended, hung = threading.Event(), []

    def connect_again_and_again():
        while not ended.is_set():
            with suppress(ConnectionError, ssl.SSLError), socket.create_connection(address, timeout=5) as connection:
                try:
                    with context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
                        secured.recv(1)  # asks nothing, so only the end of the connection ends this
                except TimeoutError as err:
                    hung.append(err)

    clients = [threading.Thread(target=connect_again_and_again) for _ in range(8)]
    for client in clients:
        client.start()
    for _ in range(20):
        vm.stop()
        vm.start()
    ended.set()
    vm.stop()
    for client in clients:
        client.join()
    assert not hung


def test_request_under_way_ends_with_the_server(vm, connect):
    client = connect(vm)
    vm.faults.add("slow", delay=60)
    failed = threading.Event()

    def ask():
        try:
            client.images()
        except requests.ConnectionError:
            failed.set()

    asking = threading.Thread(target=ask)
    asking.start()
    while vm.requests[-1].path != LIST:
        pass
    vm.stop()
    asking.join(10)
    assert failed.is_set()


def test_restarted_manager_has_its_port_and_sessions(vm, connect):
    client = connect(vm)
    vm.add_image("vmanage-20.12.5-x86_64.tar.gz")
    url = vm.url
    vm.stop()
    vm.stop()
    with pytest.raises(requests.ConnectionError, match="refused"):
        client.images()
    vm.start()
    vm.start()
    assert vm.url == url
    assert len(client.images()) == 1


def test_reset_manager_is_as_new_at_its_address(vm, connect):
    url, client = vm.url, connect(vm)
    image = vm.add_image("image.bin")
    vm.add_device("edge-1", "vedge")
    vm.faults.add("http_503", times=None)
    vm.stop()
    vm.reset()
    assert (vm.url, vm.images, vm.requests, vm.actions, vm.faults.pending) == (url, [], [], [], [])
    assert [one["host-name"] for one in vm.devices] == ["vmanage"]
    assert (vm.counters.logins, vm.counters.open_sessions) == (0, 0)
    assert not image.path.exists()
    assert "<html" in client.call("GET", LIST).text  # its session is dead
    assert connect(vm).images() == []


def test_there_is_no_address_before_the_start():
    vm = Simulator()
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = vm.url
    vm.close()


def test_taken_port_is_an_error_and_leaves_nothing(vm):
    other = Simulator(port=urlsplit(vm.url).port)
    folder = other.storage
    with pytest.raises(OSError, match="in use"), other:
        pass
    assert not folder.exists()


def test_requests_are_recorded_in_order_with_what_a_test_needs(vm, connect):
    client = connect(vm)
    client.call("POST", LIST, params={"a": "1"}, json={"versionName": "1.0"})
    assert [r.path for r in vm.requests] == ["/j_security_check", "/dataservice/client/server", LIST]
    last = vm.requests[-1]
    assert (last.method, last.query, last.status, last.json) == (
        "POST",
        {"a": "1"},
        400,
        {"versionName": "1.0"},
    )
    assert last.headers["content-type"] == "application/json"
    assert last.headers["x-xsrf-token"] == client.http.headers["X-XSRF-TOKEN"]
    assert last.body_bytes == int(last.headers["content-length"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        last.status = 200


def test_counters_are_a_snapshot(vm, connect):
    client = connect(vm)
    client.log_in("wrong")
    counters = vm.counters
    client.log_out()
    assert dataclasses.astuple(counters) == (1, 1, 0, 1, 3)


def test_many_clients_at_once_are_served(vm, connect):
    clients = [connect(vm) for _ in range(8)]
    threads = [
        threading.Thread(target=c.upload, args=(f"vmanage-20.{n}.1.tar.gz", bytes(500_000)))
        for n, c in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients[0].images()) == 8


def test_unknown_page_is_an_error_that_says_so(vm, connect):
    client = connect(vm)
    response = client.call("GET", "/dataservice/statistics")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "SIM-NOT-SIMULATED")
    assert client.call("GET", "/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", [], 400), ("1.1", ["a", "a"], 400), ("1.0", [], 200), ("1.1", ["a"], 200)],
)
def test_request_of_http_1_1_names_one_host(version, hosts, status, simulate):
    address = urlsplit(simulate(tls=False).url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        lines = [f"GET /welcome.html HTTP/{version}", *(f"Host: {host}" for host in hosts), "Connection: close"]
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        with raw.makefile("rb") as response:
            assert response.read().split()[1] == str(status).encode()


def test_importing_the_package_imports_no_server():
    script = "import sys, airflow_provider_vmanage.simulator; sys.exit('uvicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_missing_extra_is_named():
    script = "import sys; sys.modules['trustme'] = None\nfrom airflow_provider_vmanage.simulator import Simulator"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("pip install 'airflow-provider-vmanage[simulator]'")
