"""Every row of the error table for calls that only read."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageError,
    VManageProtocolError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"
UNAVAILABLE = ["http_429", "http_500", "http_502", "http_503", "http_504", "reset_before"]


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", SOFTWARE).rows


def reads(vm: Simulator) -> int:
    return sum(one.path.endswith(SOFTWARE) for one in vm.requests)


@pytest.mark.parametrize("fault", UNAVAILABLE)
def test_read_of_a_busy_or_unavailable_manager_is_repeated(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float], fault: str
) -> None:
    vm = vm_of_release
    vm.add_image("vmanage-20.12.5.tar.gz")
    vm.faults.add(fault, times=2)
    assert len(list_images(connect(vm))) == 1
    assert reads(vm) == 3
    assert len(recorded_sleeps) == 2
    assert 0.5 <= recorded_sleeps[0] <= 1 <= recorded_sleeps[1] <= 1.5
    assert vm.counters.logins == 1


@pytest.mark.parametrize("fault", UNAVAILABLE)
def test_read_is_repeated_five_times_at_most(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float], fault: str
) -> None:
    vm_of_release.faults.add(fault, times=None)
    with pytest.raises(VManageUnavailableError) as caught:
        list_images(connect(vm_of_release))
    assert reads(vm_of_release) == 6
    assert len(recorded_sleeps) == 5
    assert caught.value.retryable
    assert caught.value.fields == {
        "status": None if fault == "reset_before" else int(fault[-3:]),
        "code": None,
        "details": None,
        "method": "GET",
        "path": f"/dataservice/{SOFTWARE}",
    }


def test_read_is_repeated_after_a_408_page(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("status", status=408, body="<html>")
    assert list_images(connect(vm)) == []
    assert reads(vm) == 2


@pytest.mark.parametrize("path", ["client/server", "client/token"])
@pytest.mark.parametrize("fault", UNAVAILABLE)
def test_first_calls_of_a_session_are_repeated_without_another_login(
    vm: Simulator, connect: Connect, path: str, fault: str
) -> None:
    vm.faults.add("no_token", path="client/server")
    vm.faults.add(fault, times=2, path=path, method="GET")
    assert list_images(connect(vm)) == []
    assert vm.counters.logins == 1


@pytest.mark.parametrize("fault", ["http_429", "http_503"])
@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (7, [7.0]),
        ("0", [0.0]),
        ("2.5", [2.5]),
        ("Mon, 23 Nov 2026 20:00:00 GMT", [0.0]),  # past
    ],
)
def test_retry_after_is_obeyed(
    vm_of_release: Simulator,
    connect: Connect,
    recorded_sleeps: list[float],
    fault: str,
    retry_after: Any,
    expected: list[float],
) -> None:
    vm_of_release.faults.add(fault, retry_after=retry_after)
    assert list_images(connect(vm_of_release)) == []
    assert recorded_sleeps == expected


def test_retry_after_as_a_date_is_obeyed(vm: Simulator, connect: Connect, recorded_sleeps: list[float]) -> None:
    vm.faults.add("http_503", retry_after=formatdate(time.time() + 30, usegmt=True))
    assert list_images(connect(vm)) == []
    assert 20 <= recorded_sleeps[0] <= 31


@pytest.mark.parametrize("fault", ["http_429", "http_503"])
def test_retry_after_beyond_the_budget_is_left_to_airflow(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float], fault: str
) -> None:
    vm_of_release.faults.add(fault, times=None, retry_after=600)
    with pytest.raises(VManageUnavailableError, match="600 s") as caught:
        list_images(connect(vm_of_release))
    assert caught.value.retry_after == 600
    assert recorded_sleeps == []
    assert reads(vm_of_release) == 1


@pytest.mark.parametrize(
    ("fault", "options", "status", "retryable"),
    [
        ("error_200", {}, 200, False),
        ("error_4xx", {"status": 400}, 400, False),
        ("error_4xx", {"status": 403}, 403, False),
        ("error_4xx", {"status": 404}, 404, False),
        ("error_500", {}, 500, True),
        ("error_4xx", {"status": 502}, 502, True),
        ("error_4xx", {"status": 503}, 503, True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_error_object_is_a_rejection_and_never_repeated(
    vm_of_release: Simulator,
    connect: Connect,
    recorded_sleeps: list[float],
    method: str,
    fault: str,
    options: dict[str, Any],
    status: int,
    *,
    retryable: bool,
) -> None:
    words = {"message": "Failed to read", "details": "Disk full", "code": "USER0006"}
    vm_of_release.faults.add(fault, **options, **words)
    session = connect(vm_of_release)
    with pytest.raises(VManageRejectedError, match=r"Failed to read.*Disk full") as caught:
        session.request(method, SOFTWARE)
    assert (caught.value.status, caught.value.code, caught.value.details) == (status, "USER0006", "Disk full")
    assert caught.value.retryable is retryable
    assert reads(vm_of_release) == 1
    assert recorded_sleeps == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, "", "no reason given"),
        (403, "<html>Forbidden</html>", r"lacks a role.*Forbidden"),
        (404, "<html><style>p {}</style><p>No such &quot;page&quot;</p></html>", r'no such path.*No such "page"'),
        (409, "conflict", "conflict"),
        (413, "", "limits the size"),
        (422, "x" * 5000, "x" * 200),
        (501, "<html>", "refused the request"),
    ],
)
def test_status_without_an_error_object_is_rejection_with_a_hint(
    vm: Simulator, connect: Connect, status: int, body: str, words: str
) -> None:
    vm.faults.add("status", status=status, body=body)
    with pytest.raises(VManageRejectedError, match=words) as caught:
        list_images(connect(vm))
    assert caught.value.status == status
    assert len(str(caught.value)) < 500
    assert reads(vm) == 1


PAGE = {"status": 203, "body": "<html>maintenance</html>"}


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("truncated_json", {}),
        ("short_body", {}),
        ("data_null", {}),
        ("data_missing", {}),
        ("data_wrong_type", {}),
        ("empty_body", {}),
        ("status", {"status": 200, "body": "not json"}),
        ("status", {"status": 200, "body": " \n"}),
        ("status", {"status": 200, "body": b"\xff\xfe\x00"}),
        ("status", {"status": 200, "body": "[]"}),
        ("status", {"status": 200, "body": '{"data": ["a"]}'}),
        ("status", {"status": 200, "body": '{"data": "a"}'}),
        ("status", PAGE),
        ("redirect", {"location": "https://sso.example.com/login?token=secret"}),
        ("redirect", {"location": "http://[bad"}),
        ("redirect", {"location": ""}),
        ("status", {"status": 304}),
    ],
)
def test_malformed_response_is_a_protocol_error_never_an_empty_list(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float], fault: str, options: dict[str, Any]
) -> None:
    vm_of_release.add_image("vmanage-20.12.5.tar.gz")
    vm_of_release.faults.add(fault, **options)
    session = connect(vm_of_release)
    with pytest.raises(VManageProtocolError) as caught:
        list_images(session)
    assert caught.value.retryable
    assert caught.value.path == f"/dataservice/{SOFTWARE}"
    assert "secret" not in str(caught.value)
    assert reads(vm_of_release) == 1
    assert recorded_sleeps == []
    assert len(list_images(session)) == 1  # and the session goes on
    assert vm_of_release.counters.logins == 1


def test_html_instead_of_data_is_an_error_after_one_renewal(vm_of_release: Simulator, connect: Connect) -> None:
    vm_of_release.faults.add("html_200", times=None)
    with pytest.raises(VManageError) as caught:
        list_images(connect(vm_of_release))
    assert caught.value.retryable
    assert reads(vm_of_release) == 2
    assert vm_of_release.counters.logins == 2


def test_response_that_is_too_late_is_unavailable(vm_of_release: Simulator, connect: Connect) -> None:
    vm_of_release.faults.add("slow", times=1, delay=3)
    session = connect(vm_of_release, read=0.2)
    assert list_images(session) == []
    assert reads(vm_of_release) == 2


def test_responses_that_are_always_too_late_are_unavailable(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("slow", times=None, delay=3)
    with pytest.raises(VManageUnavailableError, match="timed out"):
        list_images(connect(vm, read=0.1))
    assert reads(vm) == 6


def test_manager_that_is_down_is_waited_for(
    vm_of_release: Simulator, connect: Connect, recorded_sleeps: list[float]
) -> None:
    session = connect(vm_of_release)
    list_images(session)
    vm_of_release.stop()
    with pytest.raises(VManageUnavailableError, match="refused") as caught:
        list_images(session)
    assert caught.value.retryable
    assert len(recorded_sleeps) == 5
    session.sleep = lambda _: vm_of_release.start()  # type: ignore[method-assign]
    assert list_images(session) == []
    assert vm_of_release.counters.logins == 1


def test_manager_that_is_down_at_the_login_is_waited_for(vm: Simulator, connect: Connect) -> None:
    vm.stop()
    session = connect(vm)
    session.sleep = lambda _: vm.start()  # type: ignore[method-assign]
    assert list_images(session) == []
    assert vm.counters.logins == 1


def test_compressed_and_non_ascii_responses_are_read(vm_of_release: Simulator, connect: Connect) -> None:
    vm_of_release.add_image("büro-ключ-20.12.5.tar.gz")
    session = connect(vm_of_release)
    vm_of_release.faults.add("gzip")
    assert list_images(session)[0]["availableFiles"].strip("[]") == "büro-ключ-20.12.5.tar.gz"


def test_broken_compressed_response_is_a_protocol_error(
    vm: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gzip.compress", lambda _: b"no gzip at all")
    vm.faults.add("gzip")
    with pytest.raises(VManageProtocolError, match="broke off"):
        list_images(connect(vm))
