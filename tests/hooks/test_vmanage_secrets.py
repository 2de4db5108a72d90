"""Every secret of a connection and of a session is given to Airflow's masker, and none shows up by itself."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote_plus

import pytest

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from tests.secrets.conftest import parts_of

MASKED = "***"


@pytest.mark.parametrize("release", ["16.3.1", "20.12.4"])
def test_password_cookie_and_token_are_masked(
    vm_of_release: Simulator, connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    vm = vm_of_release
    connect(vm)
    with VManageHook() as hook:
        hook.list_images()
    headers = vm.requests[-1].headers
    cookie = headers["cookie"].partition("JSESSIONID=")[2].partition(";")[0]
    secrets = [vm.password, cookie, headers.get("x-xsrf-token", vm.password)]
    assert all(len(secret) > 10 for secret in secrets)
    assert [redact(f"see {secret} there") for secret in secrets] == ["see *** there"] * 3


def test_password_is_masked_in_its_form_encoding_too(
    connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    with Simulator(password="pass word/+&=") as vm:
        connect(vm)
        with VManageHook() as hook:
            hook.list_images()
        assert redact(f"j_password={quote_plus(vm.password)}") == f"j_password={MASKED}"


@pytest.mark.parametrize("auth", ["jwt", "api_key"])
@pytest.mark.parametrize("release", ["20.18.2"])
def test_bearers_are_masked(
    auth: str, vm_of_release: Simulator, connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    vm = vm_of_release
    extra = {"auth": auth, **({"api_key": vm.api_key} if auth == "api_key" else {})}
    connect(vm, extra=extra)
    with VManageHook() as hook:
        hook.list_images()
    headers = vm.requests[-1].headers
    bearer = headers["authorization"].removeprefix("Bearer ")
    assert redact(f"{bearer} {headers['x-xsrf-token']}") == f"{MASKED} {MASKED}"


def test_session_of_a_tenant_is_masked(connect: Callable[..., None], redact: Callable[[str], str]) -> None:
    with Simulator(tenants=["blue"]) as vm:
        connect(vm, extra={"tenant": "blue"})
        with VManageHook() as hook:
            hook.list_images()
        assert redact(vm.requests[-2].headers["vsessionid"]) == MASKED


def test_bad_connection_masks_its_secrets_before_it_is_refused(
    vm: Simulator, connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    connect(vm, extra={"auth": "kerberos", "api_key": "a-long-api-key"})
    assert not VManageHook().test_connection()[0]
    assert redact(f"{vm.password} a-long-api-key") == f"{MASKED} {MASKED}"


def test_nothing_that_a_session_knows_shows_in_its_text(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm)
    with VManageHook() as hook:
        hook.list_images()
        session = hook.get_conn()
        headers = vm.requests[-1].headers
        secrets = [vm.password, headers["x-xsrf-token"], headers["cookie"].partition("=")[2]]
        shown = f"{session!r} {hook.settings!r} {session.server!r} {parts_of([session])!r} {vars(hook)!r}"
    assert [secret for secret in secrets if secret in shown] == []


SIGNED = "https://joe:url-password@images.example.com/20.12/?sig=signed-123"


def test_secret_in_a_url_is_masked_without_an_operator(
    vm: Simulator, connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    connect(vm)
    with VManageHook() as hook:
        hook.add_repo("20.12", SIGNED, check_mode=True)
    assert redact("url-password signed-123") == f"{MASKED} {MASKED}"


def test_secret_in_source_or_checksum_is_masked_before_opening(
    vm: Simulator, connect: Callable[..., None], redact: Callable[[str], str]
) -> None:
    connect(vm)
    other = SIGNED.replace("url-password", "list-password").replace("example.com", "invalid")
    with VManageHook() as hook, pytest.raises(VManageError):
        hook.upload_image(SIGNED.replace("example.com", "invalid"), file_name="a.bin", checksum=f"file:{other}")
    assert redact("url-password list-password signed-123") == f"{MASKED} {MASKED} {MASKED}"
