"""What an upload keeps outside of its process, for the next try after a kill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class UploadNote:
    """What a try knew when its last byte was gone.

    :param action: what it would have returned.
    :param file_name: exact name on the manager.
    :param size: bytes.
    :param sha512: of what was sent, as hexadecimal.
    """

    action: str
    file_name: str
    size: int
    sha512: str


class UploadNotes(Protocol):
    """A place for one note that outlives a killed task. Its failures must never fail an upload."""

    def read(self) -> UploadNote | None:
        """Return the note of an earlier try, if there is one."""

    def write(self, note: UploadNote) -> None:
        """Keep the note."""

    def clear(self) -> None:
        """Forget the note: the upload has ended well."""
