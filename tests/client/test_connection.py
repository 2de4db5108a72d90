"""TLS, netrc, and stopping from another thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageConfigurationError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http import connection
from airflow_provider_vmanage.client.http.responses import Call
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, Timeouts
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import connection_of

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", SOFTWARE).rows


@pytest.fixture
def other_ca(tmp_path: Path) -> str:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    return str(tmp_path / "other.pem")


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["session", "jwt", "api_key"])
def test_certificate_of_an_unknown_authority_is_a_configuration_error(
    vm: Simulator, connect: Connect, recorded_sleeps: list[float], auth: str
) -> None:
    session = connect(vm, ca_bundle=None, auth=auth, api_key="key")
    with pytest.raises(VManageConfigurationError, match=r"TLS verification failed.*ca_bundle"):
        list_images(session)
    assert recorded_sleeps == []
    assert vm.requests == []


def test_certificate_of_another_name_is_a_configuration_error(
    simulate: Callable[..., Simulator], connect: Connect, recorded_sleeps: list[float]
) -> None:
    vm = simulate(host="0.0.0.0")  # noqa: S104 - the certificate is for 127.0.0.1 then
    with pytest.raises(VManageConfigurationError, match=r"TLS verification failed.*127\.0\.0\.2"):
        list_images(connect(vm, base_url=vm.url.replace("127.0.0.1", "127.0.0.2")))
    assert recorded_sleeps == []
    assert vm.requests == []


def test_ca_bundle_of_the_connection_wins_over_the_environment(
    vm: Simulator, connect: Connect, other_ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, other_ca)
    assert list_images(connect(vm)) == []


def test_verify_false_wins_over_the_environment_and_warns_of_nothing(
    vm: Simulator, connect: Connect, other_ca: str, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other_ca)
    session = connect(vm, verify=False, ca_bundle=other_ca)
    assert list_images(session) == []
    session.close()
    assert [str(one.message) for one in recwarn] == []


def test_ca_bundle_of_environment_is_used_if_connection_has_none(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(vm.ca_bundle))
    assert list_images(connect(vm, ca_bundle=None)) == []


def test_missing_ca_bundle_of_the_environment_is_named(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with pytest.raises(VManageConfigurationError, match=r"REQUESTS_CA_BUNDLE.*/no/such/file\.pem"):
        list_images(connect(vm, ca_bundle=None))


def test_port_that_does_not_speak_tls_is_a_configuration_error(
    simulate: Callable[..., Simulator], connect: Connect, recorded_sleeps: list[float]
) -> None:
    vm = simulate(tls=False)
    with pytest.raises(VManageConfigurationError, match="does not speak TLS"):
        list_images(connect(vm, base_url=vm.url.replace("http:", "https:")))
    assert recorded_sleeps == []


def test_plain_http_works_where_the_connection_says_so(
    simulate: Callable[..., Simulator], connect: Connect, release: str
) -> None:
    vm = simulate(release, tls=False)
    assert list_images(connect(vm)) == []


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_manager_is_reached_by_name_or_ipv6(simulate: Callable[..., Simulator], connect: Connect, host: str) -> None:
    vm = simulate(host=host if ":" in host else "127.0.0.1")
    assert list_images(connect(vm, base_url=vm.url.replace("127.0.0.1", host))) == []


@pytest.mark.parametrize("url", ["https://no-such-host.invalid:443", "https://127.0.0.1:1"])
def test_manager_that_cannot_be_reached_is_unavailable(
    vm: Simulator, connect: Connect, recorded_sleeps: list[float], url: str
) -> None:
    before = time.monotonic()
    with pytest.raises(VManageUnavailableError, match="cannot be reached") as caught:
        list_images(connect(vm, base_url=url))
    assert caught.value.retryable
    assert len(recorded_sleeps) == 5
    assert time.monotonic() - before < 20  # not for each attempt as long as a connection may take


@pytest.mark.parametrize("url", ["https://a..b:443", f"https://{'a' * 70}.example.com:443"])
def test_host_that_is_no_name_is_a_configuration_error(vm: Simulator, connect: Connect, url: str) -> None:
    with pytest.raises(VManageConfigurationError, match="correct host"):
        list_images(connect(vm, base_url=url))


# -- what the environment says -------------------------------------------------------------------------------------


def test_netrc_is_never_read(vm: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".netrc", "_netrc"):
        (tmp_path / name).write_text("machine 127.0.0.1 login evil password evil\ndefault login evil password evil\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with connect(vm) as session:
        list_images(session)
    assert [one.headers["authorization"] for one in vm.requests if "authorization" in one.headers] == []


# -- stopping ------------------------------------------------------------------------------------------------------


def assert_abort_ends_a_blocked_call(vm: Simulator, session: ManagerSession, method: str = "GET") -> None:
    list_images(session)
    vm.faults.add("slow", delay=30, path=f"{SOFTWARE}*", method=method)
    before, started = len(vm.requests), time.monotonic()

    def abort() -> None:
        while len(vm.requests) == before:
            time.sleep(0.01)
        session.abort()

    with_abort = threading.Thread(target=abort)
    with_abort.start()
    with pytest.raises(VManageCancelledError):
        session.request(method, f"{SOFTWARE}/1" if method == "DELETE" else SOFTWARE)
    with_abort.join()
    session.close()
    assert time.monotonic() - started < 2
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_abort_from_another_thread_ends_a_blocked_call(vm_of_release: Simulator, connect: Connect, method: str) -> None:
    assert_abort_ends_a_blocked_call(vm_of_release, connect(vm_of_release), method)


def test_abort_ends_a_wait(vm: Simulator, settings_of: Callable[..., ManagerSettings]) -> None:
    session = ManagerSession(settings_of(vm))
    vm.faults.add("http_503", times=None, retry_after=50)

    def abort_the_wait() -> None:
        while not any(one.status == 503 for one in vm.requests):
            time.sleep(0.01)
        session.abort()

    aborting = threading.Thread(target=abort_the_wait)
    aborting.start()
    started = time.monotonic()
    with session, pytest.raises(VManageCancelledError):
        list_images(session)
    aborting.join()
    assert time.monotonic() - started < 10  # far from the 50 s that the manager asked for
    assert vm.counters.open_sessions == 0


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_abort_ends_a_handshake(vm: Simulator, connect: Connect, silent: socket.socket) -> None:
    session = connect(vm, base_url=f"https://127.0.0.1:{silent.getsockname()[1]}")
    timer = threading.Timer(0.3, session.abort)
    started = time.monotonic()
    timer.start()
    with pytest.raises(VManageCancelledError):
        list_images(session)
    timer.join()
    assert time.monotonic() - started < 2


def test_logout_after_an_abort_stops_in_time(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    list_images(session)
    vm.faults.add("slow", times=None, delay=30, path="/logout")
    session.abort()
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < 4.5
    assert sum(one.path == "/logout" for one in vm.requests) == 1


@pytest.mark.parametrize(("aborted", "limit"), [(True, 3.9), (False, 2.5)])
def test_logout_whose_response_trickles_in_stops_in_time(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, *, aborted: bool, limit: float
) -> None:
    """The timeout of a read restarts with each byte."""
    monkeypatch.setattr(connection, "LOGOUT_S", 1.5)
    session = connect(vm)
    list_images(session)
    vm.faults.add("trickle", times=None, path="/logout", pause=0.2)
    if aborted:
        session.abort()
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < limit
    assert sum(one.path == "/logout" for one in vm.requests) == 1


def test_calls_that_prepare_a_logout_stop_in_time_too(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOGOUT_S", 1.0)
    session = connect(vm)
    vm.faults.add("status", status=400, path="*/client/server")
    with pytest.raises(VManageError):
        list_images(session)  # logged in, but it knows neither token nor release
    vm.faults.add("trickle", times=None, path="*/client/*", pause=0.2)
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < 2


def test_handshake_that_breaks_off_means_that_nothing_was_sent(
    vm: Simulator, connect: Connect, silent: socket.socket, recorded_sleeps: list[float]
) -> None:
    def hang_up() -> None:
        for _ in range(6):
            client, _address = silent.accept()
            client.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    session = connect(vm, base_url=f"https://127.0.0.1:{silent.getsockname()[1]}")
    with pytest.raises(VManageError) as caught:
        session.request("DELETE", f"{SOFTWARE}/1")
    thread.join()
    assert not isinstance(caught.value, VManageOutcomeUnknownError)
    assert isinstance(caught.value, VManageUnavailableError)
    assert len(recorded_sleeps) == 5


# -- what is sent, and what comes back -----------------------------------------------------------------------------


def deep() -> Any:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [lambda: {"a": object()}, lambda: {(1, 2): 3}, lambda: {"a": float("nan")}, lambda: {"a": {1}}, deep],
    ids=["object", "key", "nan", "set", "deep"],
)
def test_body_that_is_no_json_is_not_sent(vm: Simulator, connect: Connect, make: Callable[[], Any]) -> None:
    session = connect(vm)
    list_images(session)
    with pytest.raises(VManageConfigurationError, match=r"json cannot be sent .*give plain JSON types") as caught:
        session.request("POST", SOFTWARE, json=make())
    assert (caught.value.method, caught.value.path) == ("POST", f"/dataservice/{SOFTWARE}")
    assert [one.method for one in vm.requests if one.path.endswith("/software")] == ["GET"]


@pytest.mark.parametrize(
    ("fault", "path"), [("reset_before", "/j_security_check"), ("reset_before", f"*/{SOFTWARE}"), ("short_body", "*")]
)
def test_error_holds_no_request_and_no_response(vm: Simulator, connect: Connect, fault: str, path: str) -> None:
    """The body of a login is a password, and the headers of all others have the session in them."""
    session = connect(vm)
    vm.faults.add(fault, times=None, path=path)
    with pytest.raises(VManageError) as caught:
        list_images(session)
    chain, err = [], caught.value.__cause__
    while err is not None:
        chain.append(err)
        err = err.__cause__ or err.__context__
    assert any(isinstance(one, requests.RequestException) for one in chain)
    assert {getattr(one, name, None) for one in chain for name in ("request", "response")} == {None}


NAMES = {"utf-8": "bild-ü-日本.bin", "iso-8859-1": "bild-ü.bin"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html", "application/octet-stream"])
@pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1"])
def test_json_is_utf_8_unless_the_manager_says_otherwise(
    vm: Simulator, connect: Connect, kind: str, charset: str | None
) -> None:
    """RFC 8259; requests takes text without a charset for Latin-1."""
    name = NAMES[charset or "utf-8"]
    body = f'{{"data": [{{"availableFiles": "{name}"}}]}}'.encode(charset or "utf-8")
    content_type = f"{kind};charset={charset}" if charset else kind
    vm.faults.add("status", status=200, path=f"*/{SOFTWARE}", body=body, content_type=content_type)
    assert list_images(connect(vm)) == [{"availableFiles": name}]


# -- a manager that does not even accept the connection ----------------------------------------------------------------


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port whose queue of new connections is full: the kernel drops what else comes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for one in waiting:
            one.close()


def test_kill_ends_an_attempt_to_connect(deaf: int) -> None:
    session = ManagerSession(ManagerSettings(base_url=f"https://127.0.0.1:{deaf}", username="joe", password="secret"))
    kill = threading.Timer(0.5, session.abort)
    kill.start()
    before = time.monotonic()
    with session, pytest.raises(VManageCancelledError):
        list_images(session)
    assert time.monotonic() - before < 4
    kill.join()


def test_attempt_to_connect_has_one_timeout_in_all(deaf: int) -> None:
    limits = Timeouts(connect=3, read=1, upload_read=1)
    session = ManagerSession(
        ManagerSettings(base_url=f"https://127.0.0.1:{deaf}", username="joe", password="secret", timeouts=limits)
    )
    session.sleep = session.raise_if_aborted = lambda *_: None  # type: ignore[method-assign]
    before = time.monotonic()
    with pytest.raises(VManageUnavailableError, match=r"cannot be reached \(timed out\)"):
        connection_of(session).send(Call("GET", "/dataservice/client/server"))
    assert 2.9 < time.monotonic() - before < 6


def test_response_that_is_no_json_is_not_in_the_error(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("status", path=SOFTWARE, status=200, body='{"CSRFToken": "c4nary", ')
    with connect(vm) as session, pytest.raises(VManageError, match="not JSON") as caught:
        list_images(session)
    assert caught.value.__cause__ is None
    assert "c4nary" not in str(vars(caught.value))
