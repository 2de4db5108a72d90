"""Connections that notice a response before the request is complete, and that another thread can close.

``requests`` sends a whole body before it reads the response. A manager whose session has died responds to the first
kilobyte of a three-gigabyte upload, so we check before each piece. The hooks used are the documented extension points:
``HTTPAdapter.init_poolmanager``, ``PoolManager.pool_classes_by_scheme`` and ``ConnectionPool.ConnectionCls``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.util.wait import wait_for_read

from airflow_provider_vmanage.client.http.interim_responses import FinalResponse, Replayed, is_final, without_interim

#: bytes passed to the socket at once; one piece must be sent within the read timeout
PIECE_BYTES = 1024 * 1024

#: seconds after which an attempt to connect checks whether it was stopped, and starts again
_CONNECT_STEP_S = 2.0

#: bytes of an early response that are read at once
_EARLY_READ_BYTES = 4096

#: keeps firewalls from dropping a connection while the manager works on an image for minutes and sends nothing
_KEEP_ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), 60)
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL")
        if hasattr(socket, name)
    ),
]


class ManagerAdapter(HTTPAdapter):
    """Adapter of ``requests`` whose connections are watched.

    :param send_timeout: seconds within which one piece of a body must be sent.
    :param stopped: while it is set, no new connection is used.
    """

    def __init__(self, *, send_timeout: float, stopped: threading.Event) -> None:
        self._connections: weakref.WeakSet[_Watched] = weakref.WeakSet()
        watched = {"send_timeout": send_timeout, "stopped": stopped, "registry": self._connections}
        http = type("WatchedHTTPConnection", (_Watched, HTTPConnection), watched)
        https = type("WatchedHTTPSConnection", (_WatchedTLS, HTTPSConnection), watched)
        self._pools = {
            "http": type("WatchedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("WatchedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create pools of watched connections."""
        super().init_poolmanager(*args, socket_options=_KEEP_ALIVE, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Create pools of watched connections behind a proxy too."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if isinstance(manager, PoolManager) and not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager

    def close(self) -> None:
        """Close every connection now: urllib3 leaves it to the garbage collector, and tracebacks keep pools alive."""
        super().close()
        for connection in list(self._connections):
            connection.close()

    def break_connections(self) -> None:
        """Shut down every connection now, from a signal handler or another thread; blocked calls fail at once."""
        for connection in list(self._connections):
            connection.break_off()


class _Watched(HTTPConnection):
    """A connection that stops sending when a response arrives."""

    response_class = FinalResponse
    send_timeout: float
    stopped: threading.Event
    registry: weakref.WeakSet[_Watched]
    _early: bytes = b""
    _handle: socket.socket | None = None

    def connect(self) -> None:
        """Connect; a failure here happens before a request is sent.

        :raises NewConnectionError: refused, closed during the handshake or by a proxy, or stopped meanwhile.
        """
        self.registry.add(self)
        self._early = b""
        try:
            super().connect()
        except OSError as err:
            raise NewConnectionError(self, str(err)) from err
        if self.stopped.is_set():
            raise NewConnectionError(self, "stopped on request")

    def close(self) -> None:
        """Close the connection."""
        super().close()
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def break_off(self) -> None:
        """Shut down the connection from another thread."""
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def _new_conn(self) -> socket.socket:
        # A second handle of the same connection: the first is not usable during the TLS handshake, and a TLS socket
        # must not be shut down by a thread that does not own it.
        sock = self._connect_in_steps()
        self._handle = sock.dup()
        return sock

    def _connect_in_steps(self) -> socket.socket:
        # There is no handle yet that another thread could shut down, so it checks every other second.
        whole: Any = self.timeout
        if not isinstance(whole, (int, float)):
            return super()._new_conn()
        end = time.monotonic() + whole
        try:
            while True:
                self.timeout = max(0.001, min(_CONNECT_STEP_S, end - time.monotonic()))
                try:
                    sock = super()._new_conn()
                except NewConnectionError:  # refused: a kind of timeout to urllib3
                    raise
                except ConnectTimeoutError:
                    if self.stopped.is_set() or time.monotonic() >= end:
                        raise
                else:
                    sock.settimeout(whole)
                    return sock
        finally:
            self.timeout = whole

    def send(self, data: Any) -> None:
        """Send in pieces; a response that has arrived stops it.

        :raises BrokenPipeError: the manager has responded or hung up; urllib3 then reads the response.
        """
        for piece in _pieces(data):
            if self.sock is not None:
                if self._has_response():
                    raise BrokenPipeError("the manager responded before the body was complete")
                self.sock.settimeout(self.send_timeout)
            super().send(piece)

    def getresponse(self) -> Any:
        """Read the response, starting with the bytes that were read early."""
        if not self._early or self.sock is None:
            return super().getresponse()
        sock, early, self._early = self.sock, self._early, b""
        self.sock = Replayed(sock, early)
        try:
            return super().getresponse()
        finally:
            if self.sock is not None:
                self.sock = sock  # for the next request

    def _has_response(self) -> bool:
        """Read what has arrived; return whether it is a response or the end of the connection."""
        # TLS inside a TLS proxy cannot be read early.
        if not isinstance(self.sock, socket.socket) or not wait_for_read(self.sock, timeout=0):
            return is_final(self._early)
        self.sock.settimeout(0)
        try:
            while not is_final(self._early):
                received = self.sock.recv(_EARLY_READ_BYTES)
                if not received:
                    return True
                self._early = without_interim(self._early + received)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False  # TLS 1.3 sends tickets after the handshake: readable, but no response
        except OSError:
            pass
        return True


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same under TLS."""

    def connect(self) -> None:
        super().connect()
        # The hook warns once per session that the certificate is not checked; urllib3 would warn for each request.
        if self.cert_reqs in (ssl.CERT_NONE, "CERT_NONE"):
            self.is_verified = True


def _pieces(data: Any) -> Iterator[Any]:
    if not isinstance(data, (bytes, bytearray, memoryview)) or len(data) <= PIECE_BYTES:
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]
