"""Sources of an upload: a path of the worker, a web server, or anything that Airflow's ``ObjectStoragePath`` opens."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError, VManageSourceError
from airflow_provider_vmanage.client.upload.checksum_lists import find_checksum
from airflow_provider_vmanage.client.upload.checksums import Checksum, parse_checksum
from airflow_provider_vmanage.client.upload.sources import (
    WRONG_PATH,
    ImageSource,
    checked_source,
    local_file,
    unreadable,
)
from airflow_provider_vmanage.client.upload.sources import file_name_of as file_name_of
from airflow_provider_vmanage.client.urls import masked_url
from airflow_provider_vmanage.masking import mask_url

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: what to install for a scheme that Airflow does not know by itself
_EXTRAS = {
    "s3": "airflow-provider-vmanage[s3]",
    "s3a": "airflow-provider-vmanage[s3]",
    "gs": "airflow-provider-vmanage[gcs]",
    "gcs": "airflow-provider-vmanage[gcs]",
    "abfs": "airflow-provider-vmanage[abfs]",
    "abfss": "airflow-provider-vmanage[abfs]",
    "adl": "airflow-provider-vmanage[abfs]",
    "sftp": "airflow-provider-vmanage[sftp]",
    "ssh": "airflow-provider-vmanage[sftp]",
}


def open_source(source: str | os.PathLike[str] | ObjectStoragePath) -> ImageSource:
    """Return the source of an upload, known to be there and not empty; its bytes are not read yet.

    :param source: as for :func:`source_of`.
    :raises VManageConfigurationError: blank, or of a scheme that nobody here can open.
    :raises VManageSourceError: missing, empty or not readable.
    """
    return source_of(source)()


def source_of(source: str | os.PathLike[str] | ObjectStoragePath) -> Callable[[], ImageSource]:
    """Return what opens the source of an upload; nobody looks yet whether it is there.

    :param source: a path, ``file://…``, ``http(s)://…``, or a URL that ``ObjectStoragePath`` opens, such as
        ``s3://connection_id@bucket/key``; or such an object.
    :raises VManageConfigurationError: blank, of a scheme that nobody here can open, or of a store and with a query.
    """
    text = str(source).strip()
    if not text:
        raise VManageConfigurationError(f"source is {text!r}: give the path or URL of an image")
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if not scheme:
        return lambda: local_file(_expanded(text))
    if scheme == "file":
        return lambda: local_file(unquote(urlsplit(text).path))
    if scheme in ("http", "https"):
        mask_url(text)  # the HTTP library logs the query, if only for debugging
        from airflow_provider_vmanage.client.upload.http_source import http_file

        return lambda: http_file(text)
    from airflow.sdk.io import has_fs

    if isinstance(source, str) and not has_fs(scheme):
        raise _not_installed("source", masked_url(text), scheme)
    if "?" in text:  # the libraries of the stores take it for a part of the name, and say it in their errors
        raise VManageConfigurationError(
            f"source {masked_url(text)!r} has a query: a signed URL begins with https://, and what else a store has to "
            "know belongs in its connection"
        )
    return lambda: _stored(source, text)


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as err:
        raise VManageConfigurationError(f"source {text!r} cannot be used: {err}") from err


def open_checksum(checksum: str | None, file_name: str) -> Checksum | None:
    """Return the digest that ``algorithm:hex`` promises, or that a published list gives for a file.

    :param checksum: ``sha512:<hex>`` and the like, or ``file:<path or URL>`` of a list: ``sha512sum`` lines, or CSV
        with a header, such as the vendor's bulk-hash file.
    :param file_name: exact name of the image in the list: the one it gets on the manager.
    :raises VManageConfigurationError: malformed, or not listed.
    :raises VManageSourceError: the list cannot be read.
    """
    return checksum_of(checksum, file_name)()


def checksum_of(checksum: str | None, file_name: str) -> Callable[[], Checksum | None]:
    """Return what gives the digest of :func:`open_checksum`; a list is not read yet.

    :raises VManageConfigurationError: malformed, or a list that nobody here can open.
    """
    text = (checksum or "").strip()
    if not text.lower().startswith("file:"):
        parsed = parse_checksum(checksum)
        return lambda: parsed
    address = text if text.lower().startswith("file://") else text[len("file:") :]
    open_list = source_of(address)
    return lambda: _listed(open_list, address, file_name)


def _listed(open_list: Callable[[], ImageSource], address: str, file_name: str) -> Checksum:
    try:
        listed = open_list()
        with listed.open() as stream:
            return find_checksum(stream, file_name, list_name=listed.name)
    except VManageSourceError as err:
        raise VManageSourceError(f"checksum: {err.message}", retryable=err.retryable) from err
    except VManageError:
        raise
    except Exception as err:  # a store raises whatever its library raises
        raise unreadable(f"checksum list {masked_url(address)}", err, retryable=True) from err


def object_path(given: Any, *, field: str) -> ObjectStoragePath:
    """Return what Airflow opens under a URL; nothing is read.

    :param given: a URL, or such an object.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: a scheme that nobody here can open.
    """
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import has_fs

    text = str(given).strip()
    scheme = text.partition("://")[0].lower()
    try:
        # Used exactly as given: paths derived from one with a connection have lost it in some Airflow releases. A
        # scheme in capitals is none that Airflow 3.1 knows.
        path = given if isinstance(given, ObjectStoragePath) else ObjectStoragePath(scheme + text[len(scheme) :])
        _ = path.fs
    except (ImportError, ValueError) as err:
        if isinstance(err, ValueError) and has_fs(scheme):
            raise
        raise _not_installed(field, masked_url(text), scheme) from err
    return path


def _stored(source: Any, text: str) -> ImageSource:
    shown = masked_url(text)
    try:
        path = object_path(source, field="source")
        found = path.stat()
    except VManageError:
        raise
    except ValueError as err:
        raise unreadable(shown, err) from err
    except OSError as err:
        raise unreadable(shown, err, retryable=not isinstance(err, WRONG_PATH)) from err
    except Exception as err:  # a store raises whatever its library raises; it may be back later
        raise unreadable(shown, err, retryable=True) from err
    if found.get("type") == "directory":  # is_dir() would list, which not everybody who may read may do
        raise VManageSourceError(f"source {shown!r} is a folder: give one image")
    return checked_source(shown, found.st_size, lambda: _open_stream(path))


def _not_installed(field: str, shown: str, scheme: str) -> VManageConfigurationError:
    extra = _EXTRAS.get(scheme)
    web = "" if field == "output" else "http://, https://, "
    hint = f"install {extra}" if extra else f"use a path, file://, {web}s3://, gs://, abfs:// or sftp://"
    return VManageConfigurationError(f"{field} {shown!r} has the scheme {scheme!r}, unknown here: {hint}")


def _open_stream(path: Any) -> IO[bytes]:
    """Return a stream of the whole object at byte 0, read by one request where the store can stream.

    ``ObjectStoragePath.open`` reads ahead in blocks of some megabytes, one request each, and is idle in between. One
    streamed request reads several times as fast; the fsspec implementation of S3 can stream.
    """
    stream = _open_async_stream(path)
    return cast("IO[bytes]", stream if stream is not None else path.open("rb"))


def _open_async_stream(path: Any) -> _Stream | None:
    store = path.fs
    if not getattr(store, "async_impl", False) or getattr(store, "asynchronous", False):
        return None
    from fsspec.asyn import sync

    try:
        file = sync(store.loop, store.open_async, path.path, "rb")
    except NotImplementedError:
        return None
    return _Stream(store.loop, file)


class _Stream(io.RawIOBase):
    """A file object over an asynchronous stream of fsspec, read from a thread."""

    def __init__(self, loop: Any, file: Any) -> None:
        self._loop = loop
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, in one call into the store's event loop; a shorter read means the end."""
        from fsspec.asyn import sync

        return cast("int", sync(self._loop, self._fill, memoryview(buffer)))

    async def _fill(self, buffer: memoryview) -> int:
        filled = 0
        while filled < len(buffer) and (data := await self._file.read(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def close(self) -> None:
        if not self.closed:
            body = getattr(self._file, "r", None)  # S3: the response, which an upload that stops leaves open
            if body is not None and hasattr(body, "close"):
                self._loop.call_soon_threadsafe(body.close)
        super().close()
