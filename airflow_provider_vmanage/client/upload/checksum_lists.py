"""Published lists of digests: ``sha512sum`` lines, and CSV files with a header such as the vendor's bulk-hash file.

The vendor publishes MD5 and SHA-512 of all its images as one large CSV file, so the list is read line by line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upload.checksums import ALGORITHMS, Checksum

#: ``<hex>  name``, ``<hex> *name`` of sha512sum and the like; with one blank, of BSD's ``md5 -r``
_SUM_LINE = re.compile(r"^\\?([0-9a-fA-F]{32,128}) [ *]?(.+)$")

#: ``SHA512 (name) = <hex>`` of the same with --tag, and of BSD; ``SHA2-512(name)= <hex>`` of openssl
_TAG_LINE = re.compile(r"^([A-Z][A-Z0-9/-]+) ?\((.+)\) ?= ([0-9a-fA-F]{32,128})$")

_TAGS = {"SHA512": "sha512", "SHA2-512": "sha512", "SHA256": "sha256", "SHA2-256": "sha256", "MD5": "md5"}

#: headers of the column with the file name, letters and digits only; the most specific first
_NAME_COLUMNS = ("filename", "imagename", "file", "image", "name")

#: characters; a file with a longer line is not a list, and would be read into memory as a whole
_MAX_LINE_CHARS = 64 * 1024

_BY_LENGTH = {length: name for name, length in ALGORITHMS.items()}


def find_checksum(stream: IO[bytes], file_name: str, *, list_name: str) -> Checksum:
    """Return the strongest digest that a published list gives for exactly this file name.

    :param stream: the list, as bytes; UTF-8, with or without a byte order mark.
    :param file_name: of the image, as the list names it.
    :param list_name: name of the list, for errors.
    :raises VManageConfigurationError: the file is not listed, is listed with different digests, or the list has
        neither format.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
    try:
        found = {one for one in _parse_entries(_read_lines(text, list_name), list_name) if one[0] == file_name}
    except csv.Error as err:
        raise VManageConfigurationError(f"checksum list {list_name!r} cannot be read as CSV ({err})") from err
    finally:
        text.detach()  # the caller closes the stream
    if not found:
        raise VManageConfigurationError(f"checksum list {list_name!r} does not list {file_name!r}: correct checksum")
    for algorithm in ALGORITHMS:
        digests = {digest for _, name, digest in found if name == algorithm}
        if len(digests) > 1:
            raise VManageConfigurationError(
                f"checksum list {list_name!r} has {len(digests)} different {algorithm} digests for {file_name!r}: "
                "give checksum itself"
            )
        if digests:
            return Checksum(algorithm, digests.pop(), origin=f"the list {list_name}")
    raise AssertionError("an entry has one of the algorithms")


def _read_lines(text: io.TextIOWrapper, list_name: str) -> Iterator[str]:
    while line := text.readline(_MAX_LINE_CHARS):
        if len(line) == _MAX_LINE_CHARS:
            raise VManageConfigurationError(
                f"checksum list {list_name!r} has a line longer than {_MAX_LINE_CHARS} characters: is it a list?"
            )
        yield line.rstrip("\r\n")


def _parse_entries(lines: Iterator[str], list_name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (file name, algorithm, digest)."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if _SUM_LINE.match(first) or _TAG_LINE.match(first):
        yield from filter(None, map(_parse_sum_line, chain([first], lines)))
    elif "," in first or ";" in first or "\t" in first:
        yield from _parse_csv(first, lines, list_name)
    else:
        raise VManageConfigurationError(
            f"checksum list {list_name!r} has neither sha512sum lines nor a CSV header: correct checksum"
        )


def _parse_sum_line(line: str) -> tuple[str, str, str] | None:
    if tagged := _TAG_LINE.match(line):
        entry = _make_entry(tagged[2], tagged[3])
        return entry if entry and entry[1] == _TAGS.get(tagged[1]) else None
    summed = _SUM_LINE.match(line)
    return _make_entry(summed[2], summed[1]) if summed else None


def _make_entry(name: str, digest: str) -> tuple[str, str, str] | None:
    algorithm = _BY_LENGTH.get(len(digest))
    return (name.removeprefix("./"), algorithm, digest.lower()) if algorithm else None


def _parse_csv(header: str, lines: Iterable[str], list_name: str) -> Iterator[tuple[str, str, str]]:
    delimiter = max(",;\t", key=header.count)
    columns = [re.sub(r"[^a-z0-9]", "", column.lower()) for column in next(csv.reader([header], delimiter=delimiter))]
    named = next((columns.index(name) for name in _NAME_COLUMNS if name in columns), None)
    digests = [at for at, column in enumerate(columns) if any(name in column for name in ALGORITHMS)]
    if named is None or not digests:
        raise VManageConfigurationError(
            f"checksum list {list_name!r} has the columns {', '.join(columns):.200}: it needs one for the file name "
            f"and one of {', '.join(ALGORITHMS)}"
        )
    for row in csv.reader(lines, delimiter=delimiter):
        for digest in (row[at].strip() for at in digests if max(at, named) < len(row)):
            if re.fullmatch(r"[0-9a-fA-F]+", digest) and (entry := _make_entry(row[named].strip(), digest)):
                yield entry
