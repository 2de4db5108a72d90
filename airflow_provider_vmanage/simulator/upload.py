"""An upload: a multipart body written to disk and hashed while it arrives."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from airflow_provider_vmanage.simulator.naming import safe_file_name
from airflow_provider_vmanage.simulator.repository import ReceivedFile

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


class BadUpload(Exception):
    """The body is no complete multipart body with a usable file in it."""


async def receive_file(chunks: AsyncIterator[bytes], content_type: str, folder: Path) -> ReceivedFile:
    """The first file part of a body, complete on disk; nothing is left there if the body is not.

    :param chunks: The body.
    :param content_type: The request's header, for the boundary.
    :param folder: Where the file is written.
    :raises BadUpload: The body is malformed, ends before its closing boundary, or carries no file.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadUpload("the request is not multipart/form-data with a boundary")
    reader = _Reader(folder / f"{uuid.uuid4().hex}.part")
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        return reader.result()
    except FormParserError as exc:
        raise BadUpload(f"broken multipart body: {exc}") from exc
    finally:
        reader.close()


class _Reader:
    """What the parser calls: keeps the headers of a part, and the bytes of the first file.

    Hash and disk take their turn on the server's own thread: on another one they were measured to be no
    faster, since the hash is what takes the time and the client wants a core too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._hash, self._size = hashlib.sha512(), 0
        self._header, self._value = b"", b""
        self._name: str | None = None
        self._taking = self._complete = False

    def callbacks(self) -> MultipartCallbacks:
        """The parser's table of callbacks."""
        return {
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def result(self) -> ReceivedFile:
        """The received file.

        :raises BadUpload: It is not complete, or there is none.
        """
        if not self._complete:
            raise BadUpload("the body ended before its closing boundary")
        if self._name is None:
            raise BadUpload("the body has no file part")
        return ReceivedFile(self._name, self._path, self._size, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file, and remove it unless it is complete and wanted."""
        self._file.close()
        if not self._complete or self._name is None:
            self._path.unlink(missing_ok=True)

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition" and self._name is None:
            name = parse_options_header(self._value.decode("latin-1"))[1].get(b"filename")
            if name is not None:
                self._name, self._taking = _decoded(name), True
        self._header, self._value = b"", b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._taking:
            piece = memoryview(data)[start:end]
            self._hash.update(piece)
            self._file.write(piece)
            self._size += len(piece)

    def _on_part_end(self) -> None:
        self._taking = False

    def _on_end(self) -> None:
        self._complete = True


def _decoded(name: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    try:
        return safe_file_name(text)
    except ValueError as exc:
        raise BadUpload(str(exc)) from exc
