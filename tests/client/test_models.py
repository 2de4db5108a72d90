"""Records of the software repository in every dialect that managers have shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_vmanage.client.envelope import Envelope, error_of
from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.models import (
    ServerInfo,
    SoftwareImage,
    parse_file_names,
    parse_images,
    parse_java_map,
    parse_server_info,
)

DATA = Path(__file__).parent.parent / "data"
LOCAL = "http://<VMANAGE_HOST>:8080/software/package/"


def payload(path: str) -> Any:
    return json.loads((DATA / f"{path}.json").read_text(encoding="utf-8"))["answer"]


def images(path: str) -> list[SoftwareImage]:
    return parse_images(Envelope(payload(path)).rows)


def one(**record: Any) -> SoftwareImage:
    (image,) = parse_images([record])
    return image


@pytest.mark.parametrize("path", sorted(DATA.rglob("*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_sample_payload_names_its_public_source(path: Path) -> None:
    sample = json.loads(path.read_text(encoding="utf-8"))
    assert set(sample) == {"source", "answer"}
    assert len(sample["source"]) > 20
    assert path.parent.name in ("16.3", "20.9", "20.12", "20.18")


def test_a_record_of_release_16_3_has_six_fields() -> None:
    (image,) = images("16.3/software")
    assert image.as_row() == {
        "version": "16.3.1",
        "version_id": "6b46230d-484c-4566-9e23-2b42bd12b403",
        "file_name": "vmanage-16.3.1-x86_64.tar.gz",
        "image_type": None,
        "version_type": "vmanage",
        "platform_family": [],
        "updated_on": 1486072271028,
    }
    assert image.url == LOCAL
    assert not image.is_url_entry


def test_the_two_lists_show_the_same_image_under_two_ids() -> None:
    (grouped,), (per_file,) = images("20.9/software"), images("20.9/software_images")
    name = "isr4200-universalk9_ias.17.09.01.0.155356_V17_9_0_8.SSA.bin"
    assert grouped.file_name == per_file.file_name == grouped.uploaded_name == name
    assert grouped.as_row() == {
        "version": "17.09.01.0.155356.1646904830",
        "version_id": "a6a9ce11-e23d-4c88-88f4-e166b69e1493",
        "file_name": name,
        "image_type": "software",
        "version_type": "vmanage",
        "platform_family": ["isr4200"],
        "updated_on": 1653647407050,
    }
    assert per_file.as_row() == {**grouped.as_row(), "version_id": "39db1b51-7b82-4616-8767-404b5b9a197a"}
    assert grouped.file_id == per_file.file_id == per_file.version_id
    assert grouped.has_id("39db1b51-7b82-4616-8767-404b5b9a197a")
    assert grouped.has_id("a6a9ce11-e23d-4c88-88f4-e166b69e1493")
    assert not grouped.has_id("a6a9ce11")


def test_a_record_of_several_files_gives_one_image_each_with_its_own_id() -> None:
    first, second = images("20.12/software_several_files")
    assert (first.file_name, second.file_name) == first.record_files == second.record_files
    assert first.shares_record
    assert first.version_id == "11111111-1111-4111-8111-111111111111"
    assert second.version_id == "22222222-2222-4222-8222-222222222222"
    assert first.record_id == second.record_id == "33333333-3333-4333-8333-333333333333"
    assert first.version == second.version
    assert first.describe() == (
        "c8000v-universalk9.17.12.04.SPA.bin (version 17.12.04.0.6740.1722406262, "
        "id 11111111-1111-4111-8111-111111111111)"
    )


def test_a_file_without_an_own_id_in_a_shared_record_has_no_id_to_delete_by() -> None:
    first, second = images("16.3/software_several_files")
    assert [first.version_id, second.version_id] == [None, None]
    assert first.record_id == "6b46230d-484c-4566-9e23-2b42bd12b403"
    assert first.record_id in first.describe()


def test_url_entries_are_told_from_files() -> None:
    entry, remote = images("20.12/software_url_entry")
    assert (entry.is_url_entry, entry.file_name, entry.url) == (True, None, "ftp://1.1.1.1/builds/16.1/")
    assert (remote.is_url_entry, remote.file_name, remote.version) == (False, "abc.bin", "--")
    assert entry.describe() == "ftp://1.1.1.1/builds/16.1/ (version 16.1.2, id 44444444-4444-4444-8444-444444444444)"
    assert images("20.18/software_images_utd")[0].image_type == "utdsignature"


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
def test_the_managers_own_address_is_no_url_entry(url: str | None, version_type: str, *, is_entry: bool) -> None:
    assert SoftwareImage(url=url, version_type=version_type).is_url_entry is is_entry


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
def test_a_java_map_is_read_as_far_as_it_goes(text: Any, pairs: dict[str, str]) -> None:
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
def test_an_upload_is_found_by_the_right_hand_side_of_the_name_map(
    files: str, name_map: str | None, expected: list[tuple[str, str]]
) -> None:
    found = parse_images([{"availableFiles": files, "fileNameMap": name_map, "versionId": "1"}])
    assert [(image.file_name, image.uploaded_name) for image in found] == expected
    for image in found:
        assert image.shares_record is (len(expected) > 1)
        assert image.has_file_name(str(image.uploaded_name))
        assert image.has_file_name(str(image.file_name))
        assert not image.has_file_name(str(image.file_name)[:-1])


def test_the_id_of_a_file_is_found_by_its_listed_or_uploaded_name() -> None:
    record = {"availableFiles": "[x, b]", "fileNameMap": "{x=a, y=b}", "versionIdMap": "{a=id-a, b=id-b}"}
    assert [image.version_id for image in parse_images([{**record, "versionId": "group"}])] == ["id-a", "id-b"]


@pytest.mark.parametrize("field", ["versionName", "versionId", "versionType", "versionURL", "imageType"])
@pytest.mark.parametrize("value", [{}, [], {"a": 1}, ["20.12"]])
def test_a_field_of_a_wrong_type_is_a_protocol_error(field: str, value: Any) -> None:
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
    ],
)
def test_the_time_of_an_update_is_milliseconds_or_unknown(value: Any, expected: int | None) -> None:
    assert one(updatedOn=value).updated_on == expected


@pytest.mark.parametrize(
    ("value", "families"),
    [(["isr4200", "c8000v"], ("isr4200", "c8000v")), ("[isr4200, c8000v]", ("isr4200", "c8000v")), ("isr", ("isr",))]
    + [(None, ()), ([], ()), ("", ())],
)
def test_platform_families_come_as_a_list_or_as_text(value: Any, families: tuple[str, ...]) -> None:
    assert one(platformFamily=value).platform_family == families


def test_the_type_of_an_image_has_two_names() -> None:
    assert one(versionTypeName="software").image_type == "software"
    assert one(versionTypeName="software", imageType="container").image_type == "container"


@pytest.mark.parametrize(
    ("path", "version", "release", "modes", "has_token"),
    [
        ("16.3", "16.3.1", (16, 3), ("SingleTenant", "tenant"), False),
        ("20.9", "20.9.0.02-li", (20, 9), ("SingleTenant", "tenant"), True),
        ("20.12", "20.12.0-144-li", (20, 12), ("MultiTenant", "provider"), True),
        ("20.18", "20.18.2.1", (20, 18), ("SingleTenant", "tenant"), True),
    ],
)
def test_the_server_of_each_release_is_read(
    path: str, version: str, release: tuple[int, int], modes: tuple[str, str], *, has_token: bool
) -> None:
    info = parse_server_info(Envelope(payload(f"{path}/server")).record)
    assert (info.version, info.release, (info.tenancy_mode, info.user_mode)) == (version, release, modes)
    assert (len(info.token or "") == 100) is has_token
    assert str(info.token) not in repr(info) or not has_token


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
def test_the_release_is_two_numbers_or_unknown(version: str | None, release: tuple[int, int] | None) -> None:
    assert ServerInfo(version=version).release == release


def test_a_refused_login_of_release_20_18_is_an_error_object() -> None:
    error = error_of(json.dumps(payload("20.18/login_refused")))
    assert error is not None
    assert error["message"] == "Login Error"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=5,
)
FIELDS = ["versionName", "versionId", "availableFiles", "fileNameMap", "versionIdMap", "updatedOn", "platformFamily"]
FIELDS += ["versionURL", "imageType", "versionType", "versionTypeName", "platformVersion", "CSRFToken"]


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
@pytest.mark.parametrize("parse", [lambda record: [i.as_row() for i in parse_images([record])], parse_server_info])
def test_whatever_a_record_holds_only_our_error_comes_out(parse: Callable[[Any], Any], record: dict[str, Any]) -> None:
    with suppress(VManageProtocolError):
        result = parse(record)
        assert result is not None
        repr(result)


NAMES = st.lists(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._ -]{0,20}[a-zA-Z0-9]", fullmatch=True), max_size=4, unique=True)


@settings(max_examples=100)
@given(names=NAMES, brackets=st.booleans())
def test_names_are_found_again_however_they_are_joined(names: list[str], *, brackets: bool) -> None:
    text = ", ".join(names)
    assert parse_file_names(f"[{text}]" if brackets else text) == tuple(names)
    java_map = "{" + ", ".join(f"x{i}={name}" for i, name in enumerate(names)) + "}"
    assert list(parse_java_map(java_map).values()) == names
