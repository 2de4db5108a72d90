"""Maintenance updates (SMUs): an image that an update in the repository is installed onto has to stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_vmanage.client.desired_state.wanted import WantedImage
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.versions import UNKNOWN_VERSION, Comparable, comparable, may_be_same, same_version


def is_maintenance_update(image: SoftwareImage) -> bool:
    """Return whether the image is a maintenance update (SMU): it is installed onto another version.

    Other images have their own version in the same field (OpenAPI of release 26.1).
    """
    needed = image.needs_version
    return needed not in (None, UNKNOWN_VERSION) and not same_version(needed or "", image.version or "")


def find_bases_of_updates(images: Iterable[WantedImage | SoftwareImage]) -> dict[Comparable, SoftwareImage]:
    """Return the maintenance updates among the images by the version that they are installed onto."""
    updates = (one for one in images if isinstance(one, SoftwareImage) and is_maintenance_update(one))
    return {comparable(update.needs_version or ""): update for update in updates}


def why_base_stays(image: SoftwareImage, bases: Mapping[Comparable, SoftwareImage]) -> str | None:
    """Return which maintenance update needs or may need the image, or ``None``; an update is not the base of another.

    Whether a manager lists the needed version in full is not known, so a short form such as ``17.9.1`` holds every
    image that it may mean.
    """
    if is_maintenance_update(image):
        return None
    version = comparable(image.version or "")
    update = next((update for base, update in bases.items() if may_be_same(base, version)), None)
    return f"is referred to by {update.describe()}" if update else None
