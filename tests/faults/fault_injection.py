"""Inject a fault of the matrix just before the request that its cell is about."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import trustme
from airflow.sdk.execution_time import supervisor

from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.responses import Call
from airflow_provider_vmanage.simulator import Simulator
from tests.faults.matrix import OPERATIONS, Row

if TYPE_CHECKING:
    import pytest

LOGIN = "/j_security_check"

#: extras of the connection: an image that is not listed after a minute is no more likely to be after half an hour
PATIENCE = {"upload_read_timeout": 60}


class FaultInjection:
    """One cell's fault: prepared before its operation, injected once its request is about to be sent.

    :param row: the fault.
    :param operation: name of the operation.
    :param vm: the manager.
    :param stack: ends what the fault starts.
    """

    def __init__(self, row: Row, operation: str, vm: Simulator, stack: ExitStack) -> None:
        self.row, self.operation, self.vm, self._stack = row, OPERATIONS[operation], vm, stack
        self.host = vm.url
        self.extra: dict[str, Any] = {"ca_bundle": vm.ca_bundle, **PATIENCE, **row.extra}
        self.injected = False
        self.nodes = [vm]
        self.wake: Callable[[], None] = lambda: None
        self._seen = 0
        self._act: Callable[[], None] = self._switch_on
        special = getattr(self, f"_prepare_{row.fault}", None)
        if special is not None:
            special()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Check each request on its way to the one that the fault affects."""
        send = ManagerConnection.send

        def watched(connection: ManagerConnection, call: Call, **options: Any) -> Any:
            self._check(call)
            return send(connection, call, **options)

        monkeypatch.setattr(ManagerConnection, "send", watched)

    def break_lookup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the connection be in a secrets backend that fails, until the end."""
        if self.row.fault == "no_lookup":
            monkeypatch.delenv("AIRFLOW_CONN_VMANAGE_DEFAULT")
            monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [_FailingBackend()])

    def end(self) -> None:
        """Everything is well again; a person or time has removed what a refused login left."""
        refused_logins.forget_all()
        self.vm.faults.clear()
        self.vm.start()
        self.vm.repository.raw_records.clear()
        self.host, self.extra = self.vm.url, {"ca_bundle": self.vm.ca_bundle, **PATIENCE}
        self._act = lambda: None

    def _check(self, call: Call) -> None:
        method, path = self._target
        if self.injected or call.method != method or not fnmatchcase(call.path, path):
            return
        self._seen += 1
        if self._seen == self.operation.nth:
            self.injected = True
            self._act()

    @property
    def _target(self) -> tuple[str, str]:
        if self.row.on_data and self.operation.read:
            return self.operation.read
        return self.operation.method, self.operation.path

    def _switch_on(self) -> None:
        method, path = self._target
        fault, options = self.row.fault, dict(self.row.options)
        self.vm.faults.add(fault, times=self.row.times, method=method, path=path, **options)

    # -- faults that the simulator has no single switch for -----------------------------------------------------------

    def _prepare_dead_and_refused(self) -> None:
        def act() -> None:
            method, path = self._target
            self.vm.faults.add("expired_a", method=method, path=path)
            self.vm.faults.add("login_refused", times=None)

        self._act = act

    def _prepare_dead_and_starting(self) -> None:
        def act() -> None:
            method, path = self._target
            if path != LOGIN:
                self.vm.faults.add("expired_a", method=method, path=path)
            self.vm.faults.add("status", path=LOGIN, times=None, **self.row.options)
            self.vm.faults.add("http_503", path="client/server/ready", times=None)

        self._act = act

    def _prepare_no_lookup(self) -> None:
        self.injected = True

    def _prepare_other_node(self) -> None:
        shared = self.vm.storage / "other"
        shared.mkdir(exist_ok=True)
        for name in ("ca.pem", "ca-key.pem"):
            shutil.copy(self.vm.storage / name, shared / name)
        other = Simulator(storage=shared)
        other.repository = self.vm.repository
        other.share_devices(self.vm)
        self.nodes.append(self._stack.enter_context(other))
        name = self._stack.enter_context(shared_name(self.vm))
        self.host = name.url
        self._act = lambda: name.point_to(other)

    def _prepare_down(self) -> None:
        self._act = self.vm.stop

    def _prepare_down_for_a_while(self) -> None:
        self._act = self.vm.stop
        self.wake = lambda: self.vm.start() if self.injected else None

    def _prepare_other_authority(self) -> None:
        file = self.vm.storage / "another.pem"
        trustme.CA().cert_pem.write_to_path(str(file))
        self.extra = {"ca_bundle": str(file)}
        self.injected = True

    def _prepare_no_tls(self) -> None:
        plain = self._stack.enter_context(Simulator(tls=False))
        self.host = plain.url.replace("http:", "https:")
        self.injected = True

    def _prepare_broken_handshake(self) -> None:
        self.host = self._stack.enter_context(broken_port())
        self.injected = True

    def _prepare_record(self) -> None:
        self.vm.add_record(self.row.options)
        self.injected = True

    def _prepare_many_records(self) -> None:
        records = [{"versionId": f"id-{n}", "availableFiles": f"image-{n}.bin"} for n in range(10_000)]
        self.vm.repository.raw_records.extend(records)
        self.injected = True

    def _prepare_late_listing(self) -> None:
        self._prepare_unlisted(hidden_lists=3)

    def _prepare_never_listing(self) -> None:
        if self.operation is OPERATIONS["delete"]:
            self._act = lambda: self.vm.faults.add("status", times=None, method="DELETE", path="*", status=200)
        self._prepare_unlisted(hidden_lists=None)

    def _prepare_unlisted(self, **changes: Any) -> None:
        if self.operation in (OPERATIONS["poke"], OPERATIONS["trigger"]):
            repository = self.vm.repository
            self._act = lambda: [repository.update(image, **changes) for image in repository.images].clear()


class _FailingBackend:
    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        raise ConnectionError("unavailable")


class SharedName:
    """An address behind which one manager responds now and another one later."""

    def __init__(self, first: Simulator) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._server]
        self._threads: list[threading.Thread] = []
        self.url = f"https://127.0.0.1:{self._server.getsockname()[1]}"
        self.point_to(first)
        self._start(self._accept)

    def point_to(self, vm: Simulator) -> None:
        """Let new connections go there, and break those there are."""
        self._port = int(vm.url.rpartition(":")[2])
        _break(self._sockets[1:])

    def close(self) -> None:
        """End."""
        _break(self._sockets)
        for thread in list(self._threads):
            thread.join()
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [near, far]
                self._start(lambda near=near, far=far: _pump(near, far))
                self._start(lambda near=near, far=far: _pump(far, near))

    def _start(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _break([source, sink])


def _break(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def shared_name(first: Simulator) -> Iterator[SharedName]:
    """A name for several managers, until the end of the block."""
    name = SharedName(first)
    try:
        yield name
    finally:
        name.close()


@contextmanager
def broken_port() -> Iterator[str]:
    """The URL of a port that takes connections and ends them before the handshake."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
