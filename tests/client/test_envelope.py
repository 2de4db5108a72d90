"""Envelopes of accepted responses: never an empty list in place of missing data."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import VManageProtocolError, VManageRejectedError
from airflow_provider_vmanage.client.http.envelope import Envelope, error_of, parse_envelope

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.sampled_from(["data", "error", "message", "code", "x"]), some),
    max_leaves=8,
)


def parse(body: Any, *, method: str = "GET", status: int = 200) -> Envelope:
    text = body if isinstance(body, str) else json.dumps(body)
    return parse_envelope(text, status=status, method=method, path="/dataservice/x")


def test_envelope_gives_header_and_data() -> None:
    envelope = parse({"header": {"generatedOn": 1}, "data": [{"a": 1}]})
    assert (envelope.header, envelope.data, envelope.rows) == ({"generatedOn": 1}, [{"a": 1}], [{"a": 1}])
    assert (envelope.status, envelope.method, envelope.path) == (200, "GET", "/dataservice/x")


@pytest.mark.parametrize("body", [{"data": []}, {"header": None, "data": []}, {"header": "x", "data": []}])
def test_list_is_empty_only_if_the_manager_says_so(body: Any) -> None:
    assert parse(body).rows == []
    assert parse(body).header == {}


@pytest.mark.parametrize("name", ["data", "rows", "record"])
@pytest.mark.parametrize("body", [{}, {"header": {}}, [], [{"data": []}], "7", "null", "true", '"text"'])
def test_response_without_wanted_data_is_a_protocol_error(body: Any, name: str) -> None:
    envelope = parse(body, status=202)
    with pytest.raises(VManageProtocolError, match='has no "data"') as caught:
        getattr(envelope, name)
    assert (caught.value.status, caught.value.method, caught.value.path) == (202, "GET", "/dataservice/x")


@pytest.mark.parametrize("data", [{}, {"a": 1}, "text", 7, True, [1], [{}, None], [[{}]]])
def test_data_other_than_a_list_of_objects_is_protocol_error(data: Any) -> None:
    with pytest.raises(VManageProtocolError, match="not a list of objects"):
        _ = parse({"data": data}).rows


@pytest.mark.parametrize("data", [[], [{}], "text", 7, False])
def test_data_other_than_a_wanted_object_is_a_protocol_error(data: Any) -> None:
    with pytest.raises(VManageProtocolError, match="not an object"):
        _ = parse({"data": data}).record


def test_data_null_is_no_data_in_any_envelope() -> None:
    with pytest.raises(VManageProtocolError):
        _ = Envelope({"data": None}).data


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_data_null_is_a_protocol_error_at_once(method: str) -> None:
    with pytest.raises(VManageProtocolError, match="null"):
        parse({"header": {}, "data": None}, method=method)


@pytest.mark.parametrize("text", ["", "  \r\n\t "])
def test_empty_response_is_a_success_only_of_a_change(text: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert parse(text, method=method).body is None
    with pytest.raises(VManageProtocolError, match="empty"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "<html>login</html>",
        "\n <!DOCTYPE html>",
        '{"data": [',
        "{",
        "not json",
        "{'data': []}",
        "[" * 100_000,
        "9" * 9999,
    ],
    ids=range(8),
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_anything_but_json_is_a_protocol_error(text: str, method: str) -> None:
    with pytest.raises(VManageProtocolError) as caught:
        parse(text, method=method)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["<html>login</html>", "\n <!DOCTYPE html>"])
def test_page_is_called_one_wherever_it_begins(text: str) -> None:
    with pytest.raises(VManageProtocolError, match="a page instead of JSON"):
        parse(text)


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 500])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_error_object_is_a_rejection_under_any_status(status: int, method: str) -> None:
    error = {"message": "Delete users request failed", "details": "No user XYZ", "code": "USER0006", "type": "error"}
    with pytest.raises(VManageRejectedError, match="Delete users request failed") as caught:
        parse({"error": error, "data": []}, method=method, status=status)
    assert caught.value.fields == {
        "status": status,
        "code": "USER0006",
        "details": "No user XYZ",
        "method": method,
        "path": "/dataservice/x",
    }
    assert caught.value.retryable is (status == 500)


@pytest.mark.parametrize(
    ("error", "message", "code", "details"),
    [
        ("bare text", "bare text", None, None),
        ({}, "no message", None, None),
        ({"message": "  spaced ", "code": 17, "details": ["a"]}, "spaced", "17", "['a']"),
        ({"code": "C"}, "no message", "C", None),
        (["x"], "['x']", None, None),
        (True, "True", None, None),
    ],
)
def test_error_of_any_shape_is_a_rejection(error: Any, message: str, code: str | None, details: str | None) -> None:
    with pytest.raises(VManageRejectedError, match="refused the request") as caught:
        parse({"error": error}, method="POST")
    assert caught.value.message == f"The manager refused the request: {message}"
    assert (caught.value.code, caught.value.details) == (code, details)


@pytest.mark.parametrize("error", [None, "", False])
def test_error_that_says_there_is_none_is_none(error: Any) -> None:
    assert parse({"error": error, "data": []}).rows == []
    assert error_of(json.dumps({"error": error})) is None


def test_member_of_a_bare_response_must_be_there() -> None:
    assert parse({"id": "software_install-1"}).member("id") == "software_install-1"
    for body in ({}, {"id": ""}, {"id": None}, [], "7"):
        with pytest.raises(VManageProtocolError, match='has no "id"'):
            parse(body).member("id")


@pytest.mark.slow
@given(body=JSON, method=st.sampled_from(["GET", "POST"]))
@pytest.mark.parametrize("take", [lambda e: e.rows, lambda e: e.record, lambda e: e.member("x")])
def test_whatever_json_comes_only_our_errors_come_out(take: Callable[[Envelope], Any], body: Any, method: str) -> None:
    with suppress(VManageProtocolError, VManageRejectedError):
        take(parse(json.dumps(body), method=method))


@given(text=st.text())
def test_whatever_text_comes_only_our_errors_come_out(text: str) -> None:
    error_of(text)
    with suppress(VManageProtocolError, VManageRejectedError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (r'{"data": ["a\ud800.bin"]}', "a\ufffd.bin"),
        (r'{"data": ["a\uDFFF"]}', "a\ufffd"),
        (r'{"data": ["a\ud83d\ude00"]}', "a\U0001f600"),
        (r'{"data": ["a\\ud800"]}', r"a\ud800"),
    ],
)
def test_half_a_character_is_replaced_since_nothing_could_take_it(text: str, name: str) -> None:
    envelope = parse_envelope(text, status=200, method="GET", path="/dataservice/x")
    assert envelope.data == [name]
    assert name.encode()
