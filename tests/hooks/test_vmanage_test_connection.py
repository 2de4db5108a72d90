"""What Airflow's *Test* button says, in each case: words that help, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from urllib3.exceptions import ConnectTimeoutError

from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator


@pytest.fixture(autouse=True)
def it_always_logs_out(vm: Simulator) -> Iterator[None]:
    yield
    assert vm.counters.open_sessions == 0


def test_good_connection_reports_release_tenancy_and_number_of_images(
    vm_of_release: Simulator, connect: Callable[..., None]
) -> None:
    vm_of_release.add_image("a.bin")
    connect(vm_of_release)
    ok, text = VManageHook().test_connection()
    assert ok
    assert text == (
        f"Connected to vManage {vm_of_release.version} at {vm_of_release.url} (SingleTenant); "
        "the software repository can be read: 1 image."
    )
    assert (vm_of_release.counters.logins, vm_of_release.counters.open_sessions) == (1, 0)


def test_manager_of_many_tenants_says_so(connect: Callable[..., None]) -> None:
    with Simulator(tenants=["blue"]) as vm:
        connect(vm, extra={"tenant": "blue"})
        ok, text = VManageHook().test_connection()
    assert ok
    assert "(MultiTenant)" in text


def test_refused_login_is_reported_with_its_consequence(vm_of_release: Simulator, connect: Callable[..., None]) -> None:
    connect(vm_of_release, password="wrong-word")
    ok, text = VManageHook().test_connection()
    assert not ok
    assert "refused the login of 'admin'" in text
    assert "five refused logins within 15 minutes lock the account" in text
    assert "wrong-word" not in text
    assert vm_of_release.counters.refused_logins == 1


def test_missing_connection_is_reported_and_not_raised(vm: Simulator) -> None:
    ok, text = VManageHook("missing").test_connection()
    assert not ok
    assert text.startswith("Connection 'missing' does not exist (")
    assert vm.requests == []


def test_masked_password_of_the_form_is_recognised(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, password="***")
    assert VManageHook().test_connection()[1].endswith("The password arrived as '***': type it again in the form.")


def test_certificate_of_another_authority_names_the_setting(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, extra={"ca_bundle": ""})
    ok, text = VManageHook().test_connection()
    assert not ok
    assert "TLS verification failed" in text
    assert "set ca_bundle" in text
    assert vm.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("forbidden", "the user lacks a role"),
        ("error_4xx", "Simulated failure"),
        ("data_null", "data"),
        ("truncated_json", "not JSON"),
    ],
)
def test_unreadable_repository_differs_from_an_unusable_manager(
    fault: str, words: str, vm: Simulator, connect: Callable[..., None]
) -> None:
    connect(vm)
    vm.faults.add(fault, path="device/action/software", method="GET")
    ok, text = VManageHook().test_connection()
    assert not ok
    assert text.startswith(f"Connected to vManage {vm.version} at {vm.url} (SingleTenant), but the software repository")
    assert words in text


@pytest.mark.parametrize(("host", "words"), [("no-such-host.invalid", "cannot be reached"), ("127.0.0.1:1", "refused")])
def test_missing_host_fails_in_time(
    host: str, words: str, vm: Simulator, connect: Callable[..., None], recorded_sleeps: list[float]
) -> None:
    """Airflow's own test of a connection has 60 seconds."""
    connect(vm, host=host)
    ok, text = VManageHook().test_connection()
    assert not ok
    assert words in text
    assert sum(recorded_sleeps) < 30


def test_bad_field_is_reported_as_by_any_call(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, extra={"auth": "kerberos"})
    ok, text = VManageHook().test_connection()
    assert (ok, text) == (
        False,
        "Connection 'vmanage_default': auth is 'kerberos': use one of session, jwt, api_key",
    )


def test_host_that_swallows_every_packet_fails_in_time_too(
    vm: Simulator, connect: Callable[..., None], recorded_sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six attempts and the waits between them, in less than those 60 seconds."""
    patience: list[float] = []

    def swallow(*_: object, timeout: tuple[float, float], **__: object) -> None:
        patience.append(timeout[0])
        raise requests.exceptions.ConnectTimeout(ConnectTimeoutError())

    monkeypatch.setattr(requests.Session, "request", swallow)
    connect(vm, extra={"connect_timeout": 40})
    ok, text = VManageHook().test_connection()
    assert not ok
    assert "cannot be reached" in text
    assert sum(patience) + sum(recorded_sleeps) < 55
