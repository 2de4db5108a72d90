"""Where the bytes of an upload come from."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from airflow_provider_vmanage.client.errors import VManageSourceError
from airflow_provider_vmanage.client.upload.sources import ImageSource, checked_source, local_file


def nothing(path: Path) -> None:
    """Leave the path empty: there is no such file."""


def test_file_has_name_and_size_and_opens_at_its_start(tmp_path: Path) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(b"an image")

    source = local_file(str(file))

    assert (source.name, source.size) == (str(file), 8)
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == b"an image"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (nothing, "No such file or directory"),
        (Path.touch, "is empty: fetch the image again"),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "not a file"),  # opened, a pipe without a writer would block for ever
    ],
)
def test_missing_or_empty_file_is_refused_without_retry(
    make: Callable[[Path], Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "image.bin"
    make(path)

    with pytest.raises(VManageSourceError, match=reason) as caught:
        local_file(path)

    assert str(path) in caught.value.message
    assert caught.value.message.startswith("source ")
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("number", "retryable"),
    [
        (errno.ENOENT, False),
        (errno.EACCES, False),
        (errno.EIO, True),
        (errno.ESTALE, True),
        (errno.ETIMEDOUT, True),
        (errno.ECONNRESET, True),
    ],
)
def test_unavailable_file_system_is_retryable_and_a_wrong_path_not(
    number: int, retryable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(b"an image")

    def fail(*_: Any, **__: Any) -> IO[bytes]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(VManageSourceError, match=os.strerror(number)) as caught:
        local_file(file)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("size", [None, -1, "8", 8.0])
def test_source_without_a_size_is_refused(size: Any) -> None:
    with pytest.raises(VManageSourceError, match="source 's3://b/k' has no size"):
        checked_source("s3://b/k", size, io.BytesIO)


@pytest.mark.parametrize(
    "err", [FileNotFoundError(errno.ENOENT, "gone"), RuntimeError("gone"), ConnectionError("gone")]
)
def test_source_that_cannot_be_reopened_is_retryable(err: Exception) -> None:
    def fail() -> IO[bytes]:
        raise err

    with pytest.raises(VManageSourceError, match=r"source 'image' cannot be read \(gone\)") as caught:
        ImageSource("image", 8, fail).open()
    assert caught.value.retryable
    assert caught.value.__cause__ is err


def test_error_without_words_is_named_by_its_type() -> None:
    def fail() -> IO[bytes]:
        raise KeyError

    with pytest.raises(VManageSourceError, match=r"\(KeyError\)"):
        ImageSource("image", 8, fail).open()


def test_opener_of_a_source_does_not_show() -> None:
    assert repr(ImageSource("image", 8, io.BytesIO)) == "ImageSource(name='image', size=8)"
