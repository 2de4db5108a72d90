from __future__ import annotations

import json
import re
import socket

import pytest

from airflow_provider_vmanage.simulator.releases import release_for
from airflow_provider_vmanage.simulator.sessions import Lockout, SessionStore

ANY_PAGE = "/dataservice/device"


@pytest.mark.parametrize(
    ("version", "preset"),
    [
        ("15.4", "16.3"),
        ("16.3.1", "16.3"),
        ("20.9.4.1", "20.9"),
        ("20.11", "20.9"),
        ("20.12.4", "20.12"),
        ("20.15.2", "20.12"),
        ("20.18.2.1", "20.18"),
        ("26.1.0", "20.18"),
    ],
)
def test_release_behaves_as_the_nearest_preset_at_or_below(version, preset):
    assert release_for(version).name == preset


def test_text_that_is_no_release_is_refused():
    with pytest.raises(ValueError, match="banana"):
        release_for("banana")


def test_good_login_is_200_without_body_with_secure_cookie(vm, connect):
    response = connect(vm, log_in=False).log_in()
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")
    expected = r"JSESSIONID=\w{40}\.[0-9a-f-]{36}; path=/; secure; HttpOnly; SameSite=Lax"
    assert re.fullmatch(expected, response.headers["set-cookie"])
    assert "Date" in response.headers


def test_cookie_without_tls_is_not_secure_and_works(simulate, connect):
    vm = simulate(tls=False)
    client = connect(vm)
    assert vm.url.startswith("http://127.0.0.1:")
    assert vm.ca_bundle is None
    assert client.images() == []


def test_certificate_is_valid_for_localhost_too(vm, connect):
    client = connect(vm)
    url = vm.url.replace("127.0.0.1", "localhost") + "/welcome.html"
    assert client.http.get(url, timeout=10).status_code == 200


def test_login_under_dataservice_works_too(vm, connect):
    client = connect(vm, log_in=False)
    form = {"j_username": vm.username, "j_password": vm.password}
    assert client.call("POST", "/dataservice/j_security_check", data=form).content == b""
    assert vm.counters.logins == 1


@pytest.mark.parametrize("version", ["16.3", "20.9", "20.12"])
def test_refused_login_is_the_login_page_and_a_useless_cookie(version, simulate, connect):
    client = connect(simulate(version), log_in=False)
    response = client.log_in("wrong")
    assert response.status_code == 200
    assert response.text.startswith("<html>")
    assert "JSESSIONID" in client.http.cookies
    assert client.call("GET", ANY_PAGE).text.startswith("<html>")


def test_refused_login_of_20_18_is_json_after_blank_lines(simulate, connect):
    response = connect(simulate("20.18.2.1"), log_in=False).log_in("wrong")
    assert response.status_code == 200
    assert response.text.startswith("\n")
    assert json.loads(response.text)["error"]["message"] == "Login Error"


def test_login_form_sent_as_json_is_refused(vm, connect):
    form = {"j_username": vm.username, "j_password": vm.password}
    assert connect(vm, log_in=False).call("POST", "/j_security_check", json=form).content != b""


@pytest.mark.parametrize(("version", "locks"), [("20.9", False), ("20.12", True), ("20.18", True)])
def test_five_refused_logins_lock_the_account_from_20_12_on(version, locks, simulate, connect):
    vm = simulate(version)
    client = connect(vm, log_in=False)
    for _ in range(5):
        client.log_in("wrong")
    assert (client.log_in().content != b"") is locks
    assert vm.counters.refused_logins == 5 + locks


def test_lock_can_be_left_out(simulate, connect):
    client = connect(simulate(lockout=False), log_in=False)
    for _ in range(6):
        client.log_in("wrong")
    assert client.log_in().content == b""


def test_lock_ends_and_old_failures_do_not_count():
    now = [0.0]
    lockout = Lockout(True, clock=lambda: now[0])
    for _ in range(4):
        lockout.note_failure("admin")
    now[0] = 901
    lockout.note_failure("admin")
    assert not lockout.locks("admin")
    for _ in range(4):
        lockout.note_failure("admin")
    assert lockout.locks("admin")
    now[0] = 901 + 901
    assert not lockout.locks("admin")


def test_refused_logins_of_one_user_lock_no_other(vm, connect):
    client = connect(vm, log_in=False)
    client.log_in("wrong")
    for _ in range(5):
        client.call("POST", "/j_security_check", data={"j_username": "someoneelse", "j_password": "x"})
    for _ in range(3):
        client.log_in("wrong")
    assert client.log_in().content == b""
    for _ in range(4):  # the success has made the count begin again
        client.log_in("wrong")
    assert client.log_in().content == b""


def test_refused_logins_under_many_names_are_forgotten():
    now = [0.0]
    lockout = Lockout(True, clock=lambda: now[0])
    for number in range(100):
        for _ in range(number % 5 + 1):
            lockout.note_failure(f"unknown-{number}")
    assert lockout.locks("unknown-4")
    now[0] = 901
    lockout.note_failure("admin")
    assert (list(lockout._failures), lockout._locked_until) == (["admin"], {})


def test_session_dies_of_idleness_and_of_age():
    now = [0.0]
    sessions = SessionStore(idle=1800, lifetime=5000, clock=lambda: now[0])
    idle, busy = sessions.open_cookie(), sessions.open_cookie()
    for now[0] in (1700.0, 3400.0, 4900.0):
        assert sessions.find(busy.credential, bearer=False) is busy
    assert sessions.count() == 1
    assert sessions.find(idle.credential, bearer=False) is None
    now[0] = 5001
    assert sessions.find(busy.credential, bearer=False) is None


def test_one_session_too_many_ends_the_least_recently_used(simulate, connect):
    vm = simulate(max_sessions=2)
    first, second = connect(vm), connect(vm)
    assert first.images() == []
    connect(vm)
    assert vm.counters.open_sessions == 2
    assert first.call("GET", ANY_PAGE).headers["content-type"] == "application/json"
    assert second.call("GET", ANY_PAGE).text.startswith("<html>")


def test_token_is_text_or_json_and_in_client_server_too(vm, client):
    token = client.call("GET", "/dataservice/client/token").text
    assert re.fullmatch("[0-9A-F]{100}", token)
    assert client.call("GET", "/dataservice/client/token?json=true").json() == {"token": token}
    assert client.call("GET", "/dataservice/client/server").json()["data"]["CSRFToken"] == token


def test_16_3_has_no_token_and_demands_none(simulate, connect):
    client = connect(simulate("16.3.1"))
    assert client.call("GET", "/dataservice/client/token").status_code == 404
    assert "CSRFToken" not in client.call("GET", "/dataservice/client/server").json()["data"]
    del client.http.headers["X-XSRF-TOKEN"]
    assert client.upload().status_code == 200


@pytest.mark.parametrize("token", [None, "stale"])
def test_write_without_the_right_token_is_403_and_html(token, vm, client):
    client.http.headers["X-XSRF-TOKEN"] = token
    response = client.upload()
    assert response.status_code == 403
    assert "SessionTokenFilter" in response.text
    assert vm.images == []
    assert client.call("GET", ANY_PAGE).status_code == 200


def test_cookie_header_that_carries_the_attributes_too_is_understood(vm, connect):
    client = connect(vm, log_in=False)
    whole_line = client.log_in().headers["set-cookie"]
    client.http.cookies.clear()
    assert client.call("GET", ANY_PAGE, headers={"Cookie": whole_line}).json()["data"] != []


@pytest.mark.parametrize("version", ["16.3", "20.9"])
def test_there_is_no_logout_by_post_before_20_12(version, simulate, connect):
    vm = simulate(version)
    assert connect(vm).call("POST", "/logout").status_code == 405
    assert (vm.counters.open_sessions, vm.counters.logouts) == (1, 0)


@pytest.mark.parametrize("verb", ["DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_without_a_session_gets_the_login_page(verb, vm, connect):
    client = connect(vm, log_in=False)
    for path in (ANY_PAGE, "/dataservice/nowhere"):
        response = client.call(verb, path)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html;charset=UTF-8")
        assert response.text.startswith("<html>")


@pytest.mark.parametrize(
    ("version", "verb"),
    [("16.3", "GET"), ("20.9", "GET"), ("20.12", "GET"), ("20.12", "POST"), ("20.18", "GET"), ("20.18", "POST")],
)
def test_logout_ends_the_session(version, verb, simulate, connect):
    vm = simulate(version)
    client = connect(vm)
    response = client.call(verb, "/logout")
    assert response.status_code == 302
    assert response.headers["location"].startswith(vm.url + "/welcome.html?nocache=")
    assert (vm.counters.open_sessions, vm.counters.logouts) == (0, 1)
    assert client.call("GET", ANY_PAGE).text.startswith("<html>")
    assert client.http.get(response.headers["location"], timeout=10).status_code == 200


def test_some_pages_need_no_session(vm, connect):
    client = connect(vm, log_in=False)
    assert client.call("HEAD", "/").status_code == 200
    assert client.call("GET", "/dataservice/client/server/ready").json() == {"isServerReady": True}
    assert client.call("GET", "/dataservice/client/about").json()["data"]["version"] == vm.version


@pytest.mark.parametrize(
    ("shape", "sign"),
    [
        (
            "a",
            lambda r: r.status_code == 200 and r.text.startswith("<html>") and "set-cookie" not in r.headers,
        ),
        ("b", lambda r: r.status_code == 200 and "JSESSIONID" in r.headers["set-cookie"]),
        ("c", lambda r: "1970" in r.headers["set-cookie"] and r.text.startswith("<html>")),
        ("d", lambda r: r.status_code == 302 and r.headers["location"].endswith("/welcome.html")),
        ("e", lambda r: r.status_code == 401 and "error" in r.json()),
    ],
)
def test_request_without_a_session_gets_the_chosen_shape(shape, sign, simulate, connect):
    assert sign(connect(simulate(dead_session=shape), log_in=False).call("GET", ANY_PAGE))


def test_sessions_can_be_expired_at_once(vm, client):
    vm.expire_sessions()
    assert vm.counters.open_sessions == 0
    assert client.call("GET", ANY_PAGE).text.startswith("<html>")


def test_jwt_opens_every_page_and_writes_want_its_csrf_token(simulate, connect):
    vm = simulate("20.18.1")
    client = connect(vm, log_in=False)
    login = client.call("POST", "/jwt/login", json={"username": vm.username, "password": vm.password}).json()
    expected = "token refresh sub iss aud userGroup tenant tenantId duration exp csrf isAPIKey"
    assert set(login) == set(expected.split())
    assert login["duration"] == 1800
    client.http.headers["Authorization"] = f"Bearer {login['token']}"
    assert client.images() == []
    assert client.upload().status_code == 403
    client.http.headers["X-XSRF-TOKEN"] = login["csrf"]
    assert client.upload().status_code == 200
    assert vm.counters.open_sessions == 1
    assert client.log_out().status_code == 302
    assert vm.counters.open_sessions == 0
    assert client.call("GET", ANY_PAGE).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "admin", "password": "wrong"}, 401),
        ({"username": "admin"}, 400),
        ({"username": "admin", "password": "admin-password", "duration": 604801}, 400),
        (["admin"], 400),
    ],
)
def test_bad_jwt_login_is_an_error(body, status, simulate, connect):
    response = connect(simulate("20.18"), log_in=False).call("POST", "/jwt/login", json=body)
    assert response.status_code == status
    assert all(isinstance(v, str) for v in response.json()["error"].values())


def test_there_is_no_jwt_before_20_18(vm, connect):
    assert connect(vm, log_in=False).call("POST", "/jwt/login", json={}).status_code == 404


def test_api_key_of_20_18_works_and_survives_a_logout(simulate, connect):
    for version, status in (("20.12", 401), ("20.18", 200)):
        vm = simulate(version)
        client = connect(vm, log_in=False)
        client.http.headers["Authorization"] = f"Bearer {vm.api_key}"
        response = client.call("GET", "/dataservice/client/server")
        assert response.status_code == status
    client.take_token()
    assert client.log_out().status_code == 302
    assert client.upload().status_code == 200
    assert vm.counters.open_sessions == 0


def test_unknown_bearer_token_is_401_and_json(simulate, connect):
    client = connect(simulate("20.18"), log_in=False)
    response = client.call("GET", ANY_PAGE, headers={"Authorization": "Bearer nonsense"})
    assert (response.status_code, response.headers["content-type"]) == (401, "application/json")


def test_provider_switches_to_a_tenant(simulate, connect):
    client = connect(simulate(tenants=["acme", {"name": "umbrella", "tenantId": "t-2"}]))
    server = client.call("GET", "/dataservice/client/server").json()["data"]
    assert (server["tenancyMode"], server["userMode"]) == ("MultiTenant", "provider")
    tenants = client.call("GET", "/dataservice/tenant").json()["data"]
    assert [t["name"] for t in tenants] == ["acme", "umbrella"]
    assert {"name", "desc", "orgName", "subDomain", "tenantId"} <= tenants[0].keys()
    switched = client.call("POST", "/dataservice/tenant/t-2/vsessionid").json()["VSessionId"]
    headers = {"VSessionId": switched}
    assert client.call("GET", "/dataservice/client/server", headers=headers).json()["data"]["tenantId"] == "t-2"
    assert client.call("GET", ANY_PAGE, headers={"VSessionId": "unknown"}).status_code == 403
    assert client.call("POST", "/dataservice/tenant/unknown/vsessionid").status_code == 400


def test_login_that_is_cut_off_is_not_a_refused_one(simulate):
    vm = simulate(tls=False)
    host, port = vm.url.removeprefix("http://").split(":")
    head = f"POST /j_security_check HTTP/1.1\r\nHost: {host}\r\nContent-Length: 40\r\n\r\nj_username=admin"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode())
    with socket.create_connection((host, int(port))) as client:  # served after it
        client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        while client.recv(65536):
            pass
    assert [(one.path, one.status) for one in vm.requests] == [("/j_security_check", None), ("/", 200)]
    assert vm.counters.refused_logins == 0
