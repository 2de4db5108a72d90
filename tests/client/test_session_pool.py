"""Sessions that were retired but may be alive: they are logged out too."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageError,
    VManageProtocolError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
Calls = Callable[[Simulator], list[str]]

SOFTWARE = "device/action/software"


def list_images(session: ManagerSession) -> Any:
    return session.request("GET", SOFTWARE).rows


@pytest.mark.parametrize("path", [SOFTWARE, "client/server"])
def test_pages_in_place_of_every_response_leave_no_session(
    vm_of_release: Simulator, connect: Connect, path: str
) -> None:
    vm = vm_of_release
    vm.faults.add("html_200", times=None, path=path)
    session = connect(vm)
    for lists in range(1, 4):
        with pytest.raises(VManageSessionExpiredError):
            list_images(session)
        assert vm.counters.logins == 2 * lists
        assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(("shape", "logouts"), [("a", 2), ("d", 1), ("e", 1)])
def test_good_response_proves_retired_session_dead_but_for_page(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, shape: str, logouts: int
) -> None:
    vm = simulate(dead_session=shape)
    session = connect(vm)
    list_images(session)
    vm.expire_sessions()
    list_images(session)
    session.close()
    assert calls(vm).count("POST /logout") == logouts


@pytest.mark.parametrize("pages", [1, 3])
def test_session_retired_because_of_page_is_logged_out(vm: Simulator, connect: Connect, pages: int) -> None:
    session = connect(vm)
    for _ in range(pages):
        vm.faults.add("html_200", path=SOFTWARE)
        assert list_images(session) == []
        assert vm.counters.open_sessions <= 2
    session.close()
    assert (vm.counters.logins, vm.counters.open_sessions) == (pages + 1, 0)


def test_body_met_by_one_page_leaves_no_session(vm: Simulator, connect: Connect) -> None:
    with connect(vm) as session:
        vm.faults.add("html_200", path="*/package", method="POST")
        with pytest.raises(VManageSessionExpiredError):
            session.send_body(f"{SOFTWARE}/package", b"x" * 10, "text/plain")
        with pytest.raises(VManageError):
            session.send_body(f"{SOFTWARE}/package", b"x" * 10, "text/plain")
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


@pytest.mark.parametrize("fault", ["http_429", "http_503", "error_500", "data_null"])
def test_failure_between_two_pages_loses_no_session(vm_of_release: Simulator, connect: Connect, fault: str) -> None:
    vm = vm_of_release
    session = connect(vm)
    list_images(session)
    vm.faults.add("html_200", path=SOFTWARE)
    vm.faults.add(fault, times=6, path=SOFTWARE)
    with pytest.raises(VManageError):
        list_images(session)
    vm.faults.clear()
    vm.faults.add("html_200", times=None, path=SOFTWARE)
    with pytest.raises(VManageSessionExpiredError):
        list_images(session)
    assert vm.counters.open_sessions == 0
    session.close()
    assert vm.counters.logins == vm.counters.logouts == 3


@pytest.mark.parametrize("fault", ["http_429", "http_503"])
def test_unconfirmed_retired_session_is_logged_out_at_the_end(vm: Simulator, connect: Connect, fault: str) -> None:
    session = connect(vm)
    list_images(session)
    vm.faults.add("html_200", path=SOFTWARE)
    vm.faults.add(fault, times=6, path="/j_security_check")
    with pytest.raises(VManageUnavailableError):
        list_images(session)
    assert not session.is_open
    session.close()
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_pages_in_response_to_every_body_leave_no_session(vm: Simulator, connect: Connect) -> None:
    with connect(vm) as session:
        vm.faults.add("html_200", times=None, path="*/package", method="POST")
        for _ in range(3):
            with pytest.raises(VManageSessionExpiredError):
                session.send_body(f"{SOFTWARE}/package", b"x" * 10, "text/plain")
            assert list_images(session) == []
            assert vm.counters.open_sessions == 1
    assert vm.counters.logins == vm.counters.logouts == 4


@pytest.mark.parametrize("stored", [True, False])
def test_page_in_response_to_an_upload_leaves_no_session(
    vm_of_release: Simulator, connect: Connect, *, stored: bool
) -> None:
    vm = vm_of_release
    vm.faults.add("html_200", path="*/package", done=stored)
    with connect(vm) as session:
        source = ImageSource("image", 5, lambda: io.BytesIO(b"image"))
        upload = ImageUpload(SoftwareRepository(session), source, "a.bin", listing_timeout=0.05)
        assert upload.run().action == "uploaded"
        assert vm.counters.open_sessions == 1
    assert (vm.counters.logins, vm.counters.open_sessions, len(vm.images)) == (2, 0, 1)


def test_retired_jwt_is_logged_out_too(simulate: Callable[..., Simulator], connect: Connect) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("html_200", times=None, path=SOFTWARE)
    with pytest.raises(VManageSessionExpiredError):
        list_images(connect(vm, auth="jwt"))
    assert (vm.counters.logouts, vm.counters.open_sessions) == (2, 0)


def test_dead_session_after_a_stale_token_is_an_error(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    list_images(session)
    path = f"{SOFTWARE}/{vm.add_image('vmanage-20.12.5.tar.gz').version_id}"
    vm.faults.add("expired_f", method="DELETE")
    vm.faults.add("html_200", method="DELETE")
    with pytest.raises(VManageSessionExpiredError, match=r"token was renewed.*login page") as caught:
        session.request("DELETE", path)
    assert caught.value.retryable
    assert [one.method for one in vm.requests].count("DELETE") == 2
    assert vm.counters.open_sessions == 0


def test_stale_token_after_a_dead_session_is_an_error(vm: Simulator, connect: Connect) -> None:
    session = connect(vm)
    path = f"{SOFTWARE}/{vm.add_image('vmanage-20.12.5.tar.gz').version_id}"
    vm.faults.add("html_200", method="DELETE")
    vm.faults.add("expired_f", method="DELETE")
    with pytest.raises(VManageSessionExpiredError, match="XSRF token not accepted"):
        session.request("DELETE", path)
    session.close()
    assert [one.method for one in vm.requests].count("DELETE") == 2
    assert vm.counters.logins == vm.counters.logouts == 2


@pytest.mark.parametrize("fault", ["html_200", "expired_d"])
@pytest.mark.parametrize("path", [SOFTWARE, "client/server"])
def test_api_key_has_no_session_that_a_page_could_end(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, fault: str, path: str
) -> None:
    vm = simulate("20.18.2")
    vm.faults.add(fault, times=None, path=path)
    with pytest.raises(VManageProtocolError, match=r"API key.*no session") as caught:
        list_images(connect(vm, auth="api_key", api_key=vm.api_key, username=None, password=None))
    assert caught.value.retryable
    assert calls(vm) == ["GET client/server", f"GET {SOFTWARE}"][: 1 if path == "client/server" else 2]


# -- an opening that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["error_500", "data_null"])
def test_logout_of_an_unready_session_fetches_nothing_twice(
    vm: Simulator, connect: Connect, calls: Calls, fault: str
) -> None:
    vm.faults.add(fault, times=None, path="client/server")
    with pytest.raises(VManageError), connect(vm) as session:
        list_images(session)
    assert calls(vm) == ["POST /j_security_check", "GET client/server", "GET client/token", "POST /logout"]
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("tenant", ["unknown", "Acme"])
def test_tenant_that_fails_is_not_requested_again_to_log_out(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls, tenant: str
) -> None:
    vm = simulate(tenants=[{"name": "Acme", "tenantId": "t-1"}])
    vm.faults.add("error_500", times=None, path="*/vsessionid")
    with pytest.raises(VManageError), connect(vm, tenant=tenant) as session:
        list_images(session)
    switch = ["POST tenant/t-1/vsessionid"] if tenant == "Acme" else []
    assert calls(vm) == ["POST /j_security_check", "GET client/server", "GET tenant", *switch, "POST /logout"]
    assert vm.counters.open_sessions == 0


def test_known_values_are_not_fetched_again_from_a_busy_manager(
    simulate: Callable[..., Simulator], connect: Connect, calls: Calls
) -> None:
    vm = simulate(tenants=[{"name": "Acme", "tenantId": "t-1"}])
    vm.faults.add("http_503", times=3, path="tenant")
    assert list_images(connect(vm, tenant="Acme")) == []
    assert calls(vm).count("GET client/server") == 1
