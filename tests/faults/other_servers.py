"""Servers beside the manager of a cell: a name that leads to one node and then another, and a port that breaks off."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_vmanage.simulator import Simulator


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
