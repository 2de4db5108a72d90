"""Whether an image of the list is the one that is meant; all names and ids match exactly: ``20.1`` is not ``20.12``.

:func:`matches` decides for everything that finds, waits for, watches, uploads or plans an image. What else the module
holds refuses doubtful cases, and finds images in a long list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.arguments import quoted_file_name, require_text
from airflow_provider_vmanage.client.errors import VManageAmbiguousError, VManageConfigurationError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.urls import build_path

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.device_actions.usage import Usage


def matches(
    image: SoftwareImage,
    *,
    version: str | None = None,
    version_pattern: str | None = None,
    file_names: Collection[str] | None = None,
    platform_family: str | None = None,
    image_type: str | None = None,
) -> bool:
    """Return whether an image has all that is given; a record that could not be read matches nothing.

    :param version: exactly as listed.
    :param version_pattern: shell pattern of the version.
    :param file_names: one of them is the listed or the uploaded name, exactly; see :func:`spellings`.
    :param platform_family: a family the image is for.
    :param image_type: type of the image.
    """
    return (
        not image.problem
        and version in (None, image.version)
        and (not version_pattern or fnmatchcase(image.version or "", version_pattern))
        and (file_names is None or any(map(image.has_file_name, file_names)))
        and (not platform_family or platform_family in image.platform_family)
        and (not image_type or image.image_type == image_type)
    )


def spellings(name: str) -> tuple[str, ...]:
    """Return a file name as managers may list it.

    As it is, with quotes as browsers write them (see :func:`.quoted_file_name`), and each of the two as a server shows
    it that reads the UTF-8 of an upload's header as Latin-1. A name in ASCII without quotes has one spelling.
    """
    sent = (name, quoted_file_name(name))
    return tuple(dict.fromkeys((*sent, *(one.encode("utf-8", "replace").decode("latin-1") for one in sent))))


# -- one image -------------------------------------------------------------------------------------------------------


def is_selected(image: SoftwareImage, field: str, value: str) -> bool:
    """Return whether the image has exactly this value, or may have it; a record's id selects each of its files.

    A file name counts in each of its :func:`spellings`, as for an upload.

    :param field: ``version_id``, ``version`` or ``file_name``.
    """
    if field == "version_id":
        return image.has_id(value)
    if field == "version":
        return matches(image, version=value)
    names = spellings(value)
    return matches(image, file_names=names) or (image.names_unsure and not set(names).isdisjoint(image.record_files))


def make_placeholder(field: str, value: str) -> SoftwareImage:
    """Return an image that is not listed, with the value by which it was selected."""
    selected_by: dict[str, Any] = {"record_id" if field == "version_id" else field: value}
    return SoftwareImage(**selected_by)


def require_one(images: Sequence[SoftwareImage], what: str) -> SoftwareImage:
    """Return the selected image if it is the only one and can be deleted alone.

    :param what: how it was selected, for the error.
    :raises VManageAmbiguousError: several are selected, or the record of the image holds other files and the manager
        shows no id for this one.
    :raises VManageProtocolError: its id cannot be part of a path.
    """
    if len(images) > 1:
        found = [image.describe() for image in images]
        raise VManageAmbiguousError(
            f"{what} matches {len(images)} images, so nothing was changed; select one by its version_id or "
            f"file_name: {'; '.join(found)}",
            candidates=found,
        )
    image = images[0]
    if not image.version_id:
        raise VManageAmbiguousError(_why_not_alone(image, what), candidates=[image.describe()])
    build_path("", image.version_id)
    return image


def _why_not_alone(image: SoftwareImage, what: str) -> str:
    others = [name for name in image.record_files if name != image.file_name]
    if not others:
        return f"{what} is listed without an id; nothing was changed"
    names = ", ".join(others)
    return f"{what} shares its record with {names}, and the manager shows no id for it alone; nothing was changed"


def why_not_deleted(image: SoftwareImage, usage: Usage) -> str | None:
    """Return why an image that nothing selected by name must not be deleted, or ``None`` if it may be."""
    if image.problem:
        return f"could not be read ({image.problem})"
    if not image.version_id:
        return "shares its record with other files, and the manager shows no id for it alone"
    return usage.reason(image)


def find_protecting_pattern(image: SoftwareImage, patterns: Sequence[str]) -> str | None:
    """Return the first pattern that matches a file name or the version of an image, or ``None``."""
    names = [name for name in (image.file_name, image.uploaded_name, image.version) if name]
    return next((pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names)), None)


# -- two lists -------------------------------------------------------------------------------------------------------


def is_sibling(one: SoftwareImage, image: SoftwareImage) -> bool:
    """Return whether both are files of the same record."""
    return one.record_id == image.record_id is not None and one.file_name != image.file_name


def is_same_file(one: SoftwareImage, image: SoftwareImage) -> bool:
    """Return whether two lists show the same file: the same name, and the same id of the file.

    If a list shows no id of the file, that of the record decides, which may also be listed in its place.
    """
    if one.file_name != image.file_name:
        return False
    if one.file_id and image.file_id:
        return one.file_id == image.file_id
    return bool({one.record_id, one.file_id} & {image.record_id, image.file_id} - {None})


def find_missing_files(wanted: Sequence[SoftwareImage], listed: Sequence[SoftwareImage]) -> list[SoftwareImage]:
    """Return the images that a list does not show."""
    return [one for one in wanted if not any(is_same_file(other, one) for other in listed)]


# -- a long list -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AwaitedImage:
    """What an image must be, exactly; all that is given must match.

    :param version: version as listed.
    :param file_name: listed or uploaded file name.
    :param platform_family: a family the image is for.
    :param image_type: type of the image.
    """

    version: str | None = None
    file_name: str | None = None
    platform_family: str | None = None
    image_type: str | None = None

    def checked(self) -> AwaitedImage:
        """Return it without blanks around the names.

        :raises VManageConfigurationError: no name is given, or a blank one: it would match nothing, or everything.
        """
        if self.version is None and self.file_name is None:
            raise VManageConfigurationError("version and file_name are both missing: give at least one")
        return AwaitedImage(
            version=None if self.version is None else require_text(self.version, "version"),
            file_name=None if self.file_name is None else require_text(self.file_name, "file_name"),
            platform_family=self.platform_family or None,
            image_type=self.image_type or None,
        )

    def fits(self, image: SoftwareImage) -> bool:
        """Return whether the image is one that is waited for."""
        return matches(
            image,
            version=self.version,
            file_names=None if self.file_name is None else spellings(self.file_name),
            platform_family=self.platform_family,
            image_type=self.image_type,
        )

    def timed_out(self, last_state: str) -> str:
        """Return the sentence for a wait that has timed out; the same in every mode of the sensor.

        :param last_state: what the last poll saw.
        """
        return f"Timed out while waiting for an image with {self}: {last_state}"

    def __str__(self) -> str:
        """Name what is given."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {value}" for name, value in given if value)


class ImageIndex:
    """A list of images in which an image is found in constant time.

    :param images: as listed; records that could not be read are left out.
    :param manager: address of the manager that listed them.
    """

    def __init__(self, images: Iterable[SoftwareImage], *, manager: str = "") -> None:
        self.images = tuple(image for image in images if not image.problem)
        self.manager = manager
        self._by_version: dict[str | None, list[SoftwareImage]] = {}
        self._by_name: dict[str, list[SoftwareImage]] = {}
        for image in self.images:
            self._by_version.setdefault(image.version, []).append(image)
            for name in dict.fromkeys((image.file_name, image.uploaded_name)):
                if name is not None:
                    self._by_name.setdefault(name, []).append(image)

    @property
    def last_state(self) -> str:
        """Return the report of a poll that did not find the image."""
        count = len(self.images)
        return f"not among the {count} {'image' if count == 1 else 'images'} at the last poll"

    def named(self, names: Iterable[str]) -> list[SoftwareImage]:
        """Return the images whose listed or uploaded name is one of these, each once."""
        found = (image for name in names for image in self._by_name.get(name, ()))
        return list({id(image): image for image in found}.values())

    def find(self, wanted: AwaitedImage) -> list[SoftwareImage]:
        """Return the images that match, the newest first.

        More than one is no error for a wait: images of several roles share a version.
        """
        if wanted.file_name is not None:
            candidates = self.named(spellings(wanted.file_name))
        else:
            candidates = self._by_version.get(wanted.version, [])
        return sorted(filter(wanted.fits, candidates), key=lambda image: image.updated_on or 0, reverse=True)
