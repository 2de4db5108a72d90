"""The devices that an action names, and the images for them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import find_image
from airflow_provider_vmanage.client.device_actions.selection import parse_devices, select_devices
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConfigurationError,
    VManageNotFoundError,
)
from airflow_provider_vmanage.client.models import SoftwareImage

NEW = "17.12.04.0.6740"


def edge(number: int, name: str = "edge") -> Device:
    return Device(name, device_id=f"id-{number}", system_ip=f"ip-{number}", platform_family="c8000v")


@pytest.mark.parametrize(("count", "more"), [(2, ""), (10, ""), (11, " and 1 more"), (13, " and 3 more")])
def test_ambiguous_name_shows_ten_of_its_devices(count: int, more: str) -> None:
    found = [f"edge (ip-{number}, id-{number})" for number in range(count)]
    with pytest.raises(VManageAmbiguousError) as caught:
        select_devices(parse_devices(["edge"]), [edge(number) for number in range(count)])
    listed = ", ".join(found[:10])
    assert caught.value.message == f"devices: 'edge' matches {count} devices: {listed}{more}: give the uuid"
    assert list(caught.value.candidates) == found


def test_unknown_names_are_all_named() -> None:
    with pytest.raises(VManageNotFoundError, match=r"^devices: a, b not found on the manager: check the spelling"):
        select_devices(parse_devices(["a", "edge", "b"]), [edge(1)])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"device_id": "id-1", "version": 17.12}, "devices has version 17.12 for 'id-1': give a text"),
        ({"version": NEW}, r"devices has a row without device_id \(\['version'\]\): pass whole rows"),
        (7, "devices has 7: give a host name, system IP, uuid or row"),
    ],
)
def test_device_that_is_no_name_is_refused(given: Any, words: str) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{words}"):
        parse_devices([given])


def test_file_name_chooses_among_images_of_one_version() -> None:
    images = [
        SoftwareImage(version=f"{NEW}.{build}", file_name=name, version_type="vmanage", platform_family=("c8000v",))
        for build, name in ((1, "first.bin"), (2, "second.bin"))
    ]
    found = {name: find_image(images, edge(1), NEW, name, (20, 12)) for name in ("first.bin", "second.bin", "no.bin")}
    assert [getattr(found[name], "version", "") for name in found] == [f"{NEW}.1", f"{NEW}.2", ""]
    assert found["no.bin"] == f"no image of version {NEW} in file no.bin is in the repository"
