"""What an upload stores outside of its process, for the next try after a kill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from airflow_provider_vmanage.client.upload.checksums import Checksum


@dataclass(frozen=True)
class UploadNote:
    """What a try knew when it had sent the source, before the few bytes that end the body.

    :param action: what it would have returned.
    :param file_name: exact name on the manager.
    :param size: bytes.
    :param sha512: of what was sent, as hexadecimal.
    :param checksum: what the bytes were checked against, such as ``sha256:<hex>``; blank where nothing was promised.
    :param sent_on: seconds since 1970, of this moment; 0 once the manager has responded.
    """

    action: str
    file_name: str
    size: int
    sha512: str
    checksum: str = ""
    sent_on: int = 0

    def proves(self, expected: Checksum | None) -> bool:
        """Return whether the bytes that were sent have this digest; without one, true."""
        known = {f"sha512:{self.sha512}", self.checksum}
        return expected is None or str(expected) in known


class UploadNotes(Protocol):
    """Storage for one note that outlives a killed task. Its failures must never fail an upload."""

    def read(self) -> UploadNote | None:
        """Return the note of an earlier try, or ``None``."""

    def write(self, note: UploadNote) -> None:
        """Store the note."""

    def clear(self) -> None:
        """Delete the note: nothing that was sent is left open."""


class NoNotes:
    """Stores nothing."""

    def read(self) -> UploadNote | None:
        """Return ``None``."""

    def write(self, note: UploadNote) -> None:
        """Ignore the note."""

    def clear(self) -> None:
        """There is nothing to delete."""


def note_response(notes: UploadNotes) -> None:
    """Note that the manager has responded: the next try need not wait until it has worked on the image."""
    note = notes.read()
    if note is not None:
        notes.write(replace(note, sent_on=0))
