"""Sources whose bytes an upload sends, and the errors of sources."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from airflow_provider_vmanage.client.errors import VManageError, VManageSourceError

#: errors that mean a wrong path; any other failure of a file system or store may be transient
WRONG_PATH_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True)
class ImageSource:
    """Something with a known length that can be read from its start, more than once.

    :param name: for errors and logs, without secrets.
    :param size: bytes.
    :param opener: returns a new binary stream at byte 0.
    """

    name: str
    size: int
    opener: Callable[[], IO[bytes]] = field(repr=False, compare=False)

    def open(self) -> IO[bytes]:
        """Return a new stream at byte 0.

        :raises VManageSourceError: it cannot be opened, or not any longer.
        """
        try:
            return self.opener()
        except VManageError:
            raise
        except Exception as err:  # a store raises whatever its library raises
            raise unreadable(self.name, err, retryable=True) from err


def local_file(path: str | os.PathLike[str]) -> ImageSource:
    """Return a file of this machine as a source.

    :param path: of the file.
    :raises VManageSourceError: it is missing, empty, not readable, or not a file; or its file system is unavailable,
        which a retry may fix.
    """
    file = Path(path)
    try:
        if stat.S_ISFIFO(file.stat().st_mode):  # opening it would wait for a writer
            raise VManageSourceError(f"source {str(file)!r} is not a file: give the path of an image")
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
    except OSError as err:
        raise unreadable(str(file), err, retryable=not isinstance(err, WRONG_PATH_ERRORS)) from err
    return checked_source(str(file), size, lambda: file.open("rb", buffering=0))


def checked_source(name: str, size: Any, opener: Callable[[], IO[bytes]]) -> ImageSource:
    """Return the source.

    :raises VManageSourceError: it is empty, or its length is unknown.
    """
    if not isinstance(size, int) or size < 0:
        raise VManageSourceError(f"source {name!r} has no size: use a store that reports one")
    if size == 0:
        raise VManageSourceError(f"source {name!r} is empty: fetch the image again")
    return ImageSource(name, size, opener)


def error_of_source(name: str, err: VManageError) -> VManageSourceError:
    """Return an error of the manager that a source is on as one of the source: the upload's own manager is well."""
    if isinstance(err, VManageSourceError):
        return err
    return VManageSourceError(f"source {name!r} cannot be read: {err}", retryable=err.retryable)


def unreadable(name: str, err: BaseException, *, retryable: bool = False) -> VManageSourceError:
    """Return the error for a source that cannot be read, with the reason that the system gives."""
    text = "there is no such file" if isinstance(err, FileNotFoundError) else str(err)  # a store only gives the name
    reason = (getattr(err, "strerror", None) or text or type(err).__name__).strip()
    fix = "" if retryable else ": correct source"
    return VManageSourceError(f"source {name!r} cannot be read ({reason}){fix}", retryable=retryable)
