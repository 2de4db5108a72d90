"""Sources of an upload: a path of the worker, a web server, or anything that Airflow's ``ObjectStoragePath`` opens."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError, VManageSourceError
from airflow_provider_vmanage.client.upload.checksum_lists import find_checksum
from airflow_provider_vmanage.client.upload.checksums import Checksum, parse_checksum
from airflow_provider_vmanage.client.upload.sources import (
    WRONG_PATH_ERRORS,
    ImageSource,
    checked_source,
    unreadable,
)
from airflow_provider_vmanage.client.upload.upload_source import UploadSource
from airflow_provider_vmanage.client.urls import masked_url, without_file_prefix
from airflow_provider_vmanage.masking import mask

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: extra to install for a scheme that Airflow alone does not know
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
    """Return the source of an upload, known to exist and not empty; its bytes are not read yet.

    :param source: as for :func:`parse_source`.
    :raises VManageConfigurationError: blank, or of a scheme that cannot be opened here.
    :raises VManageSourceError: missing, empty or not readable.
    """
    return parse_source(source).open()


def parse_source(source: str | os.PathLike[str] | ObjectStoragePath) -> UploadSource:
    """Return the parsed source of an upload and mask its secrets; nothing is opened.

    :param source: a path, ``file://…``, ``http(s)://…``, or a URL that ``ObjectStoragePath`` opens, such as
        ``s3://connection_id@bucket/key``; or such an object.
    :raises VManageConfigurationError: blank, of a scheme that cannot be opened here, or of a store and with a query.
    """
    parsed = UploadSource.parse(source, open_store=_open_stored)
    for secret in parsed.secrets:  # the HTTP library logs the query, if only at DEBUG
        mask(secret)
    if parsed.is_in_store:
        _check_store(parsed)
    return parsed


def _check_store(source: UploadSource) -> None:
    from airflow.sdk.io import has_fs

    if isinstance(source.given, str) and not has_fs(source.scheme):
        raise _not_installed("source", source.shown, source.scheme)
    if "?" in source.text:  # the stores' libraries treat it as part of the name, and quote it in errors
        raise VManageConfigurationError(
            f"source {source.shown!r} has a query: a signed URL begins with https://, and anything else that "
            "a store needs belongs in its connection"
        )


def open_checksum(checksum: str | None, file_name: str) -> Checksum | None:
    """Return the digest that ``algorithm:hex`` promises, or that a published list gives for a file.

    :param checksum: ``sha512:<hex>`` and the like, or ``file:<path or URL>`` of a list: ``sha512sum`` lines, or CSV
        with a header, such as the vendor's bulk-hash file.
    :param file_name: exact name of the image in the list: the one it gets on the manager.
    :raises VManageConfigurationError: malformed, or not listed.
    :raises VManageSourceError: the list cannot be read.
    """
    return resolve_checksum(checksum, file_name)()


def resolve_checksum(checksum: str | None, file_name: str) -> Callable[[], Checksum | None]:
    """Return a function that returns the digest of :func:`open_checksum`; a list is read only when it is called.

    :raises VManageConfigurationError: malformed, or a list that cannot be opened here.
    """
    text = (checksum or "").strip()
    if not text.lower().startswith("file:"):
        parsed = parse_checksum(checksum)
        return lambda: parsed
    listed = parse_source(without_file_prefix(text))
    return lambda: _read_list(listed, file_name)


def _read_list(listed: UploadSource, file_name: str) -> Checksum:
    try:
        opened = listed.open()
        with opened.open() as stream:
            return find_checksum(stream, file_name, list_name=opened.name)
    except VManageSourceError as err:
        raise VManageSourceError(f"checksum: {err.message}", retryable=err.retryable) from err
    except VManageError:
        raise
    except Exception as err:  # a store raises whatever its library raises
        raise unreadable(f"checksum list {listed.shown}", err, retryable=True) from err


def object_path(given: Any, *, field: str) -> ObjectStoragePath:
    """Return the ``ObjectStoragePath`` of a URL; nothing is read.

    :param given: a URL, or such an object.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: a scheme that cannot be opened here.
    """
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import has_fs

    text = str(given).strip()
    scheme = text.partition("://")[0].lower()
    try:
        # Used exactly as given: in some Airflow releases, paths derived from one with a connection lose it. Airflow 3.1
        # does not know a scheme in capitals.
        path = given if isinstance(given, ObjectStoragePath) else ObjectStoragePath(scheme + text[len(scheme) :])
        _ = path.fs
    except (ImportError, ValueError) as err:
        if isinstance(err, ValueError) and has_fs(scheme):
            raise
        raise _not_installed(field, masked_url(text), scheme) from err
    return path


def _open_stored(source: UploadSource) -> ImageSource:
    shown = source.shown
    try:
        path = object_path(source.given, field="source")
        if hasattr(path.fs, "open_source"):  # a manager: its own errors, one read at a time, and a log-out at the end
            return cast("ImageSource", path.fs.open_source(path.path, shown))
        found = path.stat()
    except VManageError:
        raise
    except ValueError as err:
        raise unreadable(shown, err) from err
    except OSError as err:
        raise unreadable(shown, err, retryable=not isinstance(err, WRONG_PATH_ERRORS)) from err
    except Exception as err:  # a store raises whatever its library raises; it may be transient
        raise unreadable(shown, err, retryable=True) from err
    if found.get("type") == "directory":  # is_dir() would list, which needs another permission than to read
        raise VManageSourceError(f"source {shown!r} is a folder: give one image")
    return checked_source(shown, found.st_size, lambda: _open_stream(path))


def _not_installed(field: str, shown: str, scheme: str) -> VManageConfigurationError:
    extra = _EXTRAS.get(scheme)
    web = "http://, https://, " if field == "source" else ""
    hint = f"install {extra}" if extra else f"use a path, file://, {web}s3://, gs://, abfs:// or sftp://"
    return VManageConfigurationError(f"{field} {shown!r} has the unsupported scheme {scheme!r}: {hint}")


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
