"""Assumptions about changes, seen by ``--write`` on a scratch file."""

from __future__ import annotations

from functools import partial

from airflow_provider_vmanage.client.assumptions.login import is_error
from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import WRITE, Table

CHANGES = Table()
_add = partial(CHANGES.add, needs=WRITE)

_UNKNOWN = "searched, not found"


@_add(
    "C",
    "every public client tests for status 200 only",
    otherwise="Another success is accepted if the image is listed; an error whose image is listed counts as success.",
)
def upload_is_accepted_with_200(seen: Seen) -> str | None:
    """An upload is accepted with status 200, after the image has been processed."""
    found = seen.response("upload")
    return None if found.status == 200 else found.kind


@_add(
    "U",
    "not documented, and read by no public client",
    otherwise="JSON is accepted; a page counts as an ended session, and the list decides.",
)
def accepted_upload_has_no_body(seen: Seen) -> str | None:
    """The body of an accepted upload is empty."""
    found = seen.ok("upload")
    return found.kind if found.text.strip() else None


@_add(
    "C",
    "a public Ansible role lists right after the upload",
    otherwise="The list is polled for a minute.",
)
def upload_is_listed_at_once(seen: Seen) -> str | None:
    """An uploaded image is listed at once."""
    seen.ok("upload")
    lists = seen.facts.get("upload lists")
    if lists is None:
        return "not listed within the time of the check"
    return f"only in list {lists}, with a second between two" if lists > 1 else None


@_add(
    "U",
    _UNKNOWN,
    otherwise="Nothing: the package lists first, and sends no second upload of a name.",
)
def second_upload_of_a_name_is_refused(seen: Seen) -> str | None:
    """A second upload of the same name is refused with an error object."""
    seen.ok("upload")
    found = seen.response("second_upload")
    copies = seen.facts.get("copies")
    return None if is_error(found) else f"{found.kind}; the name is listed {copies} times"


@_add(
    "U",
    f"{_UNKNOWN}; clients accept bin, tar and gz",
    otherwise="The manager's refusal is reported as it is.",
)
def upload_of_any_name_is_accepted(seen: Seen) -> str | None:
    """A file whose name does not end as that of an image is accepted."""
    found = seen.response("wrong_name")
    return None if found.status == 200 else found.kind


@_add(
    "D",
    "Cisco, OpenAPI of releases 2022 and 26.1: application/octet-stream, without headers",
    otherwise="A page or JSON fails the download; without a length, the end of the last chunk counts as complete.",
)
def download_has_the_bytes_of_the_upload(seen: Seen) -> str | None:
    """An image is downloaded as it was uploaded, with its length in Content-Length."""
    found = seen.response("download")
    if found.status != 200 or found.is_page:
        return found.kind
    if found.digest != seen.facts.get("digest"):
        return "other bytes"
    return None if found.headers.get("content-length", "").isdecimal() else "no Content-Length"


@_add(
    "L",
    "live capture of 20.18.2.1; Cisco, cross-site request forgery prevention",
    otherwise="Any other 403 counts as a missing role: the token is not renewed, and the task fails.",
)
def change_without_token_is_refused(seen: Seen) -> str | None:
    """A change without the token is refused with 403 and SessionTokenFilter; before 19.2 it is carried out."""
    found = seen.response("without_token")
    if seen.release is not None and seen.release < (19, 2):
        return "refused as from release 19.2 on" if found.status == 403 else None
    return None if found.status == 403 and "SessionTokenFilter" in found.text else found.kind


@_add(
    "D",
    "Cisco, OpenAPI of release 26.1",
    otherwise="The list decides: an image that stays listed makes the task fail.",
)
def image_is_deleted_by_the_id_of_its_record(seen: Seen) -> str | None:
    """An image is deleted by the versionId of its record, with status 200."""
    return _deleted(seen, "delete_by_record")


@_add(
    "U",
    "catalystwan 0.41.6 deletes by it; whether one release accepts both ids is not documented",
    otherwise="A file that shares its record cannot be deleted: the task fails after a minute.",
)
def image_is_deleted_by_the_id_of_its_file(seen: Seen) -> str | None:
    """An image is deleted by the file's own id of versionIdMap too."""
    return _deleted(seen, "delete_by_file")


def _deleted(seen: Seen, name: str) -> str | None:
    found = seen.response(name)
    if seen.facts.get(f"{name} listed"):
        return f"{found.kind}, and the image is still listed"
    return None if found.status == 200 else f"{found.kind}, and the image is not listed any more"


@_add(
    "U",
    _UNKNOWN,
    otherwise="An image that is not listed any more counts as deleted, whatever the manager responded.",
)
def delete_of_an_unknown_id_is_refused(seen: Seen) -> str | None:
    """Deleting an unknown id is refused with an error object."""
    found = seen.response("delete_unknown")
    return None if is_error(found) else found.kind


@_add(
    "I",
    "follows from the above",
    otherwise="The check reports it, and the files have to be deleted by hand.",
)
def scratch_files_are_deleted(seen: Seen) -> str | None:
    """The scratch files of the check can all be deleted again."""
    left = seen.facts.get("left over")
    if left is None:
        raise Unseen("the list could not be read again")
    return f"{left} are still listed" if left else None
