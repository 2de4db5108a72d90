"""A connection's fields, as users and Airflow write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_vmanage.client.arguments import parse_bool
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.settings import (
    KNOWN_EXTRAS,
    ManagerSettings,
    Timeouts,
    is_header_value,
    read_settings,
)


def read(extra: dict[str, Any] | None = None, **fields: Any) -> ManagerSettings:
    return read_settings(**{"host": "vmanage", "login": "admin", "password": "s3cret", "extra": extra, **fields})


def test_bare_connection_has_safe_defaults() -> None:
    assert read() == ManagerSettings("https://vmanage:443", "admin", "s3cret")
    assert read().tls_verify is True
    assert read().timeouts == Timeouts(10.0, 60.0, 1800.0)


TRUE = [True, "true", "True", " TRUE ", 1, "1", "yes"]
FALSE = [False, "false", "False", 0, "0", "no"]


@pytest.mark.parametrize(("value", "expected"), [*((one, True) for one in TRUE), *((one, False) for one in FALSE)])
def test_verify_may_be_a_boolean_a_number_or_text(value: Any, *, expected: bool) -> None:
    assert read({"verify": value}).verify is expected
    assert parse_bool(value, field="x") is expected


@pytest.mark.parametrize("value", ["maybe", "2", 2, -1, 1.5, [], {}, "  ", "/etc/ca.pem", "falsch", "on"])
def test_any_other_truth_value_is_an_error_naming_the_field(value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^verify is .*true or false"):
        read({"verify": value})


@pytest.mark.parametrize("name", KNOWN_EXTRAS)
@pytest.mark.parametrize("empty", [None, ""])
def test_empty_extra_is_as_good_as_none(name: str, empty: Any) -> None:
    assert read({name: empty}) == read()


@pytest.mark.parametrize("name", ["connect", "read", "upload_read"])
@pytest.mark.parametrize(("value", "seconds"), [(5, 5.0), ("5", 5.0), (" 2.5 ", 2.5), (0.1, 0.1), (86400, 86400.0)])
def test_timeout_may_be_a_number_or_text(name: str, value: Any, seconds: float) -> None:
    assert getattr(read({f"{name}_timeout": value}).timeouts, name) == seconds


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "upload_read_timeout"])
@pytest.mark.parametrize("value", [0, -1, "0", "soon", "nan", "inf", float("nan"), 86401, True, [], {}, 10**400, " "])
def test_any_other_timeout_is_an_error_that_names_the_field(name: str, value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{name} is "):
        read({name: value})


@pytest.mark.parametrize(("value", "auth"), [("session", "session"), (" JWT ", "jwt"), ("Api_Key", "api_key")])
def test_auth_is_read_whatever_its_case(value: str, auth: str) -> None:
    assert read({"auth": value, "api_key": "abc"}).auth == auth


@pytest.mark.parametrize("value", ["basic", "apikey", 1, True, [], "session,jwt"])
def test_unknown_auth_is_an_error(value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^auth is .*session, jwt, api_key"):
        read({"auth": value})


@pytest.mark.parametrize(
    ("fields", "extra", "name"),
    [
        ({"login": None}, {}, "login"),
        ({"login": ""}, {"auth": "jwt"}, "login"),
        ({"password": None}, {}, "password"),
        ({"password": ""}, {"auth": "jwt"}, "password"),
        ({}, {"auth": "api_key"}, "api_key"),
        ({}, {"auth": "api_key", "api_key": "  "}, "api_key"),
        ({}, {"auth": "api_key", "api_key": "s3cret\nX: y"}, "api_key"),
        ({}, {"auth": "api_key", "api_key": "s3cret-ключ"}, "api_key"),
        ({}, {"api_key": ["s3cret"]}, "api_key"),
        ({}, {"tenant": True}, "tenant"),
        ({}, {"tenant": 1.5}, "tenant"),
        ({}, {"ca_bundle": {}}, "ca_bundle"),
        ({"host": None}, {}, "host"),
        ({"host": " "}, {}, "host"),
        ({"port": 70000}, {}, "port"),
        ({"schema": "ftp"}, {}, "schema"),
    ],
)
def test_wrong_field_is_one_error_without_secrets(fields: dict[str, Any], extra: dict[str, Any], name: str) -> None:
    with pytest.raises(VManageConfigurationError) as caught:
        read(extra, **fields)
    assert str(caught.value).startswith(f"{name} ")
    assert "s3cret" not in str(caught.value) + repr(caught.value)
    assert not caught.value.retryable


def test_api_key_needs_no_login() -> None:
    chosen = read({"auth": "api_key", "api_key": " k.e-y "}, login=None, password=None)
    assert (chosen.api_key, chosen.username, chosen.password) == ("k.e-y", None, None)


def test_tenant_may_be_a_number() -> None:
    assert read({"tenant": 17}).tenant == "17"
    assert read({"tenant": " Acme "}).tenant == "Acme"


def test_unknown_extras_are_named_and_kept_nowhere_else() -> None:
    chosen = read({"verfy": False, "proxy": "s3cret-proxy", "verify": True, "empty": ""})
    assert chosen.unknown_extras == ("proxy", "verfy")
    assert chosen.verify
    assert "s3cret" not in repr(chosen)


def test_no_secret_is_in_the_repr() -> None:
    assert "s3cret" not in repr(read({"auth": "api_key", "api_key": "s3cret-key"}))


@pytest.fixture
def bundles(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "binary.pem").write_bytes(bytes(range(256)))
    return {name: str(tmp_path / f"{name}.pem") for name in ("empty", "text", "binary", "missing")}


@pytest.mark.parametrize("name", ["empty", "text", "binary", "missing"])
def test_ca_bundle_that_cannot_be_used_is_an_error(bundles: dict[str, str], name: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^ca_bundle .*readable file of PEM"):
        read({"ca_bundle": bundles[name]})
    assert read({"ca_bundle": bundles[name], "verify": "false"}).tls_verify is False


def test_ca_bundle_with_a_null_byte_is_an_error() -> None:
    with pytest.raises(VManageConfigurationError, match=r"^ca_bundle "):
        read({"ca_bundle": "/tmp/\x00"})  # noqa: S108


def test_ca_bundle_may_be_a_file_or_a_folder(vm: Any, tmp_path: Path) -> None:
    for path in (vm.ca_bundle, str(tmp_path)):
        assert read({"ca_bundle": path}).tls_verify == path


@pytest.mark.parametrize(
    ("value", "fits"),
    [("abc", True), ("a b", True), ("", True), (" a", False), ("a\n", False), ("ä", False), (7, False), (None, False)],
)
def test_what_a_header_can_carry(value: Any, *, fits: bool) -> None:
    assert is_header_value(value) is fits


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@pytest.mark.slow
@settings(max_examples=150)
@given(
    extra=st.dictionaries(st.sampled_from(KNOWN_EXTRAS) | st.text(), VALUES),
    host=st.text(),
    port=st.none() | st.integers(),
)
def test_whatever_a_connection_holds_only_our_error_comes_out(extra: Any, host: str, port: int | None) -> None:
    for name in (host, "vmanage"):
        try:
            read(extra, host=name, port=port)
        except VManageConfigurationError as error:
            assert str(error)  # noqa: PT017
