"""The session's cookie: the one of the login, whatever cookies come later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageSessionExpiredError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

SOFTWARE = "device/action/software"


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("path", [SOFTWARE, "client/server"])
def test_cookie_with_a_good_response_changes_nothing(
    vm_of_release: Simulator, connect: Connect, path: str, *, expired: bool
) -> None:
    vm = vm_of_release
    vm.faults.add("stray_cookie", times=None, path=path, expired=expired)
    with connect(vm) as session:
        image = vm.add_image("vmanage-20.12.5.tar.gz")
        for _ in range(3):
            session.request("GET", SOFTWARE)
        session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (1, 1, 0)
    assert len({one.headers["cookie"] for one in vm.requests[1:]}) == 1


def test_first_foreign_session_cookies_are_reported_as_secrets(vm: Simulator, connect: Connect) -> None:
    reported: list[str] = []
    session = connect(vm, on_secret=reported.append)
    session.request("GET", SOFTWARE)
    known = set(reported)
    vm.faults.add("stray_cookie", times=None)
    session.request("GET", SOFTWARE)
    stray = set(reported) - known
    assert [len(one) for one in stray] == [77]  # 40 characters, a point and a UUID
    for _ in range(20):
        session.request("GET", SOFTWARE)
    assert len(set(reported) - known) == 10


def test_secure_cookie_over_http_is_a_configuration_error(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, release: str
) -> None:
    vm = simulate(release, tls=False)
    vm.faults.add("secure_cookie")
    session = connect(vm)
    for _ in range(2):
        with pytest.raises(
            VManageConfigurationError, match=r"The connection uses http, .* write the host as https://"
        ) as caught:
            session.request("GET", SOFTWARE)
    assert not caught.value.retryable
    assert vm.counters.logins == 1
    assert vm.counters.open_sessions == 0  # logged out at once
    assert not any(SOFTWARE in call for call in calls(vm))


@pytest.mark.parametrize("options", [{"tls": False}, {"tls": True}])
def test_session_works_with_and_without_tls(
    simulate: Callable[..., Simulator], connect: Connect, options: dict[str, Any]
) -> None:
    vm = simulate(**options)
    with connect(vm) as session:
        assert session.request("GET", SOFTWARE).rows == []
    assert vm.counters.open_sessions == 0


# -- the cookies of load balancers ------------------------------------------------------------------------------------


def nodes_of(vm: Simulator) -> list[tuple[str, str]]:
    """What was asked, and the node that the load balancer's cookie leads to."""
    found = []
    for one in vm.requests:
        cookies = dict(part.strip().partition("=")[::2] for part in one.headers.get("cookie", "").split(";"))
        found.append((one.path.removeprefix("/dataservice/"), cookies.get("SERVERID", "")))
    return found


def test_logout_goes_to_the_node_of_its_login(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("stray_cookie", path="/j_security_check", cookie="SERVERID=node1; path=/")
    with connect(vm) as session:
        session.request("GET", SOFTWARE)
    assert nodes_of(vm)[1:] == [("client/server", "node1"), (SOFTWARE, "node1"), ("/logout", "node1")]


def test_logout_of_an_old_session_goes_to_its_node(vm: Simulator, connect: Connect) -> None:
    with connect(vm) as session:
        for node in ("node1", "node2"):
            vm.faults.add("stray_cookie", path="/j_security_check", cookie=f"SERVERID={node}; path=/")
            session.request("GET", SOFTWARE)
            session.renew_if_older(0)
    assert [node for path, node in nodes_of(vm) if path == "/logout"] == ["node1", "node2"]
    assert [node for path, node in nodes_of(vm) if path == "/j_security_check"] == ["", ""]


def test_both_retired_sessions_are_logged_out_on_their_nodes(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    vm.faults.add("html_200", path=SOFTWARE, times=2)
    for node in ("node1", "node2"):
        vm.faults.add("stray_cookie", path="/j_security_check", cookie=f"SERVERID={node}; path=/")
    with session, pytest.raises(VManageSessionExpiredError):
        session.request("GET", SOFTWARE)
    assert sorted(node for path, node in nodes_of(vm) if path == "/logout") == ["node1", "node2"]
