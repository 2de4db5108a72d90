"""Images as the manager writes them, in the dialect of its release and of the list that was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from airflow_provider_vmanage.simulator.repository import Image
from airflow_provider_vmanage.simulator.software_repository.naming import UNKNOWN_VERSION, canonical_name

# The placeholder is literally what the manager sends (Cisco docs, "Upload Software Image").
LOCAL_URL = "http://<VMANAGE_HOST>:8080/software/package/"
Record = dict[str, Any]


def grouped_records(images: Iterable[Image], six_fields: bool) -> list[Record]:
    """The records of ``/software``: one per group, with the group's id."""
    groups: dict[str, list[Image]] = {}
    for image in images:
        groups.setdefault(image.version_id, []).append(image)
    return [_six(group) if six_fields else _grouped(group, 600 + n) for n, group in enumerate(groups.values())]


def file_records(images: Iterable[Image], six_fields: bool) -> list[Record]:
    """The records of ``/software/images``: one per file, with the file's id."""
    return [_six([i], i.file_id) if six_fields else _per_file(i) for i in images]


def _six(group: list[Image], version_id: str | None = None) -> Record:
    # Release 16.3 (Cisco docs, "Upload Software Image").
    first = group[0]
    return {
        "versionType": first.version_type,
        "versionId": version_id or first.version_id,
        "updatedOn": max(i.updated_on for i in group),
        "versionName": first.version,
        "versionURL": LOCAL_URL if first.url is None else first.url,
        "availableFiles": ", ".join(i.file_name for i in group),
    }


def _grouped(group: list[Image], rid: int) -> Record:
    # Fields and types: OpenAPI 26.1 example of GET /device/action/software.
    record = {**_six(group), **_details(group)}
    names = record["availableFiles"]
    only_here = {"imagePropertiesJson": "", "vnfPropertiesJson": "", "systemPropertiesXml": ""}
    return {**record, **only_here, "availableFiles": f"[{names}]", "@rid": rid, "cwVersion": group[0].version}


def _per_file(image: Image) -> Record:
    # The same image in GET /device/action/software/images: no brackets, the file's own id.
    return {**_six([image], image.file_id), **_details([image])}


def _details(group: list[Image]) -> Record:
    first = group[0]
    families = list(dict.fromkeys(f for i in group for f in i.platform_family))
    details: Record = {
        "versionTypeName": first.image_type,
        "imageType": first.image_type,
        "networkFunctionType": "ROUTER",
        "platformFamily": families,
        "smuCompatibleVersion": first.version,
        "availableSmuVersions": [""],
        "vendor": "Cisco",
        "arch": "x86_64",
        "controllerVersionName": _controller_version(first.version),
        "fileNameMap": _java_map(
            {canonical_name(i.file_name, i.version, i.platform_family): i.file_name for i in group if i.file_name}
        ),
        "versionIdMap": _java_map({i.file_name: i.file_id for i in group if i.file_name}),
    }
    if first.remote_server_id is not None:
        servers = [{"remoteServerId": first.remote_server_id, "imageRelativePath": ""}]
        details.update(remoteServerId=first.remote_server_id, remoteServers=json.dumps(servers))
    return details


def _controller_version(version: str) -> str:
    # "20.9.x" (OpenAPI 26.1 example); that it is empty where the version is unknown is invented.
    return "" if version == UNKNOWN_VERSION else ".".join(version.split(".")[:2]) + ".x"


def _java_map(pairs: dict[str, str]) -> str:
    """The text of a Java map: ``{a=b, c=d}``."""
    return "{" + ", ".join(f"{k}={v}" for k, v in pairs.items()) + "}"
