"""The hook: from an Airflow connection to a session, and back out of it."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageConfigurationError,
    VManageNotFoundError,
)
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator

VARIABLE = "AIRFLOW_CONN_VMANAGE_DEFAULT"


def as_uri(vm: Simulator) -> str:
    where = urlsplit(vm.url)
    user = f"{quote(vm.username, safe='')}:{quote(vm.password, safe='')}"
    extras = f"ca_bundle={quote(str(vm.ca_bundle), safe='')}&verify=true&read_timeout=20&tenant="
    return f"vmanage://{user}@{where.hostname}:{where.port}/?{extras}"


def as_uri_with_schema(vm: Simulator) -> str:
    return as_uri(vm).replace("/?", "/https?")


def as_json(vm: Simulator, **fields: Any) -> str:
    where = urlsplit(vm.url)
    given = {
        "conn_type": "vmanage",
        "host": where.hostname,
        "port": where.port,
        "login": vm.username,
        "password": vm.password,
        "extra": {"ca_bundle": vm.ca_bundle, "verify": True, "connect_timeout": 5},
    }
    return json.dumps({**given, **fields})


def as_json_with_a_url(vm: Simulator) -> str:
    return as_json(vm, host=f"{vm.url}/", port=None)


def as_json_with_the_port_twice(vm: Simulator) -> str:
    return as_json(vm, host=vm.url)


def as_json_with_text_extras(vm: Simulator) -> str:
    extra = {"ca_bundle": vm.ca_bundle, "verify": "True", "connect_timeout": "5", "auth": "session", "api_key": ""}
    return as_json(vm, extra=json.dumps(extra))


FORMS = (
    *(as_uri, as_uri_with_schema, as_json),
    *(as_json_with_a_url, as_json_with_the_port_twice, as_json_with_text_extras),
)


@pytest.mark.parametrize("form", FORMS)
def test_connection_may_have_each_form_that_airflow_reads(
    form: Callable[[Simulator], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(password="p@ss/w:rd %2F&=+") as vm:
        monkeypatch.setenv(VARIABLE, form(vm))
        with VManageHook() as hook:
            assert hook.list_images() == []
        assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_host_without_tls_is_reached_by_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(tls=False) as vm:
        monkeypatch.setenv(VARIABLE, as_json(vm, schema="http", extra={}))
        with VManageHook() as hook:
            assert hook.list_images() == []


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"host": None}, {}, "host is empty: give the name"),
    ({"host": "https://admin:secret-word@vm.example.com"}, {}, "host .* has credentials in it: use the login"),
    ({"host": "https://vm.example.com?x=secret-word"}, {}, "host .* has a query in it: give only name and port"),
    ({"host": "https://vm.example.com/dataservice"}, {}, "host .* has a path in it: give only name and port"),
    ({"host": "vm.example.com:8443", "port": 443}, {}, "host says port 8443 and port says 443: give one"),
    ({"host": "ftp://vm.example.com"}, {}, "host names the scheme 'ftp': use https"),
    ({"login": None}, {}, "login is empty"),
    ({"password": None}, {}, "password is empty"),
    ({}, {"auth": "kerberos"}, "auth is 'kerberos': use one of session, jwt, api_key"),
    ({}, {"auth": "api_key"}, "api_key is empty"),
    ({}, {"verify": "maybe"}, "verify is 'maybe': use true or false"),
    ({}, {"ca_bundle": "/nowhere/ca.pem"}, "ca_bundle '/nowhere/ca.pem' cannot be used .*: give a readable file"),
    ({}, {"ca_bundle": __file__}, "ca_bundle .* cannot be used .*: give a readable file"),
    ({}, {"read_timeout": "soon"}, "read_timeout is 'soon': use a number of seconds"),
]


@pytest.mark.parametrize(("fields", "extra", "words"), BAD)
def test_bad_field_is_named_with_its_fix_before_any_request(
    fields: dict[str, Any], extra: dict[str, Any], words: str, vm: Simulator, connect: Callable[..., None]
) -> None:
    connect(vm, extra=extra, **fields)
    with pytest.raises(VManageConfigurationError, match=f"^Connection 'vmanage_default': {words}") as caught:
        VManageHook().list_images()
    assert not caught.value.retryable
    assert "secret-word" not in str(caught.value)
    assert vm.requests == []


def test_nothing_is_read_or_sent_before_the_first_call(vm: Simulator, connect: Callable[..., None]) -> None:
    assert VManageHook("no_such_connection").vmanage_conn_id == "no_such_connection"
    connect(vm)
    with VManageHook() as hook:
        assert hook.get_conn() is hook.get_conn()
    assert vm.requests == []


def test_one_login_serves_all_calls_and_ends_after_errors(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm)
    hook = VManageHook()
    with hook:
        hook.list_images()
        hook.find_images(version="20.12")
    with pytest.raises(VManageNotFoundError), hook:
        hook.delete_image(version="20.12", if_missing="fail")
    hook.close()
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (2, 2, 0)


def test_each_method_reaches_the_manager(vm: Simulator, connect: Callable[..., None], tmp_path: Path) -> None:
    connect(vm)
    file = tmp_path / "vmanage-20.15.1-x86_64.tar.gz"
    file.write_bytes(b"image")
    checksum = f"sha512:{hashlib.sha512(b'image').hexdigest()}"
    with VManageHook() as hook:
        assert hook.add_repo("20.12", "https://images.example.com/").action == "added"
        assert hook.upload_image(file, checksum=checksum).action == "uploaded"
        assert hook.upload_image(file, file_name="other.bin").image.file_name == "other.bin"
        assert [image.version for image in hook.list_images(image_type="software")] == ["20.12", "20.15.1", "--"]
        assert [image.file_name for image in hook.find_images(version="20.15.1")] == [file.name]
        assert hook.delete_image(version="20.15.1").action == "deleted"
        assert hook.delete_image(version="20.15.1").action == "unchanged"
        response = hook.request("GET", "/device/action/software", params={"imageType": "software"})
        assert len(response.rows) == 2
    assert vm.requests[-2].query == {"imageType": "software"}


def test_upload_checks_its_arguments_before_it_logs_in(
    vm: Simulator, connect: Callable[..., None], tmp_path: Path
) -> None:
    connect(vm)
    file = tmp_path / "a.bin"
    file.write_bytes(b"image")
    bad: list[tuple[Any, dict[str, Any]]] = [
        (" ", {}),
        ("gopher://x/a.bin", {}),
        ("https://[::1/a.bin", {}),
        ("https://host/", {}),  # no file name
        ("s3://images@bucket/a.bin?sig=x", {}),
        (file, {"checksum": "file:gopher://x/sums"}),
        (file, {"checksum": "file:"}),
        (file, {"not_after": "soon"}),
        (file, {"checksum": "sha512:123"}),
        (file, {"checksum": "crc32:12345678"}),
        (file, {"if_exists": "overwrite"}),
        (file, {"file_name": "a,b.bin"}),
        (file, {"listing_timeout": 0}),
    ]
    with VManageHook() as hook:
        for source, options in bad:
            with pytest.raises(
                ValueError, match=r"source|checksum|if_exists|file_name|listing_timeout|not_after"
            ) as caught:
                hook.upload_image(source, **options)
            assert not caught.value.retryable  # type: ignore[attr-defined]
    assert vm.requests == []


def test_unknown_extras_are_named_and_neither_shown_nor_sent(
    vm: Simulator, connect: Callable[..., None], warnings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    connect(vm, extra={"webhook": "canary-1", "X-Custom": "canary-2"})
    with VManageHook() as hook:
        hook.list_images()
        hook.list_images()
    (warning,) = warnings
    assert "are ignored: X-Custom, webhook" in warning
    assert "canary" not in warning + capsys.readouterr().out
    assert "canary" not in repr(vm.requests)


def test_certificate_that_is_not_checked_is_warned_of_once(
    vm: Simulator, connect: Callable[..., None], warnings: list[str]
) -> None:
    connect(vm, extra={"verify": "no", "ca_bundle": ""})
    with VManageHook() as hook:
        hook.list_images()
        hook.list_images()
    (warning,) = warnings
    assert "does not verify" in warning


def test_missing_connection_is_final() -> None:
    with pytest.raises(VManageConfigurationError, match=r"Connection 'missing' does not exist .*correct the id"):
        VManageHook("missing").list_images()


@pytest.mark.parametrize("extra", ["no JSON", "[1, 2]"])
def test_extra_that_is_no_object_is_refused(extra: str, vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import Connection

    connection = Connection(conn_id="vmanage_default", conn_type="vmanage", host=vm.url, extra=extra)
    monkeypatch.setattr(VManageHook, "get_connection", lambda *_: connection)
    with pytest.raises(VManageConfigurationError, match="extra is not a JSON object"):
        VManageHook().list_images()


def test_requests_say_who_sends_them(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm)
    with VManageHook() as hook:
        hook.list_images()
    agents = {one.headers["user-agent"] for one in vm.requests}
    assert len(agents) == 1
    assert agents.pop().startswith("airflow-provider-vmanage/")


def test_refused_login_is_sent_once_per_session(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, password="wrong")
    with VManageHook() as hook:
        for _ in range(3):
            with pytest.raises(VManageAuthenticationError):
                hook.list_images()
    assert [one.path for one in vm.requests] == ["/j_security_check", "/dataservice/client/server/ready"]


def test_hook_aborted_before_its_first_call_sends_nothing(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm)
    hook = VManageHook()
    hook.abort()
    with pytest.raises(VManageCancelledError), hook:
        hook.list_images()
    assert vm.requests == []
    with hook:  # after its end it can be used again
        assert hook.list_images() == []


def test_hook_without_with_statement_logs_out_when_dropped(vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm)
    gc.disable()  # at once, not when Python collects cycles
    try:
        assert VManageHook().list_images() == []
        assert (vm.counters.logouts, vm.counters.open_sessions) == (1, 0)
        session = VManageHook().get_conn()
        assert session.request("GET", "device/action/software").rows == []
        assert vm.counters.open_sessions == 1
    finally:
        gc.enable()
