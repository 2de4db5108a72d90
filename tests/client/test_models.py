"""Records of the software repository in every dialect that managers have shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.http.record_text import parse_file_names, parse_java_map
from airflow_provider_vmanage.client.models import ServerInfo, SoftwareImage, parse_images, parse_server_info

LOCAL = "http://<VMANAGE_HOST>:8080/software/package/"


def one(**record: Any) -> SoftwareImage:
    (image,) = parse_images([record])
    return image


@pytest.mark.parametrize(
    ("url", "version_type", "is_entry"),
    [
        (None, "vmanage", False),
        ("", "vmanage", False),
        (LOCAL, "vmanage", False),
        ("http://10.0.0.1:8080/software/package", "vmanage", False),
        ("https://vmanage:8080/software/package/", None, False),
        (LOCAL, "remote", False),
        ("http://mirror.example.com:8080/software/package/", "remote", True),
        ("http://mirror.example.com:8080/software/package/20.12/", "vmanage", True),
        ("http://mirror.example.com/software/package/", "vmanage", True),
        ("ftp://a/:8080/software/package/", "vmanage", True),
    ],
)
def test_managers_own_address_is_no_repository_url(url: str | None, version_type: str, *, is_entry: bool) -> None:
    assert SoftwareImage(url=url, version_type=version_type).is_repository_url is is_entry


@pytest.mark.parametrize(
    ("record", "on_manager", "is_entry", "unknown_place"),
    [
        ({"availableFiles": "a.bin", "versionURL": LOCAL}, True, False, False),
        ({"availableFiles": "a.bin", "versionType": "vmanage", "versionURL": LOCAL}, True, False, False),
        (
            {"availableFiles": "a.bin", "versionType": "vmanage", "versionURL": "https://vm/download/a"},
            True,
            False,
            False,
        ),
        ({"availableFiles": "a.bin", "versionURL": "ftp://10.0.0.1/a"}, True, False, False),
        ({"availableFiles": "", "versionType": "vmanage", "versionURL": "ftp://10.0.0.1/a"}, False, True, False),
        ({"availableFiles": "", "versionType": "remote", "versionURL": "ftp://10.0.0.1/a"}, False, True, False),
        ({"availableFiles": "a.bin", "versionType": "remote", "versionURL": LOCAL}, False, False, True),
        ({"availableFiles": "a.bin", "versionType": "files"}, False, False, True),
        ({"availableFiles": "a.bin", "versionType": "remote", "remoteServerId": "1"}, False, False, False),
        ({"availableFiles": "a.bin", "versionType": "vmanage", "remoteServerId": "1"}, False, False, False),
        (
            {"availableFiles": "a", "versionType": "x", "remoteServerId": "1", "versionURL": "ftp://a/"},
            False,
            False,
            False,
        ),
    ],
)
def test_type_and_server_decide_where_a_file_is(
    record: dict[str, Any], *, on_manager: bool, is_entry: bool, unknown_place: bool
) -> None:
    image = one(**record)
    assert (image.is_on_manager, image.is_repository_url, image.has_unknown_place) == (
        on_manager,
        is_entry,
        unknown_place,
    )


@pytest.mark.parametrize("names", [("a=b.bin", "c=d.bin"), ("a=b.bin", "a"), ("a=b.bin", "c.bin"), ("a==.bin", "=b")])
def test_names_with_an_equals_sign_keep_their_ids(names: tuple[str, str]) -> None:
    one_name, other = names
    images = parse_images(
        [
            {
                "availableFiles": f"[{one_name}, {other}]",
                "fileNameMap": f"{{{one_name}=up={one_name}, {other}={other}}}",
                "versionIdMap": f"{{{one_name}=u1, {other}=u2}}",
            }
        ]
    )
    found = [(image.file_name, image.uploaded_name, image.file_id) for image in images]
    assert found == [(one_name, f"up={one_name}", "u1"), (other, other, "u2")]


@pytest.mark.parametrize(
    ("servers", "ids"),
    [
        ('[{"remoteServerId": "2"}, {"remoteServerId": "1"}, 7]', ("1", "2")),
        ([{"remoteServerId": 2}], ("1", "2")),
        ("no JSON [", ("1",)),
        ("[" * 100_000, ("1",)),
    ],
)
def test_remote_servers_come_from_both_fields(servers: Any, ids: tuple[str, ...]) -> None:
    image = one(availableFiles="a.bin", remoteServerId="1", remoteServers=servers)
    assert sorted(image.remote_server_ids) == sorted(ids)


def test_unreadable_record_is_kept_raw_and_affects_no_other() -> None:
    odd = {"versionName": {"major": 20}, "versionId": "id-1", "availableFiles": "a.bin"}
    unreadable, image = parse_images([odd, {"versionName": "20.12", "availableFiles": "b.bin"}])
    assert image == SoftwareImage(version="20.12", file_name="b.bin", uploaded_name="b.bin", record_files=("b.bin",))
    assert unreadable.raw == odd
    assert (unreadable.version_id, unreadable.file_name, unreadable.version) == (None, None, None)
    assert not unreadable.has_id("id-1")
    assert unreadable.describe() == (
        "a record that could not be read (versionName of a record is dict, not text; its versionId is id-1)"
    )
    hash(unreadable)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, ()),
        ("", ()),
        ("  ", ()),
        ("[]", ()),
        ("a.bin", ("a.bin",)),
        ("[a.bin]", ("a.bin",)),
        (" [ a.bin , b.bin ] ", ("a.bin", "b.bin")),
        ("a.bin, b.bin", ("a.bin", "b.bin")),
        ("a.bin,b.bin,", ("a.bin", "b.bin")),
        ("a.bin, a.bin", ("a.bin",)),
        ("a b.bin", ("a b.bin",)),
        (["a.bin", " b.bin "], ("a.bin", "b.bin")),
        ([], ()),
    ],
)
def test_available_files_come_bare_bracketed_joined_or_as_a_list(text: Any, names: tuple[str, ...]) -> None:
    assert parse_file_names(text) == names


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ("{a=b}", {"a": "b"}),
        ("a=b", {"a": "b"}),
        (" { a = b , c = d } ", {"a": "b", "c": "d"}),
        ("{a=b=c}", {"a": "b=c"}),
        ("{a=, =b, c}", {"a": ""}),
        ({"a": "b", "c": 1}, {"a": "b", "c": "1"}),
        (7, {}),
        (["a=b"], {}),
    ],
)
def test_java_map_is_read_as_far_as_it_goes(text: Any, pairs: dict[str, str]) -> None:
    assert parse_java_map(text) == pairs


@pytest.mark.parametrize(
    ("files", "name_map", "expected"),
    [
        ("a.bin", None, [("a.bin", "a.bin")]),
        ("a.bin", "{x.bin=a.bin}", [("a.bin", "a.bin")]),
        ("x.bin", "{x.bin=a.bin}", [("x.bin", "a.bin")]),
        ("y.bin", "{x.bin=a.bin}", [("y.bin", "a.bin")]),
        ("a.bin, b.bin", "{x=b.bin, y=a.bin}", [("a.bin", "a.bin"), ("b.bin", "b.bin")]),
        ("x, y", "{x=b.bin, y=a.bin}", [("x", "b.bin"), ("y", "a.bin")]),
        ("a.bin", "{x=a.bin, y=b.bin}", [("a.bin", "a.bin"), ("b.bin", "b.bin")]),
        ("x", "{x=a.bin, y=b.bin}", [("x", "a.bin"), ("b.bin", "b.bin")]),
        ("", "{x=a.bin}", [("a.bin", "a.bin")]),
        ("a.bin", "{x=}", [("a.bin", "a.bin")]),
    ],
)
def test_upload_is_found_by_its_name_in_the_map(
    files: str, name_map: str | None, expected: list[tuple[str, str]]
) -> None:
    found = parse_images([{"availableFiles": files, "fileNameMap": name_map, "versionId": "1"}])
    assert [(image.file_name, image.uploaded_name) for image in found] == expected
    for image in found:
        assert image.shares_record is (len(expected) > 1)
        assert image.has_file_name(str(image.uploaded_name))
        assert image.has_file_name(str(image.file_name))
        assert not image.has_file_name(str(image.file_name)[:-1])


def test_id_is_found_by_listed_or_uploaded_name() -> None:
    record = {"availableFiles": "[x, b]", "fileNameMap": "{x=a, y=b}", "versionIdMap": "{a=id-a, b=id-b}"}
    assert [image.version_id for image in parse_images([{**record, "versionId": "group"}])] == ["id-a", "id-b"]


@pytest.mark.parametrize(
    ("files", "name_map", "ids", "names"),
    [
        ("[a,b.bin]", "{a,b.bin=a,b.bin}", "{a,b.bin=9}", ["a,b.bin"]),
        ("[a,b.bin]", None, "{a,b.bin=9}", ["a,b.bin"]),
        ("[a,b.bin]", "{x=a,b.bin}", None, ["a,b.bin"]),
        ("[a, b.bin]", "{a, b.bin=a, b.bin}", "{a, b.bin=9}", ["a, b.bin"]),
        ("[a,b, c,d]", "{a,b=a,b, c,d=c,d}", "{a,b=1, c,d=2}", ["a,b", "c,d"]),
        ("[c, a,b, d]", "{c=c, a,b=a,b, d=d}", None, ["c", "a,b", "d"]),
        ("[a,b, a]", None, "{a,b=1, a=2}", ["a,b", "a"]),
        ("a.bin,b.bin", "{a.bin=a.bin,b.bin=b.bin}", "{a.bin=1,b.bin=2}", ["a.bin", "b.bin"]),
        ("[canonical.bin]", "{canonical.bin=a,b.bin}", "{a,b.bin=9}", ["canonical.bin"]),
    ],
)
def test_maps_show_which_names_contain_a_comma(
    files: str, name_map: str | None, ids: str | None, names: list[str]
) -> None:
    found = parse_images([{"availableFiles": files, "fileNameMap": name_map, "versionIdMap": ids, "versionId": "1"}])
    assert [image.file_name for image in found] == names
    assert [image.file_id is not None for image in found] == [ids is not None] * len(names)
    assert not any(image.names_unsure for image in found)


@pytest.mark.parametrize(
    ("files", "ids"), [("[a, b.bin, c.bin]", "{x, b.bin=9}"), ("[a, b, a, b]", "{a=1, b=2, a, b=3}")]
)
def test_ambiguous_names_with_commas_are_kept_unchanged(files: str, ids: str) -> None:
    image = one(availableFiles=files, versionIdMap=ids, versionId="1")
    assert (image.file_name, image.version_id, image.names_unsure) == (files.strip("[]"), None, True)


@pytest.mark.parametrize("field", ["versionName", "versionId", "versionType", "versionURL", "imageType"])
@pytest.mark.parametrize("value", [{}, [], {"a": 1}, ["20.12"]])
def test_field_of_a_wrong_type_is_a_protocol_error(field: str, value: Any) -> None:
    with pytest.raises(VManageProtocolError, match=field):
        one(**{field: value})


@pytest.mark.parametrize("value", [{}, 7, True, [1], [None], [["a"]]])
def test_available_files_of_a_wrong_type_are_a_protocol_error(value: Any) -> None:
    with pytest.raises(VManageProtocolError, match="availableFiles"):
        parse_images([{"availableFiles": value}])


def test_every_field_may_be_missing() -> None:
    image = one()
    assert image == SoftwareImage()
    assert image.describe() == "no file (version None, id None)"
    assert parse_images([]) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1486072271028, 1486072271028),
        ("1486072271028", 1486072271028),
        (1486072271028.0, 1486072271028),
        (None, None),
        (True, None),
        ("soon", None),
        (float("nan"), None),
        (float("inf"), None),
        ([], None),
        ("9" * 30, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (2**70, None),
        (str(2**63), None),
        (1e30, None),
        (-1e30, None),
    ],
)
def test_time_of_an_update_is_milliseconds_or_unknown(value: Any, expected: int | None) -> None:
    assert one(updatedOn=value).updated_on == expected


@pytest.mark.parametrize(
    ("value", "families"),
    [
        (["isr4200", "c8000v"], ("isr4200", "c8000v")),
        (["isr4200", None, 5], ("isr4200", "5")),
        ("[isr4200, c8000v]", ("isr4200", "c8000v")),
        ("isr", ("isr",)),
        (None, ()),
        ([], ()),
        ("", ()),
    ],
)
def test_platform_families_come_as_a_list_or_as_text(value: Any, families: tuple[str, ...]) -> None:
    assert one(platformFamily=value).platform_family == families


def test_type_of_an_image_has_two_names() -> None:
    assert one(versionTypeName="software").image_type == "software"
    assert one(versionTypeName="software", imageType="container").image_type == "container"


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("smart-li-20.13.999-3077", (20, 13)),
        ("20.9", (20, 9)),
        (None, None),
        ("", None),
        ("unknown", None),
        ("20", None),
        ("9" * 5000 + ".1", None),
    ],
)
def test_release_is_two_numbers_or_unknown(version: str | None, release: tuple[int, int] | None) -> None:
    assert ServerInfo(version=version).release == release


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=5,
)
FIELDS = ["versionName", "versionId", "availableFiles", "fileNameMap", "versionIdMap", "updatedOn", "platformFamily"]
FIELDS += ["versionURL", "imageType", "versionType", "versionTypeName", "platformVersion", "CSRFToken"]


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
@pytest.mark.parametrize("parse", [lambda record: [i.as_row() for i in parse_images([record])], parse_server_info])
def test_whatever_a_record_holds_only_our_error_comes_out(parse: Callable[[Any], Any], record: dict[str, Any]) -> None:
    with suppress(VManageProtocolError):
        result = parse(record)
        assert result is not None
        repr(result)


NAMES = st.lists(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._ -]{0,20}[a-zA-Z0-9]", fullmatch=True), max_size=4, unique=True)


@given(names=NAMES, brackets=st.booleans())
def test_names_are_found_again_however_they_are_joined(names: list[str], *, brackets: bool) -> None:
    text = ", ".join(names)
    assert parse_file_names(f"[{text}]" if brackets else text) == tuple(names)
    java_map = "{" + ", ".join(f"x{i}={name}" for i, name in enumerate(names)) + "}"
    assert list(parse_java_map(java_map).values()) == names
