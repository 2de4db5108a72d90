"""The sample payloads of each release, and what is read from them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.http.envelope import Envelope, error_of
from airflow_provider_vmanage.client.models import SoftwareImage, parse_images, parse_server_info

DATA = Path(__file__).parent.parent / "data"
LOCAL = "http://<VMANAGE_HOST>:8080/software/package/"


def payload(path: str) -> Any:
    return json.loads((DATA / f"{path}.json").read_text(encoding="utf-8"))["response"]


def images(path: str) -> list[SoftwareImage]:
    return parse_images(Envelope(payload(path)).rows)


@pytest.mark.parametrize("path", sorted(DATA.rglob("*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_sample_payload_names_its_public_source(path: Path) -> None:
    sample = json.loads(path.read_text(encoding="utf-8"))
    assert set(sample) == {"source", "response"}
    assert len(sample["source"]) > 20
    assert re.fullmatch(r"\d{2}\.\d{1,2}", path.parent.name)


def test_record_of_release_16_3_has_six_fields() -> None:
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
    assert not image.is_repository_url


def test_two_lists_show_the_same_image_under_two_ids() -> None:
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


def test_record_of_several_files_is_several_images_with_own_ids() -> None:
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


def test_file_without_own_id_in_shared_record_cannot_be_deleted() -> None:
    first, second = images("16.3/software_several_files")
    assert [first.version_id, second.version_id] == [None, None]
    assert first.record_id == "6b46230d-484c-4566-9e23-2b42bd12b403"
    assert first.record_id in first.describe()


def test_repository_urls_differ_from_files() -> None:
    entry, remote = images("20.12/software_repository_url")
    assert (entry.is_repository_url, entry.file_name, entry.url) == (True, None, "ftp://1.1.1.1/builds/16.1/")
    assert (remote.is_repository_url, remote.file_name, remote.version) == (False, "abc.bin", "--")
    assert entry.describe() == "ftp://1.1.1.1/builds/16.1/ (version 16.1.2, id 44444444-4444-4444-8444-444444444444)"
    assert images("20.18/software_images_utd")[0].image_type == "utdsignature"


@pytest.mark.parametrize(
    ("path", "version", "release", "modes", "has_token"),
    [
        ("16.3", "16.3.1", (16, 3), ("SingleTenant", "tenant"), False),
        ("20.9", "20.9.0.02-li", (20, 9), ("SingleTenant", "tenant"), True),
        ("20.12", "20.12.0-144-li", (20, 12), ("MultiTenant", "provider"), True),
        ("20.18", "20.18.2.1", (20, 18), ("SingleTenant", "tenant"), True),
    ],
)
def test_server_of_each_release_is_read(
    path: str, version: str, release: tuple[int, int], modes: tuple[str, str], *, has_token: bool
) -> None:
    info = parse_server_info(Envelope(payload(f"{path}/server")).record)
    assert (info.version, info.release, (info.tenancy_mode, info.user_mode)) == (version, release, modes)
    assert (len(info.token or "") == 100) is has_token
    assert str(info.token) not in repr(info) or not has_token


def test_refused_login_of_release_20_18_is_an_error_object() -> None:
    error = error_of(json.dumps(payload("20.18/login_refused")))
    assert error is not None
    assert error["message"] == "Login Error"
