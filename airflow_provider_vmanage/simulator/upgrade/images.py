"""Which image of the repository an install means."""

from __future__ import annotations

from typing import Any

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.repository import Image as Stored
from airflow_provider_vmanage.simulator.repository import Repository
from airflow_provider_vmanage.simulator.software_repository.naming import UNKNOWN_VERSION, version_of
from airflow_provider_vmanage.simulator.software_repository.records import LOCAL_URL
from airflow_provider_vmanage.simulator.upgrade.course import Image


def find_image(repository: Repository, device: Device, wanted: dict[str, Any], remote: bool) -> Image | str:
    """The image for a device, or why there is none; texts are invented.

    :param wanted: An entry of ``input``: ``version``, which for a remote image is its id.
    """
    version = wanted["version"]
    found = _remote(repository, version) if remote else _local(repository, version)
    if not found:
        return f"No image of version {version} in the repository"
    family = device.record.get("platformFamily")
    fitting = [image for image in found if not image.platform_family or family in image.platform_family]
    if not fitting:
        return f"No image of version {version} for {family} in the repository"
    image = fitting[0]
    return Image(_version(image), image.file_name, image.url or LOCAL_URL)


def _local(repository: Repository, version: str) -> list[Stored]:
    return [image for image in repository.images if image.path and image.version == version]


def _remote(repository: Repository, version: str) -> list[Stored]:
    """By id (client code), else by the name of a repository URL (a public script; its outcome is unknown)."""
    found = [image for image in repository.find(version) if not image.path]
    return found or [image for image in repository.images if not image.path and image.version == version]


def _version(image: Stored) -> str:
    # The manager does not know the version of a remote image; that the device finds what its name says is invented.
    return version_of(image.file_name) if image.version == UNKNOWN_VERSION else image.version
