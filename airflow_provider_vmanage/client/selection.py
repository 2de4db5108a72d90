"""Which image of a list is meant: names, versions and ids are compared exactly, and doubts are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from airflow_provider_vmanage.client.errors import VManageAmbiguousError, VManageProtocolError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.upload.body import quoted_file_name


def fits(image: SoftwareImage, version: str | None, file_name: str | None) -> bool:
    """Tell whether the image has exactly what is given."""
    if version is not None and image.version != version:
        return False
    return file_name is None or image.has_file_name(file_name)


def is_selected(image: SoftwareImage, field: str, value: str) -> bool:
    """Tell whether the image has exactly this value, or may have; a record's id selects each of its files."""
    if field == "version_id":
        return image.has_id(value)
    if field == "version":
        return image.version == value
    return image.has_file_name(value) or (image.names_unsure and value in image.record_files)


def is_sibling(one: SoftwareImage, image: SoftwareImage) -> bool:
    """Return whether both are files of the same record."""
    return one.record_id == image.record_id is not None and one.file_name != image.file_name


def is_same_file(one: SoftwareImage, image: SoftwareImage) -> bool:
    """Return whether two lists show the same file: the same name, and the same id of the file.

    Where a list shows no id of the file, that of the record decides, which may also be listed in its place.
    """
    if one.file_name != image.file_name:
        return False
    if one.file_id and image.file_id:
        return one.file_id == image.file_id
    return bool({one.record_id, one.file_id} & {image.record_id, image.file_id} - {None})


def missing_files(wanted: Sequence[SoftwareImage], listed: Sequence[SoftwareImage]) -> list[SoftwareImage]:
    """Return the images that a list does not show."""
    return [one for one in wanted if not any(is_same_file(other, one) for other in listed)]


def spellings(name: str) -> tuple[str, ...]:
    """Return a file name as managers may list it.

    As it is, with quotes as browsers write them (see :func:`.quoted_file_name`), and each of the two as a server shows
    it that reads the UTF-8 of an upload's header as Latin-1. A name in ASCII without quotes has one spelling.
    """
    sent = (name, quoted_file_name(name))
    return tuple(dict.fromkeys((*sent, *(one.encode("utf-8", "replace").decode("latin-1") for one in sent))))


def made_up(field: str, value: str) -> SoftwareImage:
    """Return an image that is not listed, made up of what was asked for."""
    asked_for: dict[str, Any] = {"record_id" if field == "version_id" else field: value}
    return SoftwareImage(**asked_for)


def only_one(images: Sequence[SoftwareImage], what: str) -> SoftwareImage:
    """Return the image, where one is selected that can be deleted alone.

    :param what: selects it, for the error.
    :raises VManageAmbiguousError: several are, or its record holds other files and the manager shows no id for it.
    :raises VManageProtocolError: its id cannot be sent.
    """
    if len(images) > 1:
        found = [image.describe() for image in images]
        raise VManageAmbiguousError(
            f"{what} fits {len(images)} images, so nothing was changed; select one by its version_id or "
            f"file_name: {'; '.join(found)}",
            candidates=found,
        )
    image = images[0]
    if not image.version_id:
        raise VManageAmbiguousError(_why_not_alone(image, what), candidates=[image.describe()])
    path_below("", image.version_id)
    return image


def _why_not_alone(image: SoftwareImage, what: str) -> str:
    others = [name for name in image.record_files if name != image.file_name]
    if not others:
        return f"{what} is listed without an id; nothing was changed"
    names = ", ".join(others)
    return f"{what} shares its record with {names}, and the manager shows no id for it alone; nothing was changed"


def path_below(path: str, listed_id: str) -> str:
    """Return the path of what is listed under an id, whatever characters are in it.

    :raises VManageProtocolError: it would lead to another path.
    """
    if {".", ".."} & set(listed_id.split("/")):
        raise VManageProtocolError(
            f"The manager lists the id {listed_id!r}, which cannot be part of a path; nothing was changed"
        )
    return f"{path}/{quote(listed_id, safe='')}"
