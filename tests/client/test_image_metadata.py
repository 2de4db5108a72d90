"""What a manager knows of an image besides the list, and whether it is what was sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageChecksumError,
    VManageConfigurationError,
    VManageProtocolError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.image_metadata import (
    confirm_checksum,
    count_images,
    read_metadata,
    write_metadata,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import Change, SoftwareRepository
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]
NAME = "isr-17.12.4.bin"
SHA512 = hashlib.sha512(b"image").hexdigest()
MD5 = Checksum("md5", hashlib.md5(b"image", usedforsecurity=False).hexdigest())
SHA1 = hashlib.sha1(b"image", usedforsecurity=False).hexdigest()
EXPECTED = Checksum("sha512", SHA512)


@pytest.fixture
def new(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate(version="20.18.2")


def sent(session: ManagerSession) -> Change:
    (image,) = SoftwareRepository(session).list_images()
    return Change("uploaded", image, 5, SHA512)


def test_images_are_counted(vm: Simulator, connect: Connect) -> None:
    vm.add_image(NAME)
    vm.add_image("b.bin", image_type="container")
    session = connect(vm)
    assert (count_images(session), count_images(session, "container")) == (2, 1)


def test_count_that_is_no_number_is_an_error(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("data_null", path="device/action/software/package/imageCount")
    with pytest.raises(VManageProtocolError):
        count_images(connect(vm))


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4"])
def test_release_without_metadata_has_none(vm_of_release: Simulator, connect: Connect) -> None:
    image = vm_of_release.add_image(NAME)
    session = connect(vm_of_release)
    assert read_metadata(session, image.file_id) is None
    with pytest.raises(VManageRejectedError, match="This release has no metadata"):
        write_metadata(session, image.file_id, description="x")
    confirm_checksum(session, sent(session), EXPECTED)


def test_description_and_tags_are_written_once_keeping_the_rest(new: Simulator, connect: Connect) -> None:
    image = new.add_image(NAME)
    session = connect(new)
    assert write_metadata(session, image.file_id, description="for the branches", tags=["lab"]) is True
    found = read_metadata(session, image.file_id)
    assert found is not None
    assert (found.description, found.tags, found.checksum) == ("for the branches", ("lab",), SHA512)
    assert write_metadata(session, image.file_id, description="for the branches", tags=["lab"]) is False
    assert [one.method for one in new.requests].count("PUT") == 1


def test_checksum_is_written_once_with_accepted_fields_only(new: Simulator, connect: Connect) -> None:
    image = new.add_image(NAME)
    session = connect(new)
    assert write_metadata(session, image.file_id, checksum=f"sha512:{SHA512.upper()}") is False
    assert write_metadata(session, image.file_id, checksum=f"md5:{MD5.digest}") is True
    found = read_metadata(session, image.file_id)
    assert found is not None
    assert (found.algorithm, found.checksum) == ("md5", MD5.digest)
    (sent,) = [one.json for one in new.requests if one.method == "PUT"]
    assert (sent["vendor"], "imageType" in sent) == ("Cisco", False)


def test_malformed_checksum_is_refused_unsent(new: Simulator, connect: Connect) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^checksum 'md5:1' has"):
        write_metadata(connect(new), "id", checksum="md5:1")
    assert new.requests == []


def test_missing_image_is_an_error_and_not_without_metadata(new: Simulator, connect: Connect) -> None:
    with pytest.raises(VManageRejectedError):
        read_metadata(connect(new), "unknown")


@pytest.mark.parametrize(
    ("shown", "expected", "wrong"),
    [
        ({}, EXPECTED, False),
        ({"checksumType": "SHA-512", "checksum": SHA512.upper()}, EXPECTED, False),
        ({"checksumType": "MD5", "checksum": MD5.digest}, MD5, False),
        ({"checksumType": "md5", "checksum": "00"}, EXPECTED, False),
        ({"checksumType": "", "checksum": ""}, EXPECTED, False),
        ({"checksum": "0" * 128}, None, False),
        ({"checksum": "0" * 128}, EXPECTED, True),
        ({"checksumType": "md5", "checksum": "0" * 32}, MD5, True),
        ({"checksum": "0" * 128}, MD5, True),
        ({"checksum": SHA1}, EXPECTED, False),
        ({"checksumType": "SHA-1", "checksum": SHA1}, EXPECTED, False),
        ({"checksumType": "SHA-512", "checksum": SHA1}, EXPECTED, False),
        ({"checksumType": "sha512", "checksum": MD5.digest}, EXPECTED, False),
    ],
)
def test_checksum_of_the_manager_must_match_what_was_sent(
    new: Simulator, connect: Connect, shown: dict[str, Any], expected: Checksum | None, *, wrong: bool
) -> None:
    new.add_image(NAME)
    new.set_metadata(NAME, **shown)
    session = connect(new)
    change = sent(session)
    if wrong:
        with pytest.raises(VManageChecksumError, match=r"^checksum mismatch .*delete the image and upload it again$"):
            confirm_checksum(session, change, expected)
    else:
        confirm_checksum(session, change, expected)


@pytest.mark.parametrize("fault", ["forbidden", "error_500", "short_body"])
def test_unreadable_metadata_fails_no_upload(new: Simulator, connect: Connect, fault: str) -> None:
    new.add_image(NAME)
    session = connect(new)
    change = sent(session)
    new.faults.add(fault, times=None, path="device/action/software/package/*")
    confirm_checksum(session, change, EXPECTED)
