"""Dead sessions, in every shape that managers have shown: renewed once, silently, and an error the second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

SOFTWARE = "device/action/software"
READY = "GET client/server/ready"
DEAD = ["expired_a", "expired_b", "expired_c", "expired_d", "expired_e"]


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", SOFTWARE).rows


def open_for(vm: Simulator, connect: Connect, **options: Any) -> tuple[ManagerSession, str]:
    """A session that has made a call, and the path of an image to delete."""
    session = connect(vm, **options)
    list_images(session)
    return session, f"{SOFTWARE}/{vm.add_image('vmanage-20.12.5.tar.gz').version_id}"


def opening(vm: Simulator) -> list[str]:
    """What a login asks."""
    token = [] if vm.release.has_token else ["GET client/token"]
    return ["POST /j_security_check", "GET client/server", *token]


def renewing(vm: Simulator) -> list[str]:
    """What a renewal asks: the session may have died of a restart, so the manager has to be ready first."""
    return [READY, *opening(vm)]


@pytest.mark.parametrize("shape", DEAD)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_dead_session_is_renewed_once_and_silently(
    vm_of_release: Simulator,
    connect: Connect,
    calls: Calls,
    recorded_sleeps: list[float],
    caplog: pytest.LogCaptureFixture,
    shape: str,
    method: str,
) -> None:
    vm = vm_of_release
    session, image = open_for(vm, connect)
    path = SOFTWARE if method == "GET" else image
    before = len(vm.requests)
    vm.faults.add(shape)
    session.request(method, path)
    assert calls(vm)[before:] == [f"{method} {path}", *renewing(vm), f"{method} {path}"]
    assert (vm.images == []) is (method == "DELETE")
    assert [one.headers.get("cookie") for one in vm.requests if one.path == "/j_security_check"] == [None, None]
    session.close()
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (2, 1, 0)
    assert recorded_sleeps == []
    assert [record for record in caplog.records if record.levelname != "INFO" and "vmanage" in record.name] == []


@pytest.mark.parametrize("shape", DEAD)
def test_session_that_is_dead_after_its_login_is_renewed_too(
    vm_of_release: Simulator, connect: Connect, calls: Calls, shape: str
) -> None:
    vm = vm_of_release
    vm.faults.add(shape, path="client/server")
    assert list_images(connect(vm)) == []
    assert calls(vm) == ["POST /j_security_check", "GET client/server", *renewing(vm), f"GET {SOFTWARE}"]
    assert vm.counters.open_sessions == 1


@pytest.mark.parametrize("shape", DEAD)
@pytest.mark.parametrize("path", [SOFTWARE, "client/server"])
def test_session_that_dies_twice_in_one_call_is_an_error(
    vm_of_release: Simulator, connect: Connect, shape: str, path: str
) -> None:
    vm = vm_of_release
    vm.faults.add(shape, times=2, path=path)
    session = connect(vm)
    with pytest.raises(VManageSessionExpiredError) as caught:
        list_images(session)
    assert caught.value.retryable
    assert (caught.value.method, caught.value.path) == ("GET", f"/dataservice/{SOFTWARE}")
    session.close()
    assert vm.faults.pending == []
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)
    assert vm.counters.logouts == 0


def test_relative_redirect_to_the_welcome_page_is_a_dead_session(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    vm.faults.add("redirect", location="welcome.html?nocache=1", path=SOFTWARE)
    assert list_images(session) == []
    assert vm.counters.logins == 2


def test_each_call_has_a_renewal_of_its_own(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    for _ in range(3):
        vm.faults.add("expired_a")
        assert list_images(session) == []
    assert vm.counters.logins == 4


@pytest.mark.parametrize("shape", "abcde")
def test_session_that_really_ended_is_renewed_before_a_change(
    simulate: Callable[..., Simulator], connect: Connect, release: str, shape: str
) -> None:
    vm = simulate(release, dead_session=shape)
    session, image = open_for(vm, connect)
    vm.expire_sessions()
    session.request("DELETE", image)
    assert vm.images == []
    assert vm.counters.logins == 2


def test_stale_token_is_asked_for_again_without_a_login(
    vm_of_release: Simulator, connect: Connect, calls: Calls
) -> None:
    vm = vm_of_release
    session, image = open_for(vm, connect)
    before = len(vm.requests)
    vm.faults.add("expired_f")
    session.request("DELETE", image)
    assert calls(vm)[before:] == [f"DELETE {image}", *opening(vm)[1:], f"DELETE {image}"]
    assert vm.images == []
    session.close()
    assert (vm.counters.logins, vm.counters.logouts) == (1, 1)


def test_session_whose_token_is_stale_twice_is_logged_out(vm_of_release: Simulator, connect: Connect) -> None:
    vm = vm_of_release
    session, image = open_for(vm, connect)
    vm.faults.add("expired_f", times=2)
    with pytest.raises(VManageSessionExpiredError):
        session.request("DELETE", image)
    assert len(vm.images) == 1
    session.close()
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (1, 1, 0)


def test_stale_token_of_a_dead_session_leads_to_a_login(vm_of_release: Simulator, connect: Connect) -> None:
    session, image = open_for(vm_of_release, connect)
    vm_of_release.faults.add("expired_f", killed=True)
    session.request("DELETE", image)
    assert vm_of_release.images == []
    assert vm_of_release.counters.logins == 2


@pytest.mark.parametrize("auth", ["session", "jwt", "api_key"])
def test_stale_token_is_replaced_under_every_login(
    simulate: Callable[..., Simulator], connect: Connect, auth: str
) -> None:
    vm = simulate("20.18.2")
    session, image = open_for(vm, connect, auth=auth, api_key=vm.api_key)
    logins = vm.counters.logins
    vm.faults.add("expired_f")
    session.request("DELETE", image)
    assert vm.images == []
    assert vm.counters.logins == logins


@pytest.mark.parametrize("shape", DEAD)
def test_dead_jwt_is_replaced_by_a_new_login(simulate: Callable[..., Simulator], connect: Connect, shape: str) -> None:
    vm = simulate("20.18.2")
    session, image = open_for(vm, connect, auth="jwt")
    vm.faults.add(shape)
    session.request("DELETE", image)
    session.close()
    assert vm.images == []
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (2, 1, 0)


def test_api_key_that_is_revoked_meanwhile_is_an_authentication_error(
    simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate("20.18.2")
    session, _ = open_for(vm, connect, auth="api_key", api_key=vm.api_key)
    vm.faults.add("expired_e")
    before = len(vm.requests)
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError):
            list_images(session)
    assert len(vm.requests) == before + 1


def test_renewal_that_is_refused_is_not_repeated(vm_of_release: Simulator, connect: Connect) -> None:
    session, _ = open_for(vm_of_release, connect)
    vm_of_release.faults.add("login_refused", times=None)
    vm_of_release.expire_sessions()
    before = len(vm_of_release.requests)
    for _ in range(2):
        with pytest.raises(VManageAuthenticationError):
            list_images(session)
    assert len(vm_of_release.requests) == before + 4  # dead call, ready?, login, ready?


#: shapes that are a page under 200, which proves no death: the session is logged out
PAGES = ("expired_a", "expired_b", "expired_c")


@pytest.mark.parametrize("shape", [*DEAD, "expired_f"])
def test_body_for_a_dead_session_is_not_sent_again(vm_of_release: Simulator, connect: Connect, shape: str) -> None:
    vm = vm_of_release
    session, _ = open_for(vm, connect)
    vm.faults.add(shape)
    with pytest.raises(VManageSessionExpiredError) as caught:
        session.send_body(f"{SOFTWARE}/package", b"x" * 10, "text/plain")
    assert caught.value.method == "POST"
    sent = [one.path.rpartition("/")[2] for one in vm.requests]
    assert sent[sent.index("package") :] == ["package", *(["logout"] if shape in PAGES else [])]
    assert len(list_images(session)) == 1
    assert vm.counters.logins == (1 if shape == "expired_f" else 2)


@pytest.mark.parametrize(
    ("fault", "options", "kind"),
    [
        ("status", {"status": 404, "body": "<html>Not Found</html>"}, VManageRejectedError),
        ("forbidden", {}, VManageRejectedError),
        ("redirect", {"location": "https://elsewhere.example.com/"}, VManageProtocolError),
        ("status", {"status": 201, "body": "<html>x</html>"}, VManageProtocolError),
    ],
)
def test_html_of_another_kind_is_no_dead_session(
    vm: Simulator, connect: Connect, fault: str, options: dict[str, Any], kind: type[VManageError]
) -> None:
    session, _ = open_for(vm, connect)
    vm.faults.add(fault, **options)
    with pytest.raises(kind):
        list_images(session)
    assert vm.counters.logins == 1
