"""The one decision whether an image matches, and the index that finds images in a long list."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.matching import ImageIndex, matches
from airflow_provider_vmanage.client.models import SoftwareImage

IMAGE = SoftwareImage(
    version="20.12.4",
    file_name="a-20.12.4.bin",
    uploaded_name="a.bin",
    image_type="software",
    platform_family=("c8000v", "isr1100"),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"version": "20.12.4"}, True),
        ({"version": "20.12"}, False),
        ({"version_pattern": "20.12.*"}, True),
        ({"version_pattern": "20.1?"}, False),
        ({"file_names": ("b.bin", "a.bin")}, True),
        ({"file_names": ("a-20.12.4.bin",)}, True),
        ({"file_names": ("20.12.4.bin",)}, False),
        ({"file_names": ()}, False),
        ({"platform_family": "isr1100"}, True),
        ({"platform_family": "isr"}, False),
        ({"image_type": "software"}, True),
        ({"image_type": "virtualmachine"}, False),
        ({"version": "20.12.4", "image_type": "virtualmachine"}, False),
    ],
)
def test_all_that_is_given_must_match(given: dict[str, Any], *, expected: bool) -> None:
    assert matches(IMAGE, **given) is expected


@pytest.mark.parametrize("given", [{}, {"version_pattern": "*"}])
def test_unreadable_record_matches_nothing(given: dict[str, Any]) -> None:
    assert not matches(SoftwareImage(problem="versionName is list"), **given)


def test_index_finds_an_image_by_either_name_once() -> None:
    other = SoftwareImage(file_name="b.bin", uploaded_name="b.bin")
    index = ImageIndex([IMAGE, other, SoftwareImage(problem="odd")])
    assert index.named(["a.bin", "a-20.12.4.bin", "b.bin"]) == [IMAGE, other]
    assert index.named(["c.bin"]) == []
