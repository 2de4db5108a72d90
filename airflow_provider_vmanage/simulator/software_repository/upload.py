"""An upload: a multipart body written to disk and hashed while it arrives."""

from __future__ import annotations

import email
import hashlib
import uuid
from collections.abc import AsyncIterator
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import BinaryIO

from airflow_provider_vmanage.simulator.repository import ReceivedFile
from airflow_provider_vmanage.simulator.software_repository.multipart import BrokenMultipart, MultipartCutter
from airflow_provider_vmanage.simulator.software_repository.naming import safe_file_name


class BadUpload(Exception):
    """The body is not a complete multipart body with a usable file in it."""


async def receive_file(chunks: AsyncIterator[bytes], content_type: str, folder: Path) -> ReceivedFile:
    """The first file part of a body, complete on disk; nothing is left there if the body is not.

    :param chunks: The body.
    :param content_type: The request's header, for the boundary.
    :param folder: Where the file is written.
    :raises BadUpload: The body is malformed, ends before its closing boundary, or carries no file.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise BadUpload("the request is not multipart/form-data with a boundary")
    reader = _Reader(folder / f"{uuid.uuid4().hex}.part", boundary.encode("latin-1", "replace"))
    try:
        async for chunk in chunks:
            reader.feed(chunk)
        return reader.result()
    except BrokenMultipart as exc:
        raise BadUpload(f"broken multipart body: {exc}") from exc
    finally:
        reader.close()


class _Reader:
    """Keeps the bytes of the first file.

    Hash and disk take their turn on the server's own thread: on another one they were measured to be no
    faster, since the hash is what takes the time and the client wants a core too.
    """

    def __init__(self, path: Path, boundary: bytes) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._hash, self._size = hashlib.sha512(), 0
        self._name: str | None = None
        self._taking = False
        self._body = MultipartCutter(boundary, self._begin_part, self._take)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._body.feed(chunk)

    def result(self) -> ReceivedFile:
        """The received file.

        :raises BadUpload: It is not complete, or there is none.
        """
        if not self._body.complete:
            raise BadUpload("the body ended before its closing boundary")
        if self._name is None:
            raise BadUpload("the body has no file part")
        return ReceivedFile(self._name, self._path, self._size, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file, and remove it unless it is complete and wanted."""
        self._file.close()
        if not self._body.complete or self._name is None:
            self._path.unlink(missing_ok=True)

    def _begin_part(self, head: bytes) -> None:
        self._taking = False
        if self._name is None:
            self._name = _file_name(head)
            self._taking = self._name is not None

    def _take(self, piece: bytes) -> None:
        if self._taking:
            self._hash.update(piece)
            self._file.write(piece)
            self._size += len(piece)


def _file_name(head: bytes) -> str | None:
    """The name of the file that a part with these headers carries; None if it is not a file.

    ``filename`` counts, and without it ``filename*`` (RFC 5987), which RFC 7578 forbids and older clients send.
    """
    given = email.message_from_string(head.decode("latin-1")).get_param("filename", None, "content-disposition")
    if given is None:
        return None
    try:
        return safe_file_name(decoded_name(given) if isinstance(given, str) else collapse_rfc2231_value(given))
    except ValueError as exc:
        raise BadUpload(str(exc)) from exc


def decoded_name(name: str) -> str:
    """Return a name that was read as Latin-1 in UTF-8, if it is that."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeDecodeError:
        return name
