"""Whatever a manager or a user writes, only our errors come out, and what is printed is read back."""

from __future__ import annotations

import io
import json
import string
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.auth import SessionLogin
from airflow_provider_vmanage.client.errors import VManageError, VManageUnavailableError
from airflow_provider_vmanage.client.http.responses import Call, SessionDead, judge
from airflow_provider_vmanage.client.http.retry import parse_retry_after
from airflow_provider_vmanage.client.models import (
    ServerInfo,
    parse_file_names,
    parse_images,
    parse_java_map,
    parse_server_info,
)
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.upload.checksum_lists import find_checksum
from airflow_provider_vmanage.client.upload.checksums import parse_checksum
from airflow_provider_vmanage.client.urls import manager_url

pytestmark = pytest.mark.slow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("versionType", "versionId", "updatedOn", "versionName", "versionURL", "availableFiles", "platformFamily"),
    *("fileNameMap", "versionIdMap", "imageType", "versionTypeName"),
)
NAME = st.text(string.ascii_letters + string.digits + "._- ", min_size=1).map(str.strip).filter(bool)


def response(status: int, body: bytes, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content, made.encoding = status, body, "utf-8"
    made.headers.update(headers)
    return made


@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.sampled_from([200, 201, 302, 400, 401, 403, 404, 429, 500, 503]),
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    st.text(max_size=20),
)
def test_any_response_is_an_envelope_or_our_error(method: str, status: int, body: bytes, header: str) -> None:
    def outcome() -> Any:
        try:
            return judge(Call(method, "/dataservice/x"), response(status, body, Location=header)).body
        except (VManageError, SessionDead) as err:
            return type(err), str(err)

    assert repr(outcome()) == repr(outcome())


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON)))
def test_any_record_gives_images_or_our_error(records: list[dict[str, Any]]) -> None:
    with suppress(VManageError):
        images = parse_images(records)
        assert images == parse_images(records)
        json.dumps([image.as_row() for image in images])
        assert all(image.file_name is None or image.has_file_name(image.file_name) for image in images)
        assert all(image.describe() for image in images)


@given(st.dictionaries(st.sampled_from(["platformVersion", "CSRFToken", "tenancyMode", "userMode"]), JSON))
def test_any_description_of_a_server_is_read_or_our_error(record: dict[str, Any]) -> None:
    with suppress(VManageError):
        server = parse_server_info(record)
        assert (server, server.release) == (parse_server_info(record), server.release)


@given(st.dictionaries(NAME, NAME))
def test_java_map_is_read_as_it_was_printed(pairs: dict[str, str]) -> None:
    assert parse_java_map("{" + ", ".join(f"{key}={value}" for key, value in pairs.items()) + "}") == pairs


@given(st.lists(NAME, unique=True))
def test_file_names_are_read_as_they_were_printed(names: list[str]) -> None:
    assert parse_file_names("[" + ", ".join(names) + "]") == parse_file_names(", ".join(names)) == tuple(names)


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1), st.sampled_from(["", ".4", ".4.1", "-144-li", ".0.02-li"]))
def test_release_is_the_first_two_numbers_of_a_version(major: int, minor: int, rest: str) -> None:
    assert ServerInfo(version=f"{major}.{minor}{rest}").release == (major, minor)


@given(st.text())
def test_any_text_may_be_a_version(text: str) -> None:
    assert ServerInfo(version=text).release == ServerInfo(version=text).release


@given(st.integers(0, 999_999_999))
def test_retry_after_in_seconds_is_read_as_it_was_printed(seconds: int) -> None:
    assert parse_retry_after(str(seconds)) == seconds


@given(st.integers(60, 10**7))
def test_retry_after_as_a_date_is_the_time_until_then(seconds: int) -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    waited = parse_retry_after(format_datetime(moment, usegmt=True))
    assert waited is not None
    assert seconds - 30 <= waited <= seconds + 1


@given(st.text() | st.none())
def test_any_retry_after_is_no_time_or_some(text: str | None) -> None:
    assert (parse_retry_after(text) or 0) >= 0


@given(
    st.dictionaries(st.sampled_from(["JSESSIONID", "other", "jsessionid"]), st.text(string.ascii_letters), max_size=3)
)
def test_login_needs_the_cookie_of_a_session(cookies: dict[str, str]) -> None:
    made = response(200, b"")
    for name, value in cookies.items():
        made.cookies.set(name, value)
    settings = ManagerSettings(base_url="https://vmanage", username="u", password="p")
    try:
        secrets = SessionLogin(settings).open(lambda *_, **__: made).secrets
    except VManageUnavailableError:
        assert not cookies.get("JSESSIONID")
    else:
        assert secrets == (cookies["JSESSIONID"],)


@given(st.text(), st.integers(-1, 70000) | st.none(), st.sampled_from([None, "", "http", "https", "ftp"]))
def test_any_host_is_an_address_or_our_error(host: str, port: int | None, schema: str | None) -> None:
    with suppress(VManageError):
        url = manager_url(host, port, schema)
        assert manager_url(url) == url


@given(st.sampled_from([("md5", 32), ("sha256", 64), ("sha512", 128)]), st.data())
def test_checksum_is_read_as_it_was_printed(kind: tuple[str, int], data: st.DataObject) -> None:
    digest = data.draw(st.text("0123456789abcdef", min_size=kind[1], max_size=kind[1]))
    found = parse_checksum(f"{kind[0]}:{digest}")
    assert found is not None
    assert (found.algorithm, found.digest) == (kind[0], digest)


@given(st.text())
def test_any_checksum_is_one_or_our_error(text: str) -> None:
    with suppress(VManageError):
        assert parse_checksum(text) == parse_checksum(text)


@given(
    st.binary()
    | st.lists(st.sampled_from([b"a.bin", b"\n", b",", b'"', b"  ", b"*", b"f" * 64, b"sha512", b"File"])).map(b"".join)
)
def test_any_list_of_checksums_gives_one_or_our_error(content: bytes) -> None:
    with suppress(VManageError):
        found = [find_checksum(io.BytesIO(content), "a.bin", list_name="list") for _ in "ab"]
        assert found[0] == found[1]
