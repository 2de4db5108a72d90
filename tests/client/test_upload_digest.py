"""A source that is read once to its end before anything is deleted for it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import IO, Any

import pytest

from airflow_provider_vmanage.client.errors import VManageChecksumError, VManageSourceError
from airflow_provider_vmanage.client.upload.body import check_digest
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.sources import ImageSource


def source_of(content: bytes) -> ImageSource:
    return ImageSource("image", len(content), lambda: io.BytesIO(content))


def checksum_of(content: bytes, algorithm: str = "sha512") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, content).hexdigest())


def break_off() -> IO[bytes]:
    raise ConnectionResetError("store unavailable")


class Broken(io.RawIOBase):
    def readinto(self, buffer: Any, /) -> int:
        raise ConnectionResetError("store unavailable")


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
def test_source_can_be_checked_without_sending_it(algorithm: str) -> None:
    content = bytes(2_100_000)
    check_digest(source_of(content), checksum_of(content, algorithm), lambda: None)
    with pytest.raises(VManageChecksumError):
        check_digest(source_of(content[:-1] + b"!"), checksum_of(content, algorithm), lambda: None)


@pytest.mark.parametrize(
    ("opener", "words"),
    [
        (lambda: io.BytesIO(b"x" * 9), "ended 1 bytes before"),
        (lambda: io.BytesIO(b"x" * 11), "has more than its 10"),
        (Broken, "store unavailable"),
        (break_off, "store unavailable"),
    ],
)
def test_source_that_changed_does_not_pass_the_check(opener: Callable[[], IO[bytes]], words: str) -> None:
    with pytest.raises(VManageSourceError, match=words) as caught:
        check_digest(ImageSource("image", 10, opener), checksum_of(b"x" * 10), lambda: None)
    assert caught.value.retryable
