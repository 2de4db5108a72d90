"""Assumptions about the software repository and remote servers."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_vmanage.client.assumptions.fields import IMAGE, METADATA, REMOTE_SERVER, odd_types
from airflow_provider_vmanage.client.assumptions.lists import add_list, all_rows
from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import Table
from airflow_provider_vmanage.client.http.record_text import parse_java_map
from airflow_provider_vmanage.client.models import SoftwareImage, parse_images

REPOSITORY = Table()

_OPENAPI = "Cisco, OpenAPI of release 26.1"
_BOTH = ("software", "images")
_METADATA_SINCE = (20, 18)

#: no source shows these in an older release; which one was the first is unknown
_MAPS_SINCE = _REMOTE_SERVERS_SINCE = (20, 0)

_PLACEHOLDER = "<VMANAGE_HOST>"

add_list(
    REPOSITORY,
    "images",
    _BOTH,
    IMAGE,
    what="The list of images",
    mark="D",
    source="Cisco, page of release 16.3 and OpenAPI examples of release 26.1",
    broken="Every task that lists images fails; a broken list is never an empty one.",
)


def _images(seen: Seen) -> list[SoftwareImage]:
    return parse_images(seen.some_rows("software"))


def _files(seen: Seen, name: str) -> list[str]:
    images = parse_images(seen.rows(name))
    return sorted(image.file_name for image in images if image.file_name and image.is_on_manager)


@REPOSITORY.add(
    "D",
    "Cisco, page of release 16.3 and OpenAPI examples of release 26.1",
    otherwise="The record matches nothing, is logged once, and is never deleted.",
)
def image_records_can_be_read(seen: Seen) -> str | None:
    """Every record of the list of images can be read."""
    images = _images(seen)
    unreadable = sum(image.problem is not None for image in images)
    return f"{unreadable} of {len(images)} cannot be read" if unreadable else None


@REPOSITORY.add(
    "I",
    _OPENAPI,
    otherwise="Deleting by such an id is refused as ambiguous.",
)
def image_ids_are_unique(seen: Seen) -> str | None:
    """No two records of the list of images have the same versionId."""
    ids = [str(row.get("versionId")) for row in seen.some_rows("software")]
    return f"{len(ids) - len(set(ids))} repeated" if len(ids) > len(set(ids)) else None


@REPOSITORY.add(
    "I",
    'names are joined by ", " in client code; Java quotes nothing',
    otherwise="The names of the maps are used; if they do not suffice, the record counts as one image, kept whole.",
)
def file_names_are_distinct(seen: Seen) -> str | None:
    """No name of a file contains a comma, so that each name in availableFiles ends where it seems to."""
    unsure = sum(image.names_unsure for image in _images(seen))
    return f"unclear in {unsure} records" if unsure else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="Such a file cannot be deleted alone: the task fails, and nothing is sent.",
)
def shared_records_have_ids_of_files(seen: Seen) -> str | None:
    """The versionIdMap has an own id for each file of a record that holds several."""
    if seen.release is not None and seen.release < _MAPS_SINCE:
        raise Unseen("records of this release have six fields")
    shared = [image for image in _images(seen) if image.shares_record and not image.names_unsure]
    if not shared:
        raise Unseen("no record holds several files")
    without = sum(image.file_id is None for image in shared)
    return f"missing for {without} of {len(shared)} files" if without else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="A name that only fileNameMap shows counts as another file of the record.",
)
def maps_name_the_files_of_the_record(seen: Seen) -> str | None:
    """The fileNameMap and the versionIdMap are the text of a Java map whose values name the files of the record."""
    rows = [row for row in seen.some_rows("software") if "fileNameMap" in row or "versionIdMap" in row]
    if not rows:
        raise Unseen("no record has these maps")
    odd = sum(not _maps_fit(row) for row in rows)
    return f"not so in {odd} of {len(rows)}" if odd else None


def _maps_fit(row: dict[str, Any]) -> bool:
    listed = str(row.get("availableFiles") or "").strip().removeprefix("[").removesuffix("]")
    files = {name.strip() for name in listed.split(",") if name.strip()}
    uploaded, ids = parse_java_map(row.get("fileNameMap")), parse_java_map(row.get("versionIdMap"))
    return set(uploaded.values()) | set(ids) <= files and (not uploaded or len(uploaded) == len(files))


@REPOSITORY.add(
    "D",
    "Cisco, page of release 16.3; for images elsewhere catalystwan 0.41.6 expects the name of the remote server",
    otherwise="Any other word counts as that of a remote server: the image is not counted as stored.",
)
def stored_images_have_version_type_vmanage(seen: Seen) -> str | None:
    """The versionType of an image that the manager stores is vmanage."""
    rows = [row for row in seen.some_rows("software") if _PLACEHOLDER in str(row.get("versionURL"))]
    if not rows:
        raise Unseen("no image has the manager's own URL")
    odd = sum(row.get("versionType") != "vmanage" for row in rows)
    return f"another word in {odd} of {len(rows)}" if odd else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="A stored image with another URL still counts as stored, by its versionType.",
)
def stored_images_have_a_placeholder_url(seen: Seen) -> str | None:
    """The versionURL of a stored image is the manager's own, with a placeholder for its host."""
    rows = [row for row in seen.some_rows("software") if row.get("versionType") == "vmanage"]
    if not rows:
        raise Unseen("no image is stored on the manager")
    odd = sum(_PLACEHOLDER not in str(row.get("versionURL")) for row in rows)
    return f"another URL in {odd} of {len(rows)}" if odd else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="The package lists /software only; files that it lacks are not found.",
)
def both_lists_show_the_same_files(seen: Seen) -> str | None:
    """Both lists, /software and /software/images, show the same stored files."""
    grouped, single = _files(seen, "software"), _files(seen, "images")
    if not grouped and not single:
        raise Unseen("no image is stored on the manager")
    return f"{len(grouped)} and {len(single)} files, or other names" if grouped != single else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="An id from /software/images does not select an image; one from /software does.",
)
def file_ids_are_those_of_the_second_list(seen: Seen) -> str | None:
    """The versionId of /software/images is the file's own id: that of versionIdMap in /software."""
    known = {image.file_id for image in _images(seen) if image.file_id}
    if not known:
        raise Unseen("no record shows ids of files")
    ids = {str(row.get("versionId")) for row in seen.some_rows("images")}
    return f"{len(known - ids)} of {len(known)} are not there" if known - ids else None


@REPOSITORY.add(
    "D",
    "no paging is documented for the list; imageCount is in the OpenAPI of release 26.1",
    otherwise="Images that the list leaves out are not found, and are uploaded again.",
)
def list_of_images_is_complete(seen: Seen) -> str | None:
    """The list of images is complete: as many files as imageCount says."""
    body = seen.ok("count").body
    count = body.get("imageCount") if isinstance(body, dict) else None
    if not isinstance(count, int):
        return "no number in imageCount"
    listed = len([image for image in parse_images(seen.rows("software")) if image.file_name or image.url])
    return f"{listed} listed, {count} counted" if listed != count else None


@REPOSITORY.add(
    "D",
    _OPENAPI,
    otherwise="Versions are compared by their numbers; a stored image with -- counts as in use.",
)
def ios_xe_images_have_versions_of_six_parts(seen: Seen) -> str | None:
    """The versionName of an IOS-XE image has six parts, or is -- if the manager does not know the version."""
    names = [str(row.get("versionName")) for row in seen.some_rows("software") if _is_ios_xe(row)]
    if not names:
        raise Unseen("no IOS-XE image")
    odd = sum(re.fullmatch(r"\d+(\.\d+[a-z]?){5}", name) is None for name in names)
    return f"another form in {odd} of {len(names)}" if odd else None


def _is_ios_xe(row: dict[str, Any]) -> bool:
    stored = _PLACEHOLDER in str(row.get("versionURL"))
    is_ios_xe = re.search(r"\.S[SP]A\.bin\b", str(row.get("availableFiles"))) is not None
    return stored and is_ios_xe and row.get("versionName") != "--"


@REPOSITORY.add(
    "I",
    "Cisco, OpenAPI of release 26.1; the first release is unknown",
    otherwise="Where they are missing, the checksum of an upload is compared with nothing on the manager.",
)
def metadata_are_an_object(seen: Seen) -> str | None:
    """Metadata of an image are an object with the documented fields, from release 20.18 on; 404 before."""
    found = seen.response("metadata")
    if seen.release is not None and seen.release < _METADATA_SINCE:
        return None if found.status == 404 else found.kind
    body = found.body.get("data", found.body) if isinstance(found.body, dict) else None
    return odd_types([body], METADATA) if found.status == 200 and isinstance(body, dict) else found.kind


def _no_remote_servers_yet(seen: Seen) -> str:
    return "this release has no remote servers" if (seen.release or (20, 0)) < _REMOTE_SERVERS_SINCE else ""


add_list(
    REPOSITORY,
    "remote_servers",
    ("remote_servers",),
    REMOTE_SERVER,
    what="The list of remote servers",
    mark="D",
    source="Cisco, OpenAPI of releases 2022 and 26.1; the first release is unknown",
    broken="Tasks on remote servers and remote images fail; all others work.",
    absent=_no_remote_servers_yet,
)


@REPOSITORY.add(
    "C",
    "Cisco's Ansible collection always updates, since it cannot compare",
    otherwise="The package ignores the field, and a remote server is written again if a password is given.",
)
def remote_servers_show_no_password(seen: Seen) -> str | None:
    """No remote server shows its password."""
    rows = all_rows(seen, ("remote_servers",))
    shown = sum(any("password" in name.lower() and row[name] for name in row) for row in rows)
    return f"shown in {shown} of {len(rows)}" if shown else None
