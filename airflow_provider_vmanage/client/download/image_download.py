"""Download of one image into a target that shows it only when it is complete and right."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.errors import VManageError, VManageTargetError
from airflow_provider_vmanage.client.upload.checksums import Checksum, new_digests
from airflow_provider_vmanage.client.upload.progress import Progress
from airflow_provider_vmanage.client.upload.sources import WRONG_PATH_ERRORS

if TYPE_CHECKING:
    import hashlib

    from airflow_provider_vmanage.client.download.image_stream import ImageStream
    from airflow_provider_vmanage.client.software_repository import SoftwareRepository

log = logging.getLogger(__name__)

#: bytes of one read
BLOCK_BYTES = 1024 * 1024

#: bytes of a file's name that are kept in the name of its unfinished part; file systems allow 255
_NAME_BYTES = 200


@dataclass(frozen=True)
class Target:
    """Where an image is written.

    :param name: for errors, logs and the row, without secrets.
    :param opener: returns a context with a new file; what is written to it is visible once the context has ended
        without an exception, and never otherwise.
    """

    name: str
    opener: Callable[[], AbstractContextManager[IO[bytes]]] = field(repr=False, compare=False)


def download_image(
    repository: SoftwareRepository,
    file_name: str,
    target: Target,
    *,
    checksum: Callable[[], Checksum | None] = lambda: None,
) -> Change:
    """Write a stored image to a target and return what was done; safe to run again, since a target is replaced.

    :param repository: of the manager.
    :param file_name: the listed or the uploaded file name, exactly.
    :param target: where to.
    :param checksum: returns the digest that the image must have; called before anything is read.
    :raises VManageNotFoundError: the manager does not store such a file.
    :raises VManageChecksumError: wrong bytes; the target is as it was before.
    :raises VManageTargetError: it cannot be written.
    :raises VManageError: as any read; the target is as it was before.
    """
    image = repository.find_stored(file_name)
    expected = checksum()
    verified = expected.algorithm if expected else None
    if repository.check_mode:
        return Change("downloaded", image, applied=False)
    digests = new_digests(expected)
    with repository.open_image(image) as stream:
        log.info("Downloading %s (%s)", file_name, f"{stream.size / 1e6:.1f} MB" if stream.size else "of unknown size")
        try:
            with target.opener() as file:
                size = _copy(stream, file, digests)
                if expected:
                    expected.check(
                        digests[expected.algorithm].hexdigest(),
                        what=file_name,
                        fix="Nothing was written to target: the manager holds other bytes, or checksum is wrong",
                    )
        except VManageError:
            raise
        except Exception as err:  # a store raises whatever its library raises
            raise _unwritable(target.name, err) from err
    agreement = expected.describe_agreement() if expected else "not verified: no checksum was given"
    log.info("%s is complete at %s: %s", file_name, target.name, agreement)
    return Change("downloaded", image, size, digests["sha512"].hexdigest(), verified=verified)


def _copy(stream: ImageStream, file: IO[bytes], digests: dict[str, hashlib._Hash]) -> int:
    """Copy all bytes, hash them on the way, and return how many there are."""
    progress = Progress(stream.name, stream.size) if stream.size else None
    buffer = memoryview(bytearray(BLOCK_BYTES))
    size = 0
    while count := stream.readinto(buffer):
        block = buffer[:count]
        file.write(block)
        for digest in digests.values():
            digest.update(block)
        size += count
        if progress:
            progress.update(size)
    return size


@contextmanager
def local_target(path: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes this path when the context ends without an exception, and is removed otherwise.

    Until then it lies beside it as ``.<name>.<random>.part``, so that it can be renamed in one step.
    """
    name = path.name.encode()[:_NAME_BYTES].decode(errors="ignore")
    part = path.with_name(f".{name}.{uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine could leave an empty file under the right name
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _unwritable(name: str, err: Exception) -> VManageTargetError:
    reason = (getattr(err, "strerror", None) or str(err) or type(err).__name__).strip()
    is_wrong = isinstance(err, WRONG_PATH_ERRORS)
    fix = ": correct target" if is_wrong else ""
    return VManageTargetError(f"target {name!r} cannot be written ({reason}){fix}", retryable=not is_wrong)
