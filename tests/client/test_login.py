"""Logging in: what counts as refused, that a refused login is never repeated, and what is only "busy"."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from airflow_provider_vmanage.client.auth import SessionLogin
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

pytestmark = pytest.mark.each_release

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

LOGIN, JWT = "/j_security_check", "/jwt/login"
PASSWORD = "s3cret-pass/word"
LOGIN_ERROR = '\n\n{"error":{"message":"Login Error","code":"Failed to login user ","details":" admin","type":"Error"}}'

REFUSALS = {
    "page": {"status": 200, "body": "<html>\n<head><title>Cisco vManage</title></head></html>"},
    "json": {"status": 200, "body": LOGIN_ERROR, "content_type": "application/json"},
    "text": {"status": 200, "body": "no"},
    "401": {"status": 401, "body": ""},
    "401_json": {"status": 401, "body": LOGIN_ERROR, "content_type": "application/json"},
    "200_error_text": {"status": 200, "body": '{"error": "locked"}', "content_type": "application/json"},
}
JWT_REFUSALS = {
    **{name: REFUSALS[name] for name in ("page", "json", "text", "401", "401_json")},
    "400_json": {**REFUSALS["json"], "status": 400},
    "403_json": {**REFUSALS["json"], "status": 403},
    "empty": {"status": 200, "body": ""},
    "404": {"status": 404, "body": "<html>Not Found</html>"},
    "no_token": {"status": 200, "body": '{"csrf": "A"}'},
    "empty_token": {"status": 200, "body": '{"token": "", "csrf": "A"}'},
    "number": {"status": 200, "body": '{"token": 7}'},
    "list": {"status": 200, "body": '["token"]'},
    "deep": {"status": 200, "body": "[" * 100_000},
    "no_header": {"status": 200, "body": json.dumps({"token": "ключ", "csrf": "A"})},
    "two_headers": {"status": 200, "body": json.dumps({"token": "a\r\nX-Evil: b"})},
}


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", "device/action/software").rows


def assert_refused_for_good(vm: Simulator, session: ManagerSession, calls: Calls, path: str) -> VManageError:
    """One attempt, and not one more from a second call, an upload or the end of the session.

    Before a refusal is believed, the manager is asked whether it is still starting; a 401 needs no such question.
    """
    with pytest.raises(VManageAuthenticationError) as caught:
        list_images(session)
    with pytest.raises(VManageAuthenticationError):
        list_images(session)
    with pytest.raises(VManageAuthenticationError):
        session.send_body("device/action/software/package", [b"x"], "text/plain")
    session.close()
    asked = [] if caught.value.status == 401 else ["GET client/server/ready"]
    assert calls(vm) == [f"POST {path}", *asked]
    assert not caught.value.retryable
    assert PASSWORD not in str(caught.value) + repr(caught.value)
    return caught.value


def test_wrong_password_is_tried_once(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    session = connect(vm_of_release, password=PASSWORD)
    error = assert_refused_for_good(vm_of_release, session, calls, LOGIN)
    assert vm_of_release.counters.refused_logins == 1
    assert (error.status, error.method, error.path) == (200, "POST", LOGIN)
    assert "'admin'" in str(error)
    assert "lock" in str(error)
    if vm_of_release.release.json_login_failure:
        assert (error.code, error.details) == ("Failed to login user", "admin")
        assert "Login Error" in str(error)


@pytest.mark.parametrize("shape", REFUSALS)
def test_login_refused_in_any_shape_is_tried_once(vm: Simulator, connect: Connect, calls: Calls, shape: str) -> None:
    vm.faults.add("status", times=None, path=LOGIN, **REFUSALS[shape])
    error = assert_refused_for_good(vm, connect(vm, password=PASSWORD), calls, LOGIN)
    assert error.status == REFUSALS[shape]["status"]


@pytest.mark.parametrize("shape", JWT_REFUSALS)
def test_jwt_login_refused_in_any_shape_is_tried_once(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, shape: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("status", times=None, path=JWT, **JWT_REFUSALS[shape])
    assert_refused_for_good(vm, connect(vm, auth="jwt", password=PASSWORD), calls, JWT)


def test_jwt_login_with_a_wrong_password_is_tried_once(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls
) -> None:
    vm = simulate("20.18.2")
    error = assert_refused_for_good(vm, connect(vm, auth="jwt", password=PASSWORD), calls, JWT)
    assert vm.counters.refused_logins == 1
    assert "Login Error" in str(error)


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4"])
def test_jwt_login_before_release_20_18_names_the_fix(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    error = assert_refused_for_good(vm_of_release, connect(vm_of_release, auth="jwt"), calls, JWT)
    assert '20.18.1 or newer: set auth to "session"' in str(error)


def test_api_key_that_is_not_accepted_is_tried_once(vm_of_release: Simulator, connect: Connect, calls: Calls) -> None:
    session = connect(vm_of_release, auth="api_key", api_key=PASSWORD)
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError, match="API key") as caught:
            list_images(session)
    with pytest.raises(VManageAuthenticationError):
        session.send_body("device/action/software/package", [b"x"], "text/plain")
    session.close()
    assert calls(vm_of_release) == ["GET client/server"]
    assert caught.value.status == 401
    assert PASSWORD not in str(caught.value) + repr(caught.value)


def test_locked_account_is_left_alone(vm: Simulator, connect: Connect, calls: Calls) -> None:
    for _ in range(5):
        with pytest.raises(VManageAuthenticationError):
            list_images(connect(vm, password=PASSWORD))
        refused_logins.forget_all()  # as five processes
    assert_refused_for_good(vm, connect(vm), lambda vm: calls(vm)[10:], LOGIN)


def test_password_that_has_to_be_changed_is_named(vm: Simulator, connect: Connect, calls: Calls) -> None:
    vm.faults.add("redirect", path=LOGIN, location="/passwordReset.html?user=admin")
    session = connect(vm)
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError, match="new password"):
            list_images(session)
    assert calls(vm) == [f"POST {LOGIN}"]


@pytest.mark.parametrize("auth", ["session", "jwt"])
@pytest.mark.parametrize("fault", ["http_500", "http_502", "http_503", "http_504", "error_500"])
def test_unprocessed_login_is_left_to_the_next_try(
    simulate: Callable[..., Simulator], connect: Connect, auth: str, fault: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add(fault, path=LOGIN if auth == "session" else JWT)
    with pytest.raises(VManageError) as caught:
        list_images(connect(vm, auth=auth))
    assert caught.value.retryable
    assert not isinstance(caught.value, VManageAuthenticationError)
    assert ("Simulated failure" in str(caught.value)) is (fault == "error_500")
    assert len(vm.requests) == 1


@pytest.mark.parametrize("fault", ["reset_before", "short_body"])
@pytest.mark.parametrize("auth", ["session", "jwt"])
def test_login_without_a_response_is_not_repeated(
    simulate: Callable[..., Simulator], connect: Connect, recorded_sleeps: list[float], fault: str, auth: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add(fault, method="POST", path=LOGIN if auth == "session" else JWT)
    with pytest.raises(VManageUnavailableError, match="login") as caught:
        list_images(connect(vm, auth=auth))
    assert caught.value.retryable
    assert len(vm.requests) == 1
    assert recorded_sleeps == []


def test_rate_limited_login_is_sent_again(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float]
) -> None:
    vm_of_release.faults.add("http_429", times=2, path=LOGIN, retry_after=3)
    assert list_images(connect(vm_of_release)) == []
    assert recorded_sleeps == [3, 3]
    assert vm_of_release.counters.logins == 1


@pytest.mark.parametrize("auth", ["session", "jwt", "api_key"])
def test_three_logins_work_and_report_their_secrets(
    simulate: Callable[..., Simulator], connect: Connect, auth: str
) -> None:
    vm = simulate("20.18.2")
    reported: list[str] = []
    session = connect(vm, auth=auth, api_key=vm.api_key, on_secret=reported.append)
    image = vm.add_image("a-20.18.2.tar.gz")
    session.request("DELETE", f"device/action/software/{image.version_id}")
    session.close()
    assert vm.images == []
    headers = next(one.headers for one in vm.requests if one.method == "DELETE")
    sent = {headers["x-xsrf-token"]}
    sent.add(
        headers["cookie"].removeprefix("JSESSIONID=")
        if auth == "session"
        else headers["authorization"].removeprefix("Bearer ")
    )
    assert sent == set(reported)
    assert ("authorization" in headers) is (auth != "session")
    assert not any(secret in repr(session) + repr(vars(session)) for secret in (*reported, vm.password))


@pytest.mark.parametrize(
    ("status", "body", "cookie", "is_success"),
    [
        (200, "", "JSESSIONID", True),
        (200, "\r\n", "JSESSIONID", True),
        (201, "", "JSESSIONID", False),
        (204, "", "JSESSIONID", False),
        (200, "x", "JSESSIONID", False),
        (200, "", "OTHER", False),
    ],
)
def test_success_has_all_three_signs(
    vm: Simulator, settings_of: Callable[..., Any], status: int, body: str, cookie: str, *, is_success: bool
) -> None:
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    response.cookies.set(cookie, "abc")
    login = SessionLogin(settings_of(vm))
    if is_success:
        assert login.open(lambda *_, **__: response).secrets == ("abc",)
        return
    with pytest.raises((VManageAuthenticationError, VManageUnavailableError)):
        login.open(lambda *_, **__: response)


def test_password_of_any_characters_arrives(simulate: Callable[..., Simulator], connect: Connect) -> None:
    for password in ("p&=+%/?# ü€", " leading", "ключ"):
        vm = simulate(password=password, username="user@example.com")
        assert list_images(connect(vm, password=password)) == []
