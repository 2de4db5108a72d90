"""Connections that notice a response before the request is complete."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageChecksumError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageSessionExpiredError,
    VManageSourceError,
)
from airflow_provider_vmanage.client.http.interim_responses import Prefixed
from airflow_provider_vmanage.client.http.transport import PIECE_BYTES, _pieces
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import connections_of

Connect = Callable[..., ManagerSession]

PACKAGE = "device/action/software/package"
BLOCK = b"x" * 65536


class Body:
    """A body of many blocks that counts what the connection has taken, and may wait between blocks."""

    def __init__(self, blocks: int, block: bytes = BLOCK, before: Callable[[], None] = lambda: None) -> None:
        self.taken = 0
        self._blocks, self._block, self._before = blocks, block, before

    def __len__(self) -> int:
        return self._blocks * len(self._block)

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._blocks):
            self._before()
            self.taken += 1
            yield self._block


@pytest.mark.parametrize("tls", [True, False])
def test_early_response_ends_the_transfer(simulate: Callable[..., Simulator], connect: Connect, *, tls: bool) -> None:
    vm = simulate(tls=tls)
    session = connect(vm)
    _ = session.server
    vm.faults.add("early_403", linger=20)
    body = Body(16384)  # 1 GB
    with pytest.raises(VManageSessionExpiredError, match="token"):
        session.send_body(PACKAGE, body, "text/plain")
    assert body.taken < 4096
    assert session.request("GET", "device/action/software").rows == []


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("shape", "abcdef")
def test_session_that_dies_during_the_transfer_is_noticed(
    simulate: Callable[..., Simulator], connect: Connect, shape: str, *, tls: bool
) -> None:
    vm = simulate(tls=tls)
    session = connect(vm)
    _ = session.server
    vm.faults.add("session_death_in_upload", shape=shape, after_bytes=200_000, linger=20)
    body = Body(16384)
    with pytest.raises(VManageSessionExpiredError):
        session.send_body(PACKAGE, body, "multipart/form-data; boundary=x")
    assert body.taken < 4096
    assert session.request("GET", "device/action/software").rows == []
    assert vm.counters.logins == 2


@pytest.mark.parametrize("tls", [True, False])
def test_reset_during_the_transfer_leaves_the_outcome_unknown(
    simulate: Callable[..., Simulator], connect: Connect, *, tls: bool
) -> None:
    vm = simulate(tls=tls)
    session = connect(vm)
    vm.faults.add("reset_during_upload", after_bytes=200_000)
    body = Body(16384)
    with pytest.raises(VManageOutcomeUnknownError):
        session.send_body(PACKAGE, body, "multipart/form-data; boundary=x")
    assert body.taken < 16384


def test_slow_source_is_not_taken_for_a_response(vm: Simulator, connect: Connect) -> None:
    """TLS tickets arrive after the handshake and make the socket readable."""
    vm.faults.add("status", status=200, path=f"{PACKAGE}", method="POST")
    body = Body(5, b"abc", before=lambda: time.sleep(0.02))
    assert connect(vm).send_body(PACKAGE, body, "text/plain").body is None
    assert (body.taken, vm.requests[-1].body_bytes) == (5, 15)


def test_transfer_has_its_own_timeout_for_the_response(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("status", status=200, path=PACKAGE, method="POST", delay=0.6)
    assert connect(vm, read=0.2).send_body(PACKAGE, b"x" * 10, "text/plain").status == 200


@pytest.mark.parametrize("tls", [True, False])
def test_abort_ends_a_transfer_that_is_not_received(
    simulate: Callable[..., Simulator], connect: Connect, *, tls: bool
) -> None:
    vm = simulate(tls=tls)
    session = connect(vm)
    _ = session.server
    vm.faults.add("status", path=PACKAGE, method="POST", delay=30)
    timer = threading.Timer(0.5, session.abort)
    started = time.monotonic()
    timer.start()
    with pytest.raises(VManageCancelledError):
        session.send_body(PACKAGE, Body(16384), "text/plain")
    timer.join()
    assert time.monotonic() - started < 2.5


def test_every_connection_is_closed_with_the_session(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    vm.faults.add("reset_during_upload", after_bytes=1000)
    with pytest.raises(VManageOutcomeUnknownError) as kept:
        session.send_body(PACKAGE, Body(10), "multipart/form-data; boundary=x")
    session.request("GET", "device/action/software")
    connections = connections_of(session)
    assert any(one.sock for one in connections)
    session.close()
    assert kept.value.__traceback__ is not None
    assert [one for one in connections if one.sock or one._handle] == []


@pytest.mark.parametrize(
    "error", [VManageChecksumError("wrong"), VManageSourceError("short"), VManageCancelledError("x")]
)
def test_error_of_the_body_comes_out_as_it_is(vm: Simulator, connect: Connect, error: VManageError) -> None:
    def fail() -> None:
        raise error

    session = connect(vm)
    with pytest.raises(type(error)) as caught:
        session.send_body(PACKAGE, Body(3, before=fail), "text/plain")
    assert caught.value is error
    assert session.request("GET", "device/action/software").rows == []


def test_api_key_refused_during_a_transfer_is_not_tried_again(
    simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate("20.18.2")
    session = connect(vm, auth="api_key", api_key=vm.api_key)
    _ = session.server
    vm.faults.add("expired_e")
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError):
            session.send_body(PACKAGE, b"x", "text/plain")
    assert len(vm.requests) == 2


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_pieces_are_the_whole_in_order(kind: Callable[[bytes], Any], size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    pieces = [bytes(piece) for piece in _pieces(kind(data))]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE_BYTES


@given(
    first=st.binary(max_size=3),
    rest=st.binary(max_size=20),
    sizes=st.lists(st.integers(1, 7), min_size=24, max_size=24),
)
def test_bytes_put_back_come_out_first(first: bytes, rest: bytes, sizes: list[int]) -> None:
    stream = Prefixed(io.BytesIO(rest), first)
    assert b"".join(stream.read(size) or b"" for size in sizes) == first + rest
    stream.close()


def test_connection_has_keep_alive_on(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    session.request("GET", "device/action/software")
    sock = next(one.sock for one in connections_of(session) if one.sock)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
