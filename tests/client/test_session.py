"""The life of a session: what it sends, in which order, and that it always ends."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

SOFTWARE = "device/action/software"


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.name.startswith("airflow_provider_vmanage.client")]


def test_task_sends_login_server_own_calls_and_logout(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    vm = vm_of_release
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    with connect(vm) as session:
        session.request("GET", SOFTWARE)
        session.request("GET", SOFTWARE, params={"imageType": "software"})
        session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert calls(vm) == [
        "POST /j_security_check",
        "GET client/server",
        *([] if vm.release.has_token else ["GET client/token"]),
        f"GET {SOFTWARE}",
        f"GET {SOFTWARE}",
        f"DELETE {SOFTWARE}/{image.version_id}",
        f"{vm.release.logout_verb} /logout",
    ]
    assert vm.requests[-3].query == {"imageType": "software"}
    assert list(vm.requests[-1].query) == (["nocache"] if vm.release.logout_verb == "GET" else [])
    assert [one.status for one in vm.requests][-1] == 302
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (1, 1, 0)


def test_nothing_is_sent_without_a_call(vm: Simulator, connect: Connect) -> None:
    with connect(vm) as session:
        assert not session.is_open
        session.renew_if_older(0)
    session.close()
    session.abort()
    assert vm.requests == []


def test_session_is_logged_out_once_and_can_be_reused(vm: Simulator, connect: Connect, calls: Calls) -> None:
    session = connect(vm)
    session.request("GET", SOFTWARE)
    session.close()
    session.close()
    assert calls(vm).count("POST /logout") == 1
    session.request("GET", SOFTWARE)
    assert session.is_open
    session.close()
    assert (vm.counters.logins, vm.counters.logouts) == (2, 2)


@pytest.mark.parametrize("fault", ["error_500", "data_null", "reset_before", "http_503"])
def test_session_is_logged_out_after_errors_too(vm_of_release: Simulator, connect: Connect, fault: str) -> None:
    vm_of_release.faults.add(fault, times=6, path=SOFTWARE)
    with pytest.raises(VManageError), connect(vm_of_release) as session:
        session.request("GET", SOFTWARE)
    assert (vm_of_release.counters.logouts, vm_of_release.counters.open_sessions) == (1, 0)


@pytest.mark.parametrize("fault", ["error_500", "data_null", "reset_before", "http_503"])
def test_session_that_never_got_ready_is_logged_out_too(vm_of_release: Simulator, connect: Connect, fault: str) -> None:
    vm_of_release.faults.add(fault, times=6, path="client/server")
    with pytest.raises(VManageError), connect(vm_of_release) as session:
        session.request("GET", SOFTWARE)
    assert (vm_of_release.counters.logouts, vm_of_release.counters.open_sessions) == (1, 0)


def test_session_of_unknown_release_is_logged_out_with_either_verb(
    vm_of_release: Simulator, connect: Connect, calls: Calls
) -> None:
    vm = vm_of_release
    vm.faults.add("error_4xx", times=None, path="client/server", status=404)
    with connect(vm) as session:
        with pytest.raises(VManageRejectedError):
            session.request("GET", "no/such/path")
        assert session.server.release is None
    logouts = [call for call in calls(vm) if call.endswith("/logout")]
    assert logouts == ["POST /logout", "GET /logout"][: 1 if vm.release.logout_verb == "POST" else 2]
    assert vm.counters.open_sessions == 0


def test_stale_token_does_not_keep_the_session_open(vm_of_release: Simulator, connect: Connect) -> None:
    session = connect(vm_of_release)
    session.request("GET", SOFTWARE)
    vm_of_release.faults.add("expired_f", path="/logout", method=vm_of_release.release.logout_verb)
    session.close()
    assert vm_of_release.counters.open_sessions == 0


def test_logout_whose_token_stays_stale_is_not_repeated(
    vm: Simulator, connect: Connect, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    session = connect(vm)
    session.request("GET", SOFTWARE)
    vm.faults.add("expired_f", times=None, path="/logout")
    caplog.set_level("INFO")
    session.close()
    assert calls(vm)[-3:] == ["POST /logout", "GET client/token", "POST /logout"]
    assert "the session stays until the manager closes it: XSRF token not accepted" in ours(caplog)[-1]


@pytest.mark.parametrize("fault", ["http_429", "http_503", "reset_before"])
def test_logout_is_repeated_while_the_manager_is_busy(vm_of_release: Simulator, connect: Connect, fault: str) -> None:
    session = connect(vm_of_release)
    session.request("GET", SOFTWARE)
    vm_of_release.faults.add(fault, times=2, path="/logout", method=vm_of_release.release.logout_verb)
    session.close()
    assert vm_of_release.counters.open_sessions == 0


def test_slow_logout_is_sent_once_and_delays_for_seconds_only(
    vm: Simulator, connect: Connect, calls: Calls, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_vmanage.client.http.connection.LOGOUT_S", 0.4)
    session = connect(vm, read=100.0)
    session.request("GET", SOFTWARE)
    vm.faults.add("slow", times=None, path="/logout", delay=50)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 5
    assert calls(vm).count("POST /logout") == 1
    assert "Logout failed" in ours(caplog)[-1]


@pytest.mark.parametrize("asked", [3, 11])
def test_logout_waits_for_a_busy_manager_for_seconds_only(
    vm: Simulator, connect: Connect, calls: Calls, recorded_sleeps: list[float], asked: int
) -> None:
    session = connect(vm)
    session.request("GET", SOFTWARE)
    vm.faults.add("http_429", path="/logout", retry_after=asked)
    session.close()
    assert recorded_sleeps == ([3] if asked == 3 else [])
    assert vm.counters.open_sessions == (0 if asked == 3 else 1)


@pytest.mark.parametrize(("fault", "sent"), [("http_503", 3), ("reset_before", 3), ("forbidden", 1)])
def test_failed_logout_is_repeated_at_most_twice_and_only_logged(
    vm: Simulator, connect: Connect, calls: Calls, caplog: pytest.LogCaptureFixture, fault: str, sent: int
) -> None:
    session = connect(vm)
    session.request("GET", SOFTWARE)
    vm.faults.add(fault, times=None, path="/logout")
    session.close()
    assert calls(vm).count("POST /logout") == sent
    assert "Logout failed" in ours(caplog)[-1]
    assert not session.is_open


def test_session_that_died_unnoticed_ends_quietly(
    vm_of_release: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    session = connect(vm_of_release)
    session.request("GET", SOFTWARE)
    vm_of_release.expire_sessions()
    session.close()
    vm_of_release.faults.add("status", status=401, path="/logout", times=None)
    session.request("GET", SOFTWARE)
    session.close()
    assert [line for line in ours(caplog) if "failed" in line] == []


def test_api_key_is_never_logged_out(simulate: Callable[..., Simulator], connect: Connect, calls: Calls) -> None:
    vm = simulate("20.18.2")
    session = connect(vm, auth="api_key", api_key=vm.api_key, username=None, password=None)
    session.request("GET", SOFTWARE)
    session.renew_if_older(-1)
    session.close()
    assert calls(vm) == ["GET client/server", f"GET {SOFTWARE}"]
    assert "authorization" in vm.requests[0].headers
    assert "cookie" not in vm.requests[0].headers


def test_jwt_is_logged_out(simulate: Callable[..., Simulator], connect: Connect, calls: Calls) -> None:
    vm = simulate("20.18.2")
    with connect(vm, auth="jwt") as session:
        session.request("GET", SOFTWARE)
    assert calls(vm) == ["POST /jwt/login", "GET client/server", f"GET {SOFTWARE}", "POST /logout"]
    assert 1800 < vm.requests[0].json["duration"] <= 604800
    assert vm.counters.open_sessions == 0


def test_old_session_is_replaced_before_something_long(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    session.request("GET", SOFTWARE)
    session.renew_if_older(600)
    assert session.is_open
    session.renew_if_older(0)
    assert not session.is_open
    assert vm.counters.open_sessions == 0
    session.request("GET", SOFTWARE)
    assert (vm.counters.logins, vm.counters.logouts) == (2, 1)


@pytest.mark.parametrize(
    "fault", ["error_4xx", "forbidden", "reset_before", "expired_a", "expired_e", "data_null", "redirect"]
)
@pytest.mark.parametrize("auth", ["session", "jwt", "api_key"])
def test_no_secret_shows_up_in_errors_logs_or_texts(
    simulate: Callable[..., Simulator], connect: Connect, caplog: pytest.LogCaptureFixture, fault: str, auth: str
) -> None:
    caplog.set_level("DEBUG", "airflow_provider_vmanage.client")
    vm = simulate("20.18.2")
    reported: list[str] = []
    session = connect(vm, auth=auth, api_key=vm.api_key, on_secret=reported.append)
    session.request("GET", SOFTWARE)
    vm.faults.add(fault, times=None, method="GET")
    with pytest.raises(VManageError) as caught:
        session.request("GET", SOFTWARE)
    error: Any = caught.value
    texts = [
        str(error),
        repr(error),
        repr(vars(error)),
        repr(pickle.dumps(error)),
        repr(session),
        repr(session.settings),
    ]
    texts += ours(caplog)
    vm.faults.clear()
    session.close()
    assert len(reported) >= 2
    assert [secret for secret in (*reported, vm.password) if any(secret in text for text in texts)] == []


def test_after_an_abort_only_the_logout_is_sent(vm_of_release: Simulator, connect: Connect) -> None:
    session = connect(vm_of_release)
    session.request("GET", SOFTWARE)
    session.abort()
    before = len(vm_of_release.requests)
    with pytest.raises(VManageCancelledError) as caught:
        session.request("GET", SOFTWARE)
    with pytest.raises(VManageCancelledError):
        session.raise_if_aborted()
    assert caught.value.retryable
    assert len(vm_of_release.requests) == before
    session.close()
    assert (vm_of_release.counters.logouts, vm_of_release.counters.open_sessions) == (1, 0)
    with pytest.raises(VManageCancelledError):
        session.request("GET", SOFTWARE)
