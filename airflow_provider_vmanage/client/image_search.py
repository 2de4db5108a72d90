"""Which images somebody waits for, and how they are found in a long list by many who wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from airflow_provider_vmanage.client.arguments import require_text
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.selection import spellings


@dataclass(frozen=True, slots=True)
class AwaitedImage:
    """What an image must be, exactly; all that is given must fit.

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

        :raises VManageConfigurationError: nothing to look for, or a blank name: it would fit nothing, or everything.
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
        return (
            not image.problem
            and (self.version is None or image.version == self.version)
            and (self.file_name is None or any(map(image.has_file_name, spellings(self.file_name))))
            and (not self.platform_family or self.platform_family in image.platform_family)
            and (not self.image_type or image.image_type == self.image_type)
        )

    def timed_out(self, last_state: str) -> str:
        """Return the sentence for a wait whose time is up; the same in every mode of the sensor.

        :param last_state: what the last poll saw.
        """
        return f"Timed out while waiting for an image with {self}: {last_state}"

    def __str__(self) -> str:
        """Name what is given."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {value}" for name, value in given if value)


class ImageIndex:
    """A list of images that answers many questions: a look-up each, however long the list is.

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
            for name in {image.file_name, image.uploaded_name} - {None}:
                self._by_name.setdefault(str(name), []).append(image)

    @property
    def last_state(self) -> str:
        """Return what to say of a poll that did not find the image."""
        count = len(self.images)
        return f"not among the {count} {'image' if count == 1 else 'images'} at the last poll"

    def find(self, wanted: AwaitedImage) -> list[SoftwareImage]:
        """Return the images that fit, the newest first.

        More than one is no error for those who wait: images of several roles share a version.
        """
        if wanted.file_name is not None:
            named = [image for name in spellings(wanted.file_name) for image in self._by_name.get(name, ())]
            candidates = list({id(image): image for image in named}.values())
        else:
            candidates = self._by_version.get(wanted.version, [])
        return sorted(filter(wanted.fits, candidates), key=lambda image: image.updated_on or 0, reverse=True)
