"""Hosts and repository URLs as users write them, and nothing secret in what is shown of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.urls import (
    REPOSITORY_SCHEMES,
    check_repository_url,
    manager_url,
    masked_url,
    secrets_in_url,
)


@pytest.mark.parametrize(
    ("host", "port", "schema", "url"),
    [
        ("vmanage", None, None, "https://vmanage:443"),
        ("vmanage.example.com", 8443, None, "https://vmanage.example.com:8443"),
        ("vmanage:8443", None, None, "https://vmanage:8443"),
        ("vmanage:8443", 8443, None, "https://vmanage:8443"),
        ("vmanage:", None, None, "https://vmanage:443"),
        ("VManage", None, "HTTPS", "https://vmanage:443"),
        (" vmanage ", None, " https ", "https://vmanage:443"),
        ("vmanage/", None, None, "https://vmanage:443"),
        ("vmanage:8443/", None, None, "https://vmanage:8443"),
        ("https://vmanage", None, None, "https://vmanage:443"),
        ("https://vmanage/", 8443, None, "https://vmanage:8443"),
        ("https://vmanage:8443/", None, "https", "https://vmanage:8443"),
        ("HTTPS://vmanage", None, None, "https://vmanage:443"),
        ("http://vmanage", None, None, "http://vmanage:80"),
        ("vmanage", None, "http", "http://vmanage:80"),
        ("vmanage", 8080, "http://", "http://vmanage:8080"),
        ("10.0.0.1", None, None, "https://10.0.0.1:443"),
        ("10.0.0.1:8443", None, None, "https://10.0.0.1:8443"),
        ("::1", None, None, "https://[::1]:443"),
        ("::1", 8443, None, "https://[::1]:8443"),
        ("[::1]", None, None, "https://[::1]:443"),
        ("[2001:DB8::1]:8443", None, None, "https://[2001:db8::1]:8443"),
        ("2001:db8::1/", None, None, "https://[2001:db8::1]:443"),
        ("https://[::1]:8443/", None, None, "https://[::1]:8443"),
        ("https://2001:db8::1", None, None, "https://[2001:db8::1]:443"),
        ("bücher.example", None, None, "https://bücher.example:443"),
        ("vm_1", None, None, "https://vm_1:443"),
    ],
)
def test_host_may_be_written_in_many_ways(host: str, port: int | None, schema: str | None, url: str) -> None:
    assert manager_url(host, port, schema) == url


@pytest.mark.parametrize(
    ("host", "port", "schema", "words"),
    [
        ("", None, None, "host is empty"),
        ("  ", None, None, "host is empty"),
        ("admin:s3cret@vmanage", None, None, "host .* credentials"),
        ("https://admin:s3cret@vmanage:8443/", None, None, "host .* credentials"),
        ("https://admin:s3/cret@vmanage", None, None, "host .* credentials"),
        ("admin:s3?cret@vmanage", None, None, "host .* credentials"),
        ("admin:s3#cret@vmanage", None, None, "host .* credentials"),
        ("admin:s3://cret@vmanage", None, None, "host .* credentials"),
        ("ftp://admin:s3cret@vmanage", None, None, "host .* credentials"),
        ("admin@vmanage", None, None, "host .* credentials"),
        ("vmanage?token=s3cret", None, None, "host .* query"),
        ("vmanage?", None, None, "host .* query"),
        ("https://vmanage/?token=s3cret", None, None, "host .* query"),
        ("vmanage#s3cret", None, None, "host .* query"),
        ("vmanage/dataservice", None, None, "host .* path"),
        ("https://vmanage:8443/dataservice", None, None, "host .* path"),
        ("vmanage//", None, None, "host .* path"),
        ("vmanage:8443", 443, None, "host says port 8443 and port says 443"),
        ("vmanage:abc", None, None, "host .* port .* number from 1 to 65535"),
        ("vmanage:99999", None, None, "host .* port .* number from 1 to 65535"),
        ("vmanage:-1", None, None, "host .* port .* number from 1 to 65535"),
        ("vmanage:0", None, None, "host .* port .* number from 1 to 65535"),
        ("1::2::3", None, None, "host "),
        ("vmanage", 0, None, "port .* number from 1 to 65535"),
        ("vmanage", 65536, None, "port .* number from 1 to 65535"),
        ("vmanage", -1, None, "port .* number from 1 to 65535"),
        ("vmanage", None, "ftp", "schema .* https"),
        ("ftp://vmanage", None, None, "host .* https"),
        ("http://vmanage", None, "https", "host says 'http' and schema says 'https'"),
        ("v manage", None, None, "host .* is not a host name"),
        ("vmanage,other", None, None, "host .* is not a host name"),
        ("https://", None, None, "host .* is not a host name"),
        (":8443", None, None, "host .* is not a host name"),
        ("[::1", None, None, "host "),
        ("[zz]", None, None, "host "),
        ("[::1]x", None, None, "host "),
        ("vm\x00", None, None, "host "),
    ],
)
def test_impossible_host_is_an_error_without_secrets(
    host: str, port: int | None, schema: str | None, words: str
) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{words}") as caught:
        manager_url(host, port, schema)
    shown = str(caught.value) + repr(caught.value)
    assert not any(secret in shown for secret in ("cret", "s3"))


@pytest.mark.slow
@settings(max_examples=200)
@given(host=st.text(st.sampled_from("ab1:/@[]?#.%-\n é")), port=st.none() | st.integers(-1, 70000))
def test_whatever_the_host_is_only_our_error_comes_out(host: str, port: int | None) -> None:
    try:
        url = manager_url(host, port)
    except VManageConfigurationError as error:
        assert error.message.partition(" ")[0] in ("host", "port")  # noqa: PT017
    else:
        assert url.startswith(("http://", "https://"))
        assert "@" not in url


@pytest.mark.parametrize("scheme", [*REPOSITORY_SCHEMES, "HTTPS"])
def test_repository_url_may_have_any_scheme_of_a_manager(scheme: str) -> None:
    url = f"{scheme}://user:pass@images.example.com:8080/20.12/?sig=abc"
    assert check_repository_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "images.example.com/20.12/",
        "file:///images/",
        "s3a://bucket/key?sig=s3cret",
        "https://",
        "https:///path",
        "https://user:s3cret@/path",
        "https://images.example.com/a b?sig=s3cret",
        "https://images.example.com/\n",
        "https://images.example.com:port/?sig=s3cret",
        "https://[::1/?sig=s3cret",
        "ftp://user:s3/cret@images.example.com/",
        "javascript:alert()",
    ],
)
def test_unusable_repository_url_is_an_error_without_secrets(url: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^version_url ") as caught:
        check_repository_url(url)
    shown = str(caught.value) + repr(caught.value) + str(caught.value.__cause__)
    assert not any(secret in shown for secret in ("s3cret", "s3/cret", "'s3'", "cret@"))


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://images.example.com/20.12/", "https://images.example.com/20.12/"),
        ("https://images.example.com:8080/a?sig=x&b=c#d", "https://images.example.com:8080/a?***#***"),
        ("ftp://user:pw@host/a", "ftp://***@host/a"),
        ("ftp://user@host/a", "ftp://***@host/a"),
        ("ftp://a@b:pw@host/a", "ftp://***@host/a"),
        ("https://host/@scope/a", "https://host/@scope/a"),
        ("/a;jsessionid=c.x/b.html;n=1?q", "/a;***/b.html;***?***"),
        ("http://[::1", "***"),
        ("ftp://user:p/w@host/a", "***"),
    ],
)
def test_user_query_fragment_and_path_parameters_are_masked(url: str, masked: str) -> None:
    assert masked_url(url) == masked


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://host/a", []),
        ("ftp://user:p%40ss@host/a", ["p%40ss", "p@ss"]),
        ("https://host/a?sig=a%2Fb&n=1#frag", ["sig=a%2Fb&n=1", "sig=a/b&n=1", "a%2Fb", "1", "a/b", "frag"]),
        ("http://[::1", ["http://[::1"]),
        ("ftp://user:p/w@host/a", ["ftp://user:p/w@host/a"]),
        ("https://t%2Fken@host/a", ["t%2Fken", "t/ken"]),
        ("HTTP://token:@host/a", ["token"]),
        ("https://user:pass@host/a", ["pass"]),
        ("sftp://user@host/a", []),
        ("https://ghp_0123456789abcdef:x-oauth-basic@host/", ["ghp_0123456789abcdef", "x-oauth-basic"]),
        ("sftp://ghp_0123456789abcdef@host/a", ["ghp_0123456789abcdef"]),
        ("s3://a_connection_with_a_long_name@bucket/a", []),
    ],
)
def test_what_may_be_secret_in_a_url(url: str, secrets: list[str]) -> None:
    assert secrets_in_url(url) == secrets


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="?#"), min_size=1))
def test_password_is_never_shown_whatever_is_in_it(password: str) -> None:
    secret = f"s3cret{password}s3cret"
    url = f"ftp://user:{secret}@images/"
    shown = masked_url(url)
    with suppress(VManageConfigurationError):
        check_repository_url(url)
    assert "s3cret" not in shown


@given(st.text())
def test_whatever_the_url_is_only_our_error_comes_out(url: str) -> None:
    masked_url(url)
    secrets_in_url(url)
    with suppress(VManageConfigurationError):
        assert check_repository_url(url) == url
