"""The wanted images, parsed from what users write; secrets are refused, since a plan is stored as an XCom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.arguments import check_file_name, parse_plain, require_text
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.matching import matches, spellings
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.upload.checksums import parse_checksum
from airflow_provider_vmanage.client.upload.upload_source import UploadSource
from airflow_provider_vmanage.client.urls import (
    check_repository_url,
    masked_url,
    same_url,
    secrets_in_url,
    without_file_prefix,
)

#: keys of one entry of ``images``, by what it means
_FORMS = (
    {"source", "file_name", "checksum"},
    {"file_name", "version"},
    {"version_name", "version_url"},
    {"remote_server", "file_name", "platform_family"},
)
_FIX = (
    "give a path or URL, or source (with file_name, checksum), or file_name or version of a listed image, or "
    "version_name and version_url, or remote_server and file_name (with platform_family)"
)


@dataclass(frozen=True)
class WantedImage:
    """One wanted image or repository URL.

    :param source: path or URL to upload it from if it is missing.
    :param file_name: exact name on the manager.
    :param checksum: of the source, as :class:`.UploadImageOperator` accepts it.
    :param version: version of an image that has to be listed already.
    :param version_name: name of a repository URL.
    :param version_url: its URL.
    :param remote_server: name of the remote server that holds the file.
    :param platform_family: of an image on a remote server.
    """

    source: str | None = None
    file_name: str | None = None
    checksum: str | None = None
    version: str | None = None
    version_name: str | None = None
    version_url: str | None = None
    remote_server: str | None = None
    platform_family: str | None = None

    def fits(self, image: SoftwareImage, server_ids: Mapping[str, str]) -> bool:
        """Return whether a listed image is this one.

        :param server_ids: ids of the remote servers by name.
        """
        names = self.spellings if self.file_name is not None else None
        if not matches(image, version=self.version_name or self.version, file_names=names):
            return False
        if self.version_name is not None:
            return image.is_repository_url and same_url(image.url or "", self.version_url or "")
        if self.remote_server is not None:
            server_id = server_ids.get(self.remote_server, self.remote_server)
            where = image.remote_server_ids or (image.version_type,)
            return not image.is_on_manager and bool({server_id, self.remote_server} & {*where})
        return not image.remote_server_ids and (image.is_repository_url or not image.has_unknown_place)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Return the file name as given and as a manager may list it after an upload."""
        return () if self.file_name is None else spellings(self.file_name)

    def as_row(self) -> dict[str, Any]:
        """Return the given fields as plain JSON types."""
        return {name: value for name, value in self.__dict__.items() if value is not None}

    def describe(self) -> str:
        """Return how plans and errors name it."""
        if self.version_name is not None:
            return f"{self.version_name} at {masked_url(self.version_url or '')}"
        where = f" on {self.remote_server}" if self.remote_server else ""
        return f"{self.file_name or f'version {self.version}'}{where}"


def parse_wanted(images: Any) -> tuple[WantedImage, ...]:
    """Return the wanted images.

    :param images: a list of texts and objects, or its text as JSON or Python writes it (a rendered template).
    :raises VManageConfigurationError: naming the entry, its value and the fix; also if two entries mean the same image.
    """
    entries = parse_plain(images, "images")
    if not isinstance(entries, (list, tuple)):
        raise VManageConfigurationError(f"images is {type(entries).__name__}: give a list")
    wanted = [_parse_entry(entry, f"images[{number}]") for number, entry in enumerate(entries)]
    seen: set[tuple[str | None, ...]] = set()
    for number, one in enumerate(wanted):
        if _key(one) in seen:
            raise VManageConfigurationError(f"images[{number}] is {one.describe()}, and given twice: give it once")
        seen.add(_key(one))
    return tuple(wanted)


def _parse_entry(entry: Any, field: str) -> WantedImage:
    if isinstance(entry, str):
        entry = {"source": entry}
    if not isinstance(entry, Mapping) or not all(value is None or isinstance(value, str) for value in entry.values()):
        raise VManageConfigurationError(f"{field} is {type(entry).__name__}: {_FIX}")
    given = {str(key): value.strip() for key, value in entry.items() if value is not None}
    if not given or not any(set(given) <= form for form in _FORMS):
        raise VManageConfigurationError(f"{field} has the keys {', '.join(sorted(given)) or 'none'}: {_FIX}")
    for name, value in given.items():
        require_text(value, f"{field}.{name}")
    _refuse_secrets(given, field)
    if "source" in given:
        given.setdefault("file_name", UploadSource.parse(given["source"]).file_name)
        check_file_name(given["file_name"])
        if (
            not given.get("checksum", "").lower().startswith("file:")
        ):  # a list of checksums is read when the plan is made
            parse_checksum(given.get("checksum"), field=f"{field}.checksum")
    elif "version_name" in given or "version_url" in given:
        require_text(given.get("version_name"), f"{field}.version_name")
        check_repository_url(
            require_text(given.get("version_url"), f"{field}.version_url"), field=f"{field}.version_url"
        )
    elif "remote_server" in given:
        check_file_name(require_text(given.get("file_name"), f"{field}.file_name"))
    elif not {"file_name", "version"} & set(given):
        raise VManageConfigurationError(f"{field} has the keys {', '.join(sorted(given))}: {_FIX}")
    return WantedImage(**given)


def _refuse_secrets(given: Mapping[str, str], field: str) -> None:
    for name in ("source", "checksum", "version_url"):
        url = without_file_prefix(given.get(name, ""))
        if "://" in url and secrets_in_url(url):
            raise VManageConfigurationError(
                f"{field}.{name} {masked_url(url)!r} has a password or a query, and many can read a stored "
                "plan: use a connection, such as s3://connection@bucket/key"
            )


def _key(one: WantedImage) -> tuple[str | None, ...]:
    return (one.file_name, one.version, one.version_name, one.remote_server)
