"""The first calls of a new session: release, token and tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManageProtocolError,
    VManageSessionExpiredError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

SOFTWARE = "device/action/software"
TENANTS = [
    {"name": "Acme", "subDomain": "acme.example.com", "tenantId": "t-1"},
    {"name": "Umbrella", "tenantId": "t-2"},
    {"name": "Initech", "tenantId": 1567},
]


def test_server_says_release_and_tenancy(vm_of_release: Simulator, connect: Connect) -> None:
    server = connect(vm_of_release).server
    assert server.version == vm_of_release.version
    assert server.release == tuple(int(part) for part in vm_of_release.version.split(".")[:2])
    assert (server.tenancy_mode, server.user_mode) == ("SingleTenant", "tenant")
    assert bool(server.token) is vm_of_release.release.has_token


def test_token_has_its_own_call_if_the_server_omits_it(vm: Simulator, connect: Connect, calls: Calls) -> None:
    vm.faults.add("no_token", path="client/server")
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    connect(vm).request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert vm.images == []
    assert calls(vm)[1:3] == ["GET client/server", "GET client/token"]


@pytest.mark.parametrize("status", [403, 404])
def test_server_without_information_still_gives_its_token(
    vm: Simulator, connect: Connect, calls: Calls, status: int
) -> None:
    vm.faults.add("status", path="client/server", status=status, body="<html>no</html>")
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    session = connect(vm)
    session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert session.server.version is None
    session.close()
    assert vm.images == []
    assert vm.counters.open_sessions == 0


def test_release_without_any_token_gets_none(vm_of_release: Simulator, connect: Connect) -> None:
    vm_of_release.faults.add("no_token", times=2)
    vm_of_release.faults.add("no_token", times=2, path="client/*")
    session = connect(vm_of_release)
    assert session.request("GET", SOFTWARE).rows == []
    assert session.server.token is None
    assert "x-xsrf-token" not in vm_of_release.requests[-1].headers


@pytest.mark.parametrize(
    ("body", "token"),
    [
        ("ABC123", "ABC123"),
        ("ABC123\r\n", "ABC123"),
        ("AB-C_1.2+/=", "AB-C_1.2+/="),
        ("123456", "123456"),
        ("1E5", "1E5"),
        ('"AB-C"', "AB-C"),
        ('{"token": "ABC123"}', "ABC123"),
        ('{"token": "AB-C"}', "AB-C"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json", "text/html"])
def test_token_is_bare_text_or_json(vm: Simulator, connect: Connect, body: str, token: str, content_type: str) -> None:
    vm.faults.add("no_token", path="client/server")
    vm.faults.add("status", path="client/token", status=200, body=body, content_type=content_type)
    assert connect(vm).server.token == token


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "two words",
        "[]",
        "null",
        "true",
        '"two words',
        '{"token"',
        '{"token": ""}',
        "ключ",
        '{"token": "a\\nb: c"}',
    ],
)
def test_token_of_another_shape_is_a_protocol_error(vm: Simulator, connect: Connect, body: str) -> None:
    vm.faults.add("no_token", path="client/server")
    vm.faults.add("status", path="client/token", status=200, body=body, content_type="text/plain;charset=UTF-8")
    with pytest.raises(VManageProtocolError):
        _ = connect(vm).server


def test_page_instead_of_a_token_is_a_dead_session(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("no_token", path="client/server", times=2)
    vm.faults.add("html_200", path="client/token", times=2)
    with pytest.raises(VManageSessionExpiredError):
        _ = connect(vm).server


@pytest.mark.parametrize("token", ["a\r\nX-Evil: b", "ключ", "a\x00b"])
def test_unsendable_token_is_a_protocol_error_without_it(vm: Simulator, connect: Connect, token: str) -> None:
    vm.faults.add("status", path="client/server", status=200, body={"data": {"CSRFToken": token}})
    with pytest.raises(VManageProtocolError, match="XSRF token") as caught:
        _ = connect(vm).server
    assert token not in str(caught.value)


@pytest.mark.parametrize("data", [[], "text", None, 7, {"platformVersion": {}}, {"CSRFToken": ["a"]}])
def test_server_response_of_another_shape_is_a_protocol_error(vm: Simulator, connect: Connect, data: Any) -> None:
    vm.faults.add("status", path="client/server", status=200, body={"data": data})
    with pytest.raises(VManageProtocolError):
        _ = connect(vm).server


@pytest.mark.parametrize("tenant", ["Acme", "acme.example.com", "t-1"])
def test_provider_acts_as_a_tenant_named_in_any_way(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, release: str, tenant: str
) -> None:
    vm = simulate(release, tenants=TENANTS)
    reported: list[str] = []
    session = connect(vm, tenant=tenant, on_secret=reported.append)
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    session.request("GET", SOFTWARE)
    session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    session.close()
    assert [call for call in calls(vm) if "tenant" in call] == ["GET tenant", "POST tenant/t-1/vsessionid"]
    switched = [
        one.headers.get("vsessionid") for one in vm.requests if "/software" in one.path or "/logout" in one.path
    ]
    assert len(set(switched)) == 1
    assert switched[0] in reported
    assert vm.counters.open_sessions == 0


def test_tenant_id_may_be_a_number(simulate: Callable[..., Simulator], connect: Connect, calls: Calls) -> None:
    vm = simulate(tenants=TENANTS)
    with connect(vm, tenant="1567") as session:
        assert session.request("GET", SOFTWARE).rows == []
    assert "POST tenant/1567/vsessionid" in calls(vm)
    assert vm.counters.open_sessions == 0


def test_renewed_session_acts_as_the_tenant_again(simulate: Callable[..., Simulator], connect: Connect) -> None:
    vm = simulate(tenants=TENANTS)
    session = connect(vm, tenant="Acme")
    session.request("GET", SOFTWARE)
    vm.expire_sessions()
    session.request("GET", SOFTWARE)
    headers = [one.headers.get("vsessionid") for one in vm.requests if one.path.endswith("/software")]
    assert headers[-1]
    assert headers[-1] != headers[0]
    vm.faults.add("expired_f")
    image = vm.add_image("vmanage-20.12.5.tar.gz")
    session.request("DELETE", f"{SOFTWARE}/{image.version_id}")
    assert vm.images == []


def test_tenant_switch_is_repeated_after_a_lost_response(simulate: Callable[..., Simulator], connect: Connect) -> None:
    vm = simulate(tenants=TENANTS)
    vm.faults.add("reply_lost", path="*/vsessionid", method="POST")
    assert connect(vm, tenant="Acme").request("GET", SOFTWARE).rows == []


@pytest.mark.parametrize(
    ("tenants", "tenant", "words"),
    [
        (TENANTS, "acme", "matches 0 of 3"),
        (TENANTS, "Acm", "matches 0 of 3"),
        ([*TENANTS, {"name": "Acme", "tenantId": "t-3"}], "Acme", "matches 2 of 4"),
        ([], "Acme", "not a provider user"),
    ],
)
def test_tenant_that_cannot_be_entered_is_a_configuration_error(
    simulate: Callable[..., Simulator], connect: Connect, tenants: Any, tenant: str, words: str
) -> None:
    vm = simulate(tenants=tenants)
    session = connect(vm, tenant=tenant)
    with pytest.raises(VManageConfigurationError, match=words) as caught:
        session.request("GET", SOFTWARE)
    assert not caught.value.retryable
    session.close()
    assert not any(one.path.endswith(SOFTWARE) for one in vm.requests)
    assert (vm.counters.logouts, vm.counters.open_sessions) == (1, 0)


@pytest.mark.parametrize("body", ["{}", '{"VSessionId": ""}', '{"VSessionId": "a\\nb"}', "[]", ""])
def test_tenant_switch_of_another_shape_is_a_protocol_error(
    simulate: Callable[..., Simulator], connect: Connect, body: str
) -> None:
    vm = simulate(tenants=TENANTS)
    vm.faults.add("status", path="*/vsessionid", status=200, body=body)
    with pytest.raises(VManageProtocolError):
        connect(vm, tenant="Acme").request("GET", SOFTWARE)
