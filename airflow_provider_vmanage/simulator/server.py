"""The HTTP server on its own thread: start, stop, start again on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import Any
from weakref import WeakSet

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from airflow_provider_vmanage.simulator.exchange import Transports

# nginx keeps idle connections this long by default; uvicorn's 5 s would be unlike any real manager.
KEEP_ALIVE_S = 75


class ServerThread:
    """Serves an application on one address.

    :param transports: Filled with the open connections by client address, for resets.
    """

    def __init__(
        self, app: ASGIApp, host: str, port: int, context: ssl.SSLContext | None, transports: Transports
    ) -> None:
        self._app, self._host, self._context, self._transports = app, host, context, transports
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._held: _ListeningSocket | None = _bind(host, port)
        self.port: int = self._held.getsockname()[1]

    @property
    def running(self) -> bool:
        """Whether connections are accepted."""
        return self._thread is not None

    def start(self) -> None:
        """Accept connections; returns once they are."""
        if self.running:
            return
        listening = self._held or _bind(self._host, self.port)
        self._held = None
        listening.listen(2048)
        self._server = _Server(self._config(), self._transports, listening)
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listening), name="vmanage-simulator", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()

    def stop(self) -> None:
        """Refuse connections and end the open ones; the port stays reserved for the next start."""
        if self._thread is None or self._server is None:
            return
        self._server.leave()
        self._thread.join()
        self._thread = self._server = None
        with contextlib.suppress(OSError):
            self._held = _bind(self._host, self.port)

    def close(self) -> None:
        """Stop, and give the port back."""
        self.stop()
        if self._held is not None:
            self._held.close()
            self._held = None

    def _run(self, server: _Server, listening: _ListeningSocket) -> None:
        asyncio.run(server.serve(sockets=[listening]))

    def _config(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app,
            loop="asyncio",
            http=_protocol(self._transports),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        config.load()
        config.ssl = self._context
        return config


class _Server(uvicorn.Server):
    """uvicorn's server, minus its waits: tests start and stop it hundreds of times."""

    def __init__(self, config: uvicorn.Config, transports: Transports, listening: _ListeningSocket) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._transports, self._listening = transports, listening
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Ask the server to end, from another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Refresh the Date header every second until asked to leave."""
        while not await self.on_tick(0):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything now: a response that is still under way is lost, as in a crash."""
        asyncio.get_running_loop().remove_reader(self._listening)
        await asyncio.sleep(0)  # asyncio never closes what it has accepted from a server that is closed by then
        for server in self.servers:
            server.close()
        for transport in list(self._transports.values()):
            transport.abort()
        for connection in self._listening.accepted:  # others are at their TLS handshake
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        while self._listening.has_open_connections:  # noqa: ASYNC110 (no event for one at its handshake)
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _protocol(transports: Transports) -> type[asyncio.Protocol]:
    class RememberingProtocol(HttpToolsProtocol):
        """Keeps the transport of each connection, since ASGI shows only the client's address."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.access_log = False  # uvicorn's own switch has no effect where Airflow has configured logging
            self._address = tuple(transport.get_extra_info("peername")[:2])
            transports[self._address] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self._address, None)
            super().connection_lost(exc)

    return RememberingProtocol


class _ListeningSocket(socket.socket):
    """Remembers the connections that it has accepted."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.accepted = WeakSet[socket.socket]()

    @property
    def has_open_connections(self) -> bool:
        """Whether any is not closed yet."""
        return any(connection.fileno() >= 0 for connection in self.accepted)

    def accept(self) -> tuple[socket.socket, Any]:
        """Wait for a connection."""
        connection, address = super().accept()
        self.accepted.add(connection)
        return connection, address


def _bind(host: str, port: int) -> _ListeningSocket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's number asyncio does not set TCP_NODELAY, and every response takes 40 ms more.
    sock = _ListeningSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
