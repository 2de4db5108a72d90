"""Records of the software repository as frozen values, and parsers for every known form of them.

The forms (Cisco's documentation of release 16.3 and the OpenAPI examples of release 26.1):

* six fields, ``availableFiles`` one name;
* grouped: ``availableFiles`` in brackets, several names joined by ``", "``, ``fileNameMap`` and ``versionIdMap`` as the
  text of a Java map, ``versionId`` of the group (``GET /device/action/software``);
* per file: no brackets, ``versionId`` of the file (``GET /device/action/software/images``).

Unknown values are kept unchanged, never guessed. The version cannot be derived from a file name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.http.record_text import (
    are_names_distinct,
    inner_text,
    parse_file_names,
    parse_java_map,
)
from airflow_provider_vmanage.client.urls import masked_url

#: limit of milliseconds: the tables of images have a 64-bit integer
_MILLISECONDS_LIMIT = 2**63

# Local images carry a URL of the manager itself, with the placeholder left in:
# http://<VMANAGE_HOST>:8080/software/package/
_PLACEHOLDER = "<VMANAGE_HOST>"
_OWN_PACKAGE_URL = re.compile(r"^https?://[^/]*:8080/software/package/?$")


@dataclass(frozen=True)
class SoftwareImage:
    """One file of the software repository, or one repository URL without a file.

    :param version: ``versionName``, as the manager read it from the image; ``--`` means that the manager
        does not know it.
    :param record_id: ``versionId`` of the record that holds the file.
    :param file_id: the file's own id of ``versionIdMap``, if the manager shows one.
    :param file_name: name as listed in ``availableFiles``; ``None`` for a repository URL.
    :param uploaded_name: right-hand side of ``fileNameMap``: the name under which the file was uploaded.
    :param image_type: such as ``software``.
    :param version_type: ``vmanage`` for a file stored on the manager.
    :param platform_family: families the image is for.
    :param updated_on: milliseconds since 1970, as the manager sends it.
    :param url: ``versionURL`` as listed.
    :param record_files: names of all files of the same record.
    :param names_unsure: names of the record contain commas and cannot be separated: ``file_name`` is the whole list.
    :param remote_server_ids: remote servers that hold the file, by ``remoteServerId`` and ``remoteServers``.
    :param needs_version: ``smuCompatibleVersion``: the version that a maintenance update is installed onto.
    :param raw: the record as the manager sent it, if it could not be read; every other field is empty then, so it
        matches nothing and has no id to delete it by.
    :param problem: why it could not be read.
    """

    version: str | None = None
    record_id: str | None = None
    file_id: str | None = None
    file_name: str | None = None
    uploaded_name: str | None = None
    image_type: str | None = None
    version_type: str | None = None
    platform_family: tuple[str, ...] = ()
    updated_on: int | None = None
    url: str | None = None
    record_files: tuple[str, ...] = ()
    names_unsure: bool = False
    remote_server_ids: tuple[str, ...] = ()
    needs_version: str | None = None
    raw: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    problem: str | None = None

    @property
    def version_id(self) -> str | None:
        """Return the id to delete by: the record's, or the file's own if the record holds other files too."""
        return self.file_id if self.shares_record else self.record_id

    @property
    def shares_record(self) -> bool:
        """Return whether the record holds other files too."""
        return len(self.record_files) > 1

    @property
    def is_on_manager(self) -> bool:
        """True if the manager itself stores the file.

        ``versionType`` is ``vmanage`` then, or missing. Any other ``versionType`` is that of a remote server (Cisco's
        Ansible collection finds the server's name there), whether the record shows the server's id or not.
        """
        return self.version_type in (None, "vmanage") and not self.remote_server_ids and bool(self.file_name)

    @property
    def is_repository_url(self) -> bool:
        """True if this is a repository URL rather than a file: never for a file that the manager stores."""
        if self.is_on_manager or self.remote_server_ids:
            return False
        url = self.url or ""
        is_own = _PLACEHOLDER in url or (_OWN_PACKAGE_URL.match(url) and self.version_type in (None, "vmanage"))
        return bool(url) and not is_own

    @property
    def has_unknown_place(self) -> bool:
        """True if a remote server holds the file and the record does not show the server's id."""
        return bool(self.file_name) and not self.is_on_manager and not self.remote_server_ids

    def has_file_name(self, name: str) -> bool:
        """Return whether ``name`` is exactly the listed or the uploaded name."""
        return name in (self.file_name, self.uploaded_name)

    def has_id(self, version_id: str) -> bool:
        """Return whether ``version_id`` is exactly the id of the record or of the file."""
        return version_id in (self.record_id, self.file_id)

    def describe(self) -> str:
        """Return one line that identifies this image."""
        if self.problem:
            return f"a record that could not be read ({self.problem})"
        what = self.file_name or masked_url(self.url or "no file")
        return f"{what} (version {self.version}, id {self.version_id or self.record_id})"

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types that operators and sensors return."""
        return {
            "version": self.version,
            "version_id": self.version_id,
            "file_name": self.file_name,
            "image_type": self.image_type,
            "version_type": self.version_type,
            "platform_family": list(self.platform_family),
            "updated_on": self.updated_on,
        }


@dataclass(frozen=True)
class ServerInfo:
    """The response to ``GET /dataservice/client/server``.

    :param version: ``platformVersion``, such as ``20.12.4`` or ``20.9.0.02-li``.
    :param token: the XSRF token (``CSRFToken``); none before release 19.2.
    :param tenancy_mode: ``SingleTenant`` or ``MultiTenant``.
    :param user_mode: ``tenant`` or ``provider``.
    :param user: name of the user that is logged in.
    """

    version: str | None = None
    token: str | None = None
    tenancy_mode: str | None = None
    user_mode: str | None = None
    user: str | None = None

    def __repr__(self) -> str:
        """Omit the token: it is a secret."""
        return f"ServerInfo(version={self.version!r}, tenancy_mode={self.tenancy_mode!r}, user_mode={self.user_mode!r})"

    @property
    def release(self) -> tuple[int, int] | None:
        """Return the first two numbers of the version, or ``None`` if there are none."""
        found = re.search(r"(?<!\d)(\d{1,9})\.(\d{1,9})(?!\d)", self.version or "", re.ASCII)
        return (int(found[1]), int(found[2])) if found else None


def parse_server_info(record: Mapping[str, Any]) -> ServerInfo:
    """Parse the ``data`` object of ``/client/server``; every field may be missing."""
    return ServerInfo(
        version=_text(record, "platformVersion"),
        token=_text(record, "CSRFToken"),
        tenancy_mode=_text(record, "tenancyMode"),
        user_mode=_text(record, "userMode"),
        user=_text(record, "user"),
    )


def parse_images(records: Iterable[Mapping[str, Any]]) -> list[SoftwareImage]:
    """Return one image per file of each record, in the order of the list.

    A record that cannot be read does not affect others: it becomes one image of which only
    :attr:`~SoftwareImage.raw` is set.

    :param records: the ``data`` of either list call.
    :raises VManageProtocolError: there are records, and none of them can be read.
    """
    images: list[SoftwareImage] = []
    failure: VManageProtocolError | None = None
    for record in records:
        try:
            images += _parse_record(record)
        except VManageProtocolError as err:
            failure = failure or err
            images.append(SoftwareImage(raw=record, problem=f"{err.message}{_id_shown(record)}"))
    if failure is not None and all(image.problem for image in images):
        raise failure
    return images


def _id_shown(record: Mapping[str, Any]) -> str:
    """Return text that identifies an unreadable record, if at least its id can be read."""
    version_id = record.get("versionId")
    return f"; its versionId is {version_id}" if isinstance(version_id, str) else ""


def _parse_record(record: Mapping[str, Any]) -> list[SoftwareImage]:
    shown = parse_file_names(record.get("availableFiles"))
    uploaded = parse_java_map(record.get("fileNameMap"), shown)
    ids = parse_java_map(record.get("versionIdMap"), {*shown, *uploaded.values()})
    known = {*uploaded, *uploaded.values(), *ids}
    if not are_names_distinct(record.get("availableFiles"), known):
        return [_whole_list(record)]
    listed = parse_file_names(record.get("availableFiles"), known)
    # A name that only fileNameMap shows is still a file that was uploaded.
    unlisted = [name for key, name in uploaded.items() if name and key not in listed and name not in listed]
    if len(listed) == len(unlisted) == len(uploaded) == 1:
        uploaded, unlisted = {listed[0]: unlisted[0]}, []
    files = tuple(dict.fromkeys((*listed, *unlisted)))
    shared = _shared_fields(record)
    if not files:
        return [SoftwareImage(**shared)]
    return [
        SoftwareImage(
            file_name=name,
            uploaded_name=uploaded.get(name, name),
            file_id=ids.get(name) or ids.get(uploaded.get(name, name)),
            record_files=files,
            **shared,
        )
        for name in files
    ]


def _whole_list(record: Mapping[str, Any]) -> SoftwareImage:
    """Return all files as one image, which cannot be deleted alone: no name is guessed, the list is kept unchanged."""
    text = str(record["availableFiles"])
    name = inner_text(text, "[]").strip()
    return SoftwareImage(
        file_name=name,
        uploaded_name=name,
        record_files=(name, *parse_file_names(text)),
        names_unsure=True,
        **_shared_fields(record),
    )


def _shared_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": _text(record, "versionName"),
        "record_id": _text(record, "versionId"),
        "image_type": _text(record, "imageType") or _text(record, "versionTypeName"),
        "version_type": _text(record, "versionType"),
        "platform_family": _families(record.get("platformFamily")),
        "updated_on": _milliseconds(record.get("updatedOn")),
        "url": _text(record, "versionURL"),
        "remote_server_ids": _remote_server_ids(record),
        "needs_version": _text(record, "smuCompatibleVersion"),
    }


def _remote_server_ids(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of both fields; ``remoteServers`` is the text of a JSON list (OpenAPI example of 26.1)."""
    servers = record.get("remoteServers")
    if isinstance(servers, str):
        try:
            servers = json.loads(servers)
        except (ValueError, RecursionError):
            servers = None
    rows = servers if isinstance(servers, list) else []
    ids = [record.get("remoteServerId"), *(row.get("remoteServerId") for row in rows if isinstance(row, dict))]
    return tuple(dict.fromkeys(str(one) for one in ids if one))


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, (dict, list)):
        raise VManageProtocolError(f"{name} of a record is {type(value).__name__}, not text")
    return str(value).strip() or None


def _families(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = parse_file_names(value)
    return tuple(str(item) for item in value if item is not None) if isinstance(value, (list, tuple)) else ()


def _milliseconds(value: Any) -> int | None:
    """Return whole milliseconds, or ``None`` for what is not a number or does not fit into 64 bits."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,19}\s*", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if -_MILLISECONDS_LIMIT <= value < _MILLISECONDS_LIMIT else None
