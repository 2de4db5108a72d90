"""Where results are written: a path of the worker, or an object that Airflow's ``ObjectStoragePath`` opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

from airflow_provider_vmanage.client.download.image_download import Target, local_target
from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError
from airflow_provider_vmanage.client.urls import masked_url
from airflow_provider_vmanage.files.object_storage import object_path

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: stores where an object appears only when its upload is finished, by fsspec's transactions
_SHOW_ONLY_FINISHED = ("s3", "s3a", "gs", "gcs")

#: bytes of a part that is sent at once; S3 takes 10,000 parts
_PART_BYTES = 16 * 1024 * 1024


def parse_place(given: str | os.PathLike[str] | ObjectStoragePath, *, field: str) -> Path | ObjectStoragePath:
    """Return where to write, checked; nothing is written yet.

    :param given: a path, ``file://…``, or what ``ObjectStoragePath`` opens.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: a missing folder, a scheme that cannot be opened here, or a URL with a password
        or query.
    """
    text = str(given).strip()
    shown = masked_url(text)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in ("", "file"):
        return _local_path(unquote(urlsplit(text).path) if scheme else text, shown, field)
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.password:
        raise VManageConfigurationError(
            f"{field} {shown!r} has a password, query or fragment in it: name a connection, {scheme}://connection@…"
        )
    if scheme == "vmanage":
        raise VManageConfigurationError(f"{field} {shown!r} is a manager: use UploadImageOperator to send it an image")
    return object_path(given, field=field)


def _local_path(text: str, shown: str, field: str) -> Path:
    if "\0" in text:
        raise ValueError("a path holds no null character")
    path = Path(text).expanduser().absolute()
    if not path.parent.is_dir():
        raise VManageConfigurationError(
            f"{field} {shown!r} is in a folder that does not exist: create it on every worker"
        )
    if path.is_dir():
        raise VManageConfigurationError(f"{field} {shown!r} is a folder: name a file in it")
    return path


def image_target(target: str | os.PathLike[str] | ObjectStoragePath, file_name: str) -> Target:
    """Return the target of a download, checked; nothing is written yet.

    :param target: a path, ``file://…``, or what ``ObjectStoragePath`` opens; with a slash at its end, a folder that the
        image is written to under its own name.
    :param file_name: of the image.
    :raises VManageConfigurationError: blank, or as for :func:`parse_place`.
    """
    text = str(target or "").strip()
    if not text:
        raise VManageConfigurationError(f"target is {target!r}: give a path or URL to write the image to")
    if text.endswith("/"):
        # In a URL, "#", "?" and "%" of a name would be read as parts of the URL.
        text = target = text + (quote(file_name) if text.lower().startswith("file://") else file_name)
    try:
        place = parse_place(target, field="target")
    except VManageError:
        raise
    except (ValueError, RuntimeError) as err:  # of Python's paths and URLs, and of the stores' libraries
        raise VManageConfigurationError(f"target {masked_url(text)!r} cannot be used: {err}") from err
    # Not by its class: in Airflow 3.1 an ObjectStoragePath is a Path too.
    if hasattr(place, "fs"):
        return Target(text, partial(_stored, cast("ObjectStoragePath", place)))
    return Target(text, partial(local_target, place))


@contextmanager
def _stored(path: ObjectStoragePath) -> Iterator[IO[bytes]]:
    """Give a file of a store that is there when the context ends without an exception, and never otherwise."""
    store: Any = path.fs
    if path.protocol in _SHOW_ONLY_FINISHED:
        with store.transaction, store.open(path.path, "wb", block_size=_PART_BYTES) as file:
            yield cast("IO[bytes]", file)
        return
    # As text: in some Airflow releases, paths derived from one with a connection lose it.
    folder, slash, name = path.path.rpartition("/")
    part = f"{folder}{slash}.{name}.{uuid4().hex[:8]}.part"
    try:
        with store.open(part, "wb") as file:
            yield cast("IO[bytes]", file)
        store.mv(part, path.path)
    except BaseException:
        with suppress(Exception):
            store.rm_file(part)
        raise
