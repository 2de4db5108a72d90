"""Metadata of an image: checksum, description and tags, which the list does not show; and the number of images.

Source: OpenAPI of release 26.1. The first release that has them is unknown; older ones return 404.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageChecksumError,
    VManageConflictError,
    VManageError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSourceError,
    digest_lines,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import PATH
from airflow_provider_vmanage.client.upload.checksums import ALGORITHMS, Checksum, describe_mismatch, parse_checksum

log = logging.getLogger(__name__)

#: first release that is asked for metadata after an upload: the simulator's choice, see above
METADATA_SINCE = (20, 18)

#: fields that the manager accepts; it also returns ``imageType`` (OpenAPI of release 26.1)
_EDITABLE = ("description", "networkFunctionType", "versionName", "vendor", "checksumType", "checksum", "tags")

_NOT_FOUND = 404


@dataclass(frozen=True)
class ImageMetadata:
    """The metadata of one image, as far as the manager returns them.

    :param checksum: hexadecimal, lower case.
    :param checksum_type: as the manager writes it, such as ``sha512`` or ``SHA-512``.
    :param description: free text.
    :param tags: free texts.
    :param raw: everything that the manager sent.
    """

    checksum: str | None
    checksum_type: str | None
    description: str | None
    tags: tuple[str, ...]
    raw: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """Return the checksum's type as hashlib writes it; empty if the checksum has another length."""
        name = (self.checksum_type or "").lower().replace("-", "").replace("_", "")
        length = ALGORITHMS.get(name)
        return "" if length and len(self.checksum or "") != length else name


def count_images(session: ManagerSession, image_type: str | None = None) -> int:
    """Return how many images the manager counts; one call.

    :param image_type: only this type, such as ``software``.
    :raises VManageProtocolError: the response has no count.
    :raises VManageError: as any read.
    """
    params = {"imageType": image_type} if image_type else None
    count = session.request("GET", f"{PATH}/package/imageCount", params=params).member("imageCount")
    if isinstance(count, bool) or not isinstance(count, int):
        raise VManageProtocolError(f"imageCount is {type(count).__name__}, not a number")
    return count


def read_metadata(session: ManagerSession, version_id: str) -> ImageMetadata | None:
    """Return the metadata of an image, or ``None`` if the release has none.

    :param version_id: of the image.
    :raises VManageError: as any read.
    """
    try:
        body = session.request("GET", _path(version_id)).body
    except VManageRejectedError as err:
        if err.status == _NOT_FOUND:
            return None
        raise
    found = body.get("data", body) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise VManageProtocolError("The metadata of an image are not a JSON object")
    return _parse(found)


def write_metadata(
    session: ManagerSession,
    version_id: str,
    *,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    checksum: str | None = None,
) -> bool:
    """Set metadata of an image and keep all other fields; return whether they differed.

    Reads first, so it is safe to run again.

    :param description: free text; ``None`` keeps the old one.
    :param tags: free texts; ``None`` keeps the old ones.
    :param checksum: ``sha512:<hex>``, ``sha256:<hex>`` or ``md5:<hex>``; ``None`` keeps the old one. Whether a manager
        compares it with the image is not documented.
    :raises VManageConfigurationError: the checksum is malformed; nothing was sent.
    :raises VManageRejectedError: the release has no metadata, or the manager refused.
    :raises VManageError: as any change.
    """
    digest = parse_checksum(checksum)
    old = read_metadata(session, version_id)
    if old is None:
        raise VManageRejectedError("This release has no metadata of images", status=_NOT_FOUND, path=_path(version_id))
    wanted: dict[str, Any] = {"description": description, "tags": None if tags is None else list(tags)}
    if digest is not None and (old.algorithm, old.checksum) != (digest.algorithm, digest.digest):
        wanted |= {"checksumType": digest.algorithm, "checksum": digest.digest}
    changes = {name: value for name, value in wanted.items() if value is not None and value != old.raw.get(name)}
    if changes:
        kept = {name: old.raw[name] for name in _EDITABLE if name in old.raw}
        session.request("PUT", _path(version_id), json={**kept, **changes})
    return bool(changes)


def confirm_checksum(
    session: ManagerSession, change: Change, promised: Checksum | Callable[[], Checksum | None] | None
) -> Change:
    """Compare an upload with the checksum that the manager returns for the image, if any; return the change.

    One call, on a release that has metadata and with a checksum. An upload does not fail if metadata cannot be read.

    :param change: of an upload. An image that existed already is compared too, and ``verified`` is set if it agrees.
    :param promised: the digest that the image must have, or what reads it, called only if there is one to compare.
    :raises VManageChecksumError: the manager returns another digest for what was sent.
    :raises VManageConflictError: it returns another digest for an image that existed already; nothing was sent.
    """
    if change.action == "unchanged":
        return _compare_existing(session, change, promised)
    if promised is None or change.sha512 is None or not change.applied:
        return change
    expected, shown = _resolve(promised), _shown_checksum(session, change)
    if expected is not None and not isinstance(shown, str):
        _compare_sent(change, expected, shown)
    return change


def _compare_sent(change: Change, expected: Checksum, shown: Checksum) -> None:
    known = {"sha512": Checksum("sha512", change.sha512 or ""), expected.algorithm: expected}.get(shown.algorithm)
    if known is None:
        log.info("The manager returns no checksum that can be compared")
    elif shown.digest != known.digest:
        fix = "The image is damaged on the manager: delete the image and upload it again"
        raise VManageChecksumError(
            describe_mismatch(change.image.file_name or "the image", known, shown.digest, fix),
            algorithm=shown.algorithm,
            expected=known.digest,
            actual=shown.digest,
        )
    else:
        log.info("The manager returns the same %s", shown.algorithm)


def _compare_existing(
    session: ManagerSession, change: Change, promised: Checksum | Callable[[], Checksum | None] | None
) -> Change:
    shown = "no checksum was given" if promised is None else _shown_checksum(session, change)
    expected: Checksum | None = None
    if promised is not None and not isinstance(shown, str):
        try:
            expected = _resolve(promised)
        except VManageSourceError as err:  # an image that exists already needs no source, and no list of checksums
            shown = str(err)
    if isinstance(shown, str) or expected is None:
        log.info("%s: not verified: %s", change.image.describe(), shown)
    elif shown.algorithm != expected.algorithm:
        reason = f"the manager returns its {shown.algorithm}, and checksum is {expected.algorithm}"
        log.info("%s: not verified: %s", change.image.describe(), reason)
    elif shown.digest != expected.digest:
        fix = "The manager holds other bytes under this name, and nothing was sent: set if_exists to replace, or "
        text = describe_mismatch(
            change.image.file_name or "the image", expected, shown.digest, f"{fix}correct checksum"
        )
        conflict = VManageConflictError(text)
        conflict.lines = digest_lines(expected.algorithm, expected.digest, shown.digest)
        raise conflict
    else:
        log.info("%s: %s", change.image.describe(), expected.describe_agreement())
        return replace(change, verified=expected.algorithm)
    return change


def _resolve(promised: Checksum | Callable[[], Checksum | None]) -> Checksum | None:
    return promised() if callable(promised) else promised


def _shown_checksum(session: ManagerSession, change: Change) -> Checksum | str:
    """Return the checksum that the manager returns for an image, or the reason why there is none."""
    version_id = change.image.file_id or change.image.version_id
    release = session.server.release
    if not version_id or release is None or release < METADATA_SINCE:
        return f"release {session.server.version or 'unknown'} returns no checksum of an image"
    try:
        shown = read_metadata(session, version_id)
    except VManageCancelledError:
        raise
    except VManageError as err:
        log.info("The manager's own checksum could not be read: %s", err)
        return f"the manager's own checksum could not be read ({err})"
    if shown is None or not shown.checksum:
        return "the manager returns no checksum of it"
    return Checksum(shown.algorithm, shown.checksum, origin="the manager's metadata")


def _path(version_id: str) -> str:
    return f"{PATH}/package/{quote(version_id, safe='')}/metadata"


def _parse(found: dict[str, Any]) -> ImageMetadata:
    tags = found.get("tags")
    return ImageMetadata(
        checksum=_text(found.get("checksum"), lower=True),
        checksum_type=_text(found.get("checksumType")),
        description=_text(found.get("description")),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        raw=found,
    )


def _text(value: Any, *, lower: bool = False) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return (text.lower() if lower else text) or None
