"""Checksums as users write them: ``sha512:<hex>``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from airflow_provider_vmanage.client.errors import VManageChecksumError, VManageConfigurationError
from airflow_provider_vmanage.client.urls import masked_url

#: algorithm and number of hexadecimal digits
ALGORITHMS = {"sha512": 128, "sha256": 64, "md5": 32}


@dataclass(frozen=True)
class Checksum:
    """A digest that an image must have.

    :param algorithm: ``sha512``, ``sha256`` or ``md5``.
    :param digest: hexadecimal, lower case.
    :param origin: where it was read, for the log.
    """

    algorithm: str
    digest: str
    origin: str = field(default="the argument checksum", compare=False)

    def __str__(self) -> str:
        """Return ``algorithm:digest``."""
        return f"{self.algorithm}:{self.digest}"

    def check(
        self,
        actual: str,
        *,
        what: str,
        fix: str = "Nothing was stored on the manager: fetch the image again, or correct checksum",
    ) -> None:
        """Raise if the digests differ.

        :param actual: hexadecimal digest of what was read.
        :param what: name of the source, for the error.
        :param fix: where the bytes are, and what to do.
        :raises VManageChecksumError: they differ.
        """
        if actual != self.digest:
            raise VManageChecksumError(
                describe_mismatch(what, self, actual, fix),
                algorithm=self.algorithm,
                expected=self.digest,
                actual=actual,
            )

    def describe_agreement(self) -> str:
        """Return the log text for bytes that have this digest."""
        return f"checksum agrees ({self.algorithm}, from {self.origin})"


def describe_mismatch(what: str, expected: Checksum, actual: str, consequence: str) -> str:
    """Return one sentence with shortened digests; the error has the whole ones as separate lines (``lines``).

    :param what: name of the image.
    :param actual: hexadecimal digest that was found, of the same algorithm.
    :param consequence: what was done, and the fix.
    """
    return f"checksum mismatch for {what}: expected {expected.digest[:4]}…, got {actual[:4]}…. {consequence}"


def parse_checksum(text: str | None, *, field: str = "checksum") -> Checksum | None:
    """Return the checksum that ``algorithm:hex`` describes, or ``None`` for a blank text.

    :param text: such as ``sha512:9f86d0…``; upper case and blanks at the ends are fine.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: unknown algorithm, or a wrong number of hexadecimal digits.
    """
    if text is None or not text.strip():
        return None
    algorithm, colon, digest = text.strip().lower().partition(":")
    if not colon or algorithm not in ALGORITHMS:
        known = ", ".join(f"{name}:<hex>" for name in ALGORITHMS)
        # An address without "file:" may be signed.
        shown = masked_url(text) if "://" in text else text
        raise VManageConfigurationError(
            f"{field} {shown!r} names no known algorithm: write one of {known}, or file:<path or URL of a list>"
        )
    if not re.fullmatch(rf"[0-9a-f]{{{ALGORITHMS[algorithm]}}}", digest):
        raise VManageConfigurationError(
            f"{field} {text!r} has {len(digest)} characters after {algorithm}: "
            f"it needs {ALGORITHMS[algorithm]} hexadecimal digits"
        )
    return Checksum(algorithm, digest)


def new_digests(expected: Checksum | None) -> dict[str, hashlib._Hash]:
    """Return new hash objects for one transfer: SHA-512, and the algorithm of the checksum."""
    names = {"sha512"} | ({expected.algorithm} if expected else set())
    return {name: hashlib.new(name, usedforsecurity=False) for name in names}
