"""A manager that starts: its login is unavailable, not refused; only a running manager refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageAuthenticationError, VManageUnavailableError
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator
from tests.client.internals import remembered_refusals

Connect = Callable[..., ManagerSession]

LOGIN, JWT = "/j_security_check", "/jwt/login"
READY = "/dataservice/client/server/ready"
PAGE = "<html><head><title>Cisco vManage</title></head></html>"

STARTING: dict[str, dict[str, Any]] = {
    "404": {"status": 404, "body": "<html>Not Found</html>"},
    "404 json": {"status": 404, "body": '{"error": {"message": "Not there"}}', "content_type": "application/json"},
    "403": {"status": 403, "body": "<html>Forbidden</html>"},
    "403 token page": {"status": 403, "body": "<html>SessionTokenFilter</html>"},
    "400": {"status": 400, "body": ""},
    "500": {"status": 500, "body": ""},
    "503": {"status": 503, "body": "<html>Service Unavailable</html>"},
    "201": {"status": 201, "body": ""},
    "no cookie": {"status": 200, "body": ""},
    "blanks and no cookie": {"status": 200, "body": " \r\n"},
}


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", "device/action/software").rows


def paths(vm: Simulator) -> list[str]:
    return [request.path for request in vm.requests]


@pytest.mark.parametrize("shape", STARTING)
def test_only_a_200_with_a_body_is_a_refusal(
    vm: Simulator, connect: Connect, recorded_sleeps: list[float], shape: str
) -> None:
    vm.faults.add("status", path=LOGIN, **STARTING[shape])
    session = connect(vm)
    with pytest.raises(VManageUnavailableError, match="starting") as caught:
        list_images(session)
    assert caught.value.retryable
    assert (paths(vm), recorded_sleeps) == ([LOGIN], [])
    assert list_images(session) == []  # the next call logs in


@pytest.mark.parametrize(
    "location",
    ["https://sso.example.com/?SAMLRequest=secret", "/a.html;jsessionid=secret.x", "/welcome.html", "http://[bad", ""],
)
@pytest.mark.parametrize("path", [LOGIN, JWT])
def test_redirected_login_is_unavailable_and_not_followed(
    simulate: Callable[..., Simulator], connect: Connect, location: str, path: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("redirect", path=path, location=location)
    session = connect(vm, auth="session" if path == LOGIN else "jwt")
    with pytest.raises(VManageUnavailableError, match="redirect") as caught:
        list_images(session)
    assert "secret" not in str(caught.value)
    assert paths(vm) == [path]
    assert list_images(session) == []


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("status", {"status": 200, "body": '{"isServerReady": false}', "content_type": "application/json"}),
        ("http_503", {}),
        ("http_502", {}),
        ("reset_before", {}),
    ],
)
def test_refusal_by_a_manager_that_is_not_ready_is_none(
    vm: Simulator, connect: Connect, fault: str, options: dict[str, Any]
) -> None:
    vm.faults.add("status", path=LOGIN, status=200, body=PAGE)
    vm.faults.add(fault, path=READY, method="GET", **options)
    session = connect(vm)
    with pytest.raises(VManageUnavailableError):
        list_images(session)
    asked = vm.requests[-1]
    assert (paths(vm), asked.headers.get("cookie")) == ([LOGIN, READY], None)
    assert list_images(session) == []


def test_login_is_not_repeated_while_the_manager_is_not_ready(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("status", path=LOGIN, times=None, status=200, body=PAGE)
    vm.faults.add("http_503", path=READY, times=20)
    session = connect(vm)
    for _ in range(15):
        with pytest.raises(VManageUnavailableError, match="starting"):
            list_images(session)
    assert paths(vm).count(LOGIN) == 1
    vm.faults.clear()
    assert list_images(session) == []


def test_session_is_not_renewed_before_the_manager_is_ready(vm: Simulator, connect: Connect) -> None:
    """Its login page may be sent by a manager that is ready a moment later, and would count as a refusal then."""
    session = connect(vm)
    list_images(session)
    vm.expire_sessions()
    vm.faults.add("status", path=LOGIN, times=None, status=200, body=PAGE)
    vm.faults.add("http_503", path=READY, times=3)
    for _ in range(3):
        with pytest.raises(VManageUnavailableError, match="starting"):
            list_images(session)
    assert paths(vm).count(LOGIN) == 1
    vm.faults.clear()
    assert list_images(session) == []


@pytest.mark.parametrize("body", ['{"isServerReady": true}', "{}", "<html>login</html>", "", "[]"])
def test_refusal_is_final_unless_the_manager_reports_that_it_starts(vm: Simulator, connect: Connect, body: str) -> None:
    vm.faults.add("status", path=LOGIN, status=200, body=PAGE)
    vm.faults.add("status", path=READY, status=200 if body else 404, body=body)
    with pytest.raises(VManageAuthenticationError):
        list_images(connect(vm))
    assert paths(vm) == [LOGIN, READY]


def test_missing_jwt_login_of_a_starting_manager_is_unavailable(
    simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("status", path=JWT, status=404)
    vm.faults.add("http_503", path=READY)
    with pytest.raises(VManageUnavailableError):
        list_images(connect(vm, auth="jwt"))


@pytest.mark.parametrize("shape", [name for name in STARTING if STARTING[name]["status"] in (400, 403)] + ["408 json"])
def test_jwt_login_without_a_reason_is_unavailable(
    simulate: Callable[..., Simulator], connect: Connect, shape: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("status", path=JWT, **STARTING.get(shape, {**STARTING["404 json"], "status": 408}))
    session = connect(vm, auth="jwt")
    with pytest.raises(VManageUnavailableError) as caught:
        list_images(session)
    assert caught.value.retryable
    assert paths(vm) == [JWT]
    assert list_images(session) == []


# -- one refusal per process ------------------------------------------------------------------------------------------


def test_many_sessions_with_a_wrong_password_are_one_refusal(vm: Simulator, connect: Connect) -> None:
    for _ in range(8):
        with pytest.raises(VManageAuthenticationError) as caught:
            list_images(connect(vm, password="wrong-word"))
        assert not caught.value.retryable
    assert vm.counters.refused_logins == 1
    assert "not sent again" in str(caught.value)
    assert list_images(connect(vm)) == []  # the account is not locked


def test_login_that_changed_is_sent_at_once(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("login_refused")
    with pytest.raises(VManageAuthenticationError):
        list_images(connect(vm, password="old-word"))
    assert list_images(connect(vm)) == []


def test_refusal_is_forgotten_after_fifteen_minutes(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused_logins.REFUSAL_S == 900
    vm.faults.add("login_refused", times=2)
    with pytest.raises(VManageAuthenticationError):
        list_images(connect(vm))
    monkeypatch.setattr(refused_logins, "REFUSAL_S", 0.0)
    with pytest.raises(VManageAuthenticationError):
        list_images(connect(vm))
    assert paths(vm).count(LOGIN) == 2
    assert list_images(connect(vm)) == []
    assert remembered_refusals() == {}


def test_what_is_remembered_shows_no_secret(vm: Simulator, connect: Connect) -> None:
    with pytest.raises(VManageAuthenticationError):
        list_images(connect(vm, password="wrong-word"))
    assert len(remembered_refusals()) == 1
    assert "wrong-word" not in repr(remembered_refusals())
