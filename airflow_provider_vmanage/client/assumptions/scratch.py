"""What only a change can show, tried on scratch files that are deleted again, whatever happens."""

from __future__ import annotations

import hashlib
import io
import secrets
import tarfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from urllib.parse import quote

from airflow_provider_vmanage.client.assumptions.gather import SOFTWARE, UNKNOWN_ID, Probe
from airflow_provider_vmanage.client.assumptions.seen import Observed, Unseen
from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.models import SoftwareImage, parse_images

#: bytes of a scratch file, more or less
SCRATCH_BYTES = 1024 * 1024

#: seconds for which an upload may stay out of the list, and the pause between two lists
LISTED_S, PAUSE_S = 15.0, 1.0


def try_changes(probe: Probe, log: Callable[[str], None]) -> None:
    """Upload and delete scratch files, and keep every response.

    :param log: receives the names of the files, and what could not be deleted.
    """
    prefix = f"airflow-check-{secrets.token_hex(8)}"
    log(f"Scratch files are named {prefix}-…")
    try:
        _try(probe, prefix)
    except Unseen as err:
        log(f"The list of images cannot be read ({err}): no more is tried")
    finally:
        _clean_up(probe, prefix, log)


def _try(probe: Probe, prefix: str) -> None:
    first, second = f"{prefix}-1.tar.gz", f"{prefix}-2.tar.gz"
    content = _archive()
    if (listed := _upload(probe, "upload", first, content)) is not None:
        _download(probe, first, content)
        _send(probe, "second_upload", first, content)
        probe.seen.facts["copies"] = len(_listed(probe, first))
        if not listed.shares_record and listed.record_id:
            _delete(probe, "delete_by_record", listed.record_id, first)
    other = _upload(probe, "upload_2", second, content)
    if other is not None and not other.shares_record and other.file_id and other.file_id != other.record_id:
        _delete(probe, "delete_by_file", other.file_id, second)
    _send(probe, "wrong_name", f"{prefix}-3.txt", content)
    for name, headers in (("delete_unknown", {}), ("without_token", {"X-XSRF-TOKEN": None})):
        probe.send(name, "DELETE", f"{SOFTWARE}/{UNKNOWN_ID}", shown=f"{SOFTWARE}/{{id}}", headers=headers)


def _archive() -> bytes:
    """Return a valid archive with one file of random bytes: nothing that a device could run."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("scratch")
        entry.size = SCRATCH_BYTES
        archive.addfile(entry, io.BytesIO(secrets.token_bytes(SCRATCH_BYTES)))
    return packed.getvalue()


def _upload(probe: Probe, name: str, file_name: str, content: bytes) -> SoftwareImage | None:
    """Upload and return the image once it is listed; at once ``None`` if it was refused, and not listed either."""
    found = _send(probe, name, file_name, content)
    deadline = time.monotonic() + LISTED_S * (found.status is None or found.status < 400)
    for lists in count(1):
        if listed := _listed(probe, file_name):
            probe.seen.facts[f"{name} lists"] = lists
            return listed[0]
        if time.monotonic() >= deadline:
            break
        probe.sleep(PAUSE_S)
    return None


def _send(probe: Probe, name: str, file_name: str, content: bytes) -> Observed:
    part = (file_name, io.BytesIO(content), "application/x-gzip")
    return probe.send(name, "POST", f"{SOFTWARE}/package", files={"file": part}, timeout=probe.upload_timeout)


def _download(probe: Probe, file_name: str, content: bytes) -> None:
    probe.seen.facts["digest"] = hashlib.sha512(content).hexdigest()
    path, query = f"{SOFTWARE}/package", {"imageType": "software"}
    shown = f"{path}/{{fileName}}"
    probe.send("download", "GET", f"{path}/{file_name}", shown=shown, params=query, timeout=probe.upload_timeout)


def _delete(probe: Probe, name: str, version_id: str, file_name: str) -> None:
    path = f"{SOFTWARE}/{quote(version_id, safe='')}"
    probe.send(name, "DELETE", path, shown=f"{SOFTWARE}/{{id}}")
    probe.seen.facts[f"{name} listed"] = bool(_listed(probe, file_name))


def _listed(probe: Probe, file_name: str) -> list[SoftwareImage]:
    return [image for image in _images(probe) if image.has_file_name(file_name)]


def _images(probe: Probe) -> Sequence[SoftwareImage]:
    """Return the list of now.

    :raises Unseen: it cannot be read.
    """
    probe.read("scratch_list", SOFTWARE)
    try:
        return parse_images(probe.seen.rows("scratch_list"))
    except VManageProtocolError as err:
        raise Unseen("the list of images cannot be read") from err


def _clean_up(probe: Probe, prefix: str, log: Callable[[str], None]) -> None:
    """Delete every file of this run, each by an id that belongs to no other file."""
    try:
        for image in _ours(probe, prefix):
            if image.version_id is None:
                log(f"Delete {image.file_name} by hand: its record holds other files, and shows no id for it")
                continue
            probe.send(
                "clean_up", "DELETE", f"{SOFTWARE}/{quote(image.version_id, safe='')}", shown=f"{SOFTWARE}/{{id}}"
            )
        left = _ours(probe, prefix)
    except Unseen as err:
        log(f"The list of images could not be read ({err}): delete files whose name begins with {prefix} by hand")
        return
    probe.seen.facts["left over"] = len(left)
    for image in left:
        log(f"Delete {image.file_name} by hand: it is still listed")


def _ours(probe: Probe, prefix: str) -> list[SoftwareImage]:
    return [image for image in _images(probe) if (image.file_name or "").startswith(prefix) and not image.names_unsure]
