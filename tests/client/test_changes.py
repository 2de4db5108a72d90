"""Every row of the error table for calls that change something: repeated only where certainly nothing was received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"


@pytest.fixture
def path(vm_of_release: Simulator) -> str:
    """Path of an image to delete."""
    return f"{SOFTWARE}/{vm_of_release.add_image('vmanage-20.12.5.tar.gz').version_id}"


@pytest.fixture
def session(vm_of_release: Simulator, connect: Connect) -> ManagerSession:
    return connect(vm_of_release)


def deletes(vm: Simulator) -> int:
    return sum(one.method == "DELETE" for one in vm.requests)


def test_successful_change_returns_nothing(vm_of_release: Simulator, session: ManagerSession, path: str) -> None:
    envelope = session.request("DELETE", path)
    assert (envelope.body, envelope.status, envelope.header) == (None, 200, {})
    assert vm_of_release.images == []


def test_rate_limited_change_is_sent_again(
    vm_of_release: Simulator, session: ManagerSession, path: str, recorded_sleeps: list[float]
) -> None:
    vm_of_release.faults.add("http_429", times=2, retry_after=4)
    session.request("DELETE", path)
    assert vm_of_release.images == []
    assert recorded_sleeps == [4, 4]


def test_change_that_is_always_rate_limited_is_sent_six_times(
    vm_of_release: Simulator, session: ManagerSession, path: str
) -> None:
    vm_of_release.faults.add("http_429", times=None)
    with pytest.raises(VManageUnavailableError):
        session.request("DELETE", path)
    assert deletes(vm_of_release) == 6
    assert len(vm_of_release.images) == 1


def test_change_that_was_refused_a_connection_is_sent_again(
    vm_of_release: Simulator, session: ManagerSession, path: str
) -> None:
    _ = session.server
    vm_of_release.stop()
    session.sleep = lambda _: vm_of_release.start()  # type: ignore[method-assign]
    session.request("DELETE", path)
    assert vm_of_release.images == []
    assert deletes(vm_of_release) == 1


@pytest.mark.parametrize(
    ("fault", "options", "done"),
    [
        ("http_500", {}, False),
        ("http_502", {}, False),
        ("http_503", {}, False),
        ("http_503", {"retry_after": 1}, False),
        ("http_504", {}, False),
        *(("status", {"status": status, "body": "<html>"}, False) for status in (408, 507, 520, 524)),
        ("reset_before", {}, False),
        ("reply_lost", {}, True),
        ("slow", {"delay": 5}, True),
        ("short_body", {"method": "DELETE"}, True),
    ],
)
def test_change_whose_response_is_lost_is_not_repeated(
    vm_of_release: Simulator,
    connect: Connect,
    path: str,
    recorded_sleeps: list[float],
    fault: str,
    options: dict[str, Any],
    *,
    done: bool,
) -> None:
    session = connect(vm_of_release, read=0.5)
    session.request("GET", "device/action/software")
    recorded_sleeps.clear()  # half a second may be too short for a login
    vm_of_release.faults.add(fault, **options)
    with pytest.raises(VManageOutcomeUnknownError) as caught:
        session.request("DELETE", path)
    assert caught.value.retryable
    assert (caught.value.method, caught.value.path) == ("DELETE", f"/dataservice/{path}")
    assert deletes(vm_of_release) == 1
    assert recorded_sleeps == []
    assert (vm_of_release.images == []) is done


@pytest.mark.parametrize(
    "options",
    [
        {"status": 200, "body": "not json"},
        {"status": 200, "body": '{"data": '},
        {"status": 200, "body": '{"data": null}'},
        {"status": 202, "body": "<html>maintenance</html>"},
    ],
)
def test_unreadable_response_to_a_change_is_never_a_success(
    vm_of_release: Simulator, session: ManagerSession, path: str, options: dict[str, Any]
) -> None:
    vm_of_release.faults.add("status", **options)
    with pytest.raises(VManageProtocolError) as caught:
        session.request("DELETE", path)
    assert caught.value.retryable
    assert deletes(vm_of_release) == 1


def test_change_without_the_role_is_rejected_with_a_hint(
    vm_of_release: Simulator, session: ManagerSession, path: str
) -> None:
    vm_of_release.faults.add("forbidden", method="DELETE")
    with pytest.raises(VManageRejectedError, match="Software Upgrade") as caught:
        session.request("DELETE", path)
    assert (caught.value.status, caught.value.retryable) == (403, False)
    assert vm_of_release.counters.logins == 1


def test_redirected_change_is_not_followed(vm_of_release: Simulator, session: ManagerSession, path: str) -> None:
    vm_of_release.faults.add("redirect", location=f"{vm_of_release.url}/elsewhere")
    with pytest.raises(VManageProtocolError, match="not followed"):
        session.request("DELETE", path)
    assert vm_of_release.requests[-1].path.endswith(path)


@pytest.mark.parametrize(
    ("fault", "options", "kind"),
    [
        ("http_429", {}, VManageUnavailableError),
        ("http_503", {}, VManageOutcomeUnknownError),
        ("reset_before", {}, VManageOutcomeUnknownError),
        ("error_4xx", {}, VManageRejectedError),
        ("error_200", {}, VManageRejectedError),
        ("status", {"status": 200, "body": "{"}, VManageProtocolError),
    ],
)
def test_body_that_can_be_read_once_is_sent_once(
    vm_of_release: Simulator,
    session: ManagerSession,
    recorded_sleeps: list[float],
    fault: str,
    options: dict[str, Any],
    kind: type[Exception],
) -> None:
    _ = session.server
    before = len(vm_of_release.requests)
    vm_of_release.faults.add(fault, **options)
    with pytest.raises(kind):
        session.send_body(f"{SOFTWARE}/package", b"x" * 100, "text/plain")
    assert len(vm_of_release.requests) == before + 1
    assert recorded_sleeps == []


def test_change_whose_login_fails_has_no_unknown_outcome(vm: Simulator, connect: Connect) -> None:
    for send in (
        lambda session: session.request("DELETE", f"{SOFTWARE}/1"),
        lambda session: session.send_body(f"{SOFTWARE}/package", b"x", "text/plain"),
    ):
        vm.faults.add("reset_before", path="/j_security_check")
        with pytest.raises(VManageUnavailableError):
            send(connect(vm))
    assert {one.path for one in vm.requests} == {"/j_security_check"}
