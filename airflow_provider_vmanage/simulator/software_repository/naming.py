"""What the simulator reads from a file name.

A real manager takes version and platform from inside the image. Reading them from the name, so that any
content will do, is the simulator's own choice.
"""

from __future__ import annotations

import re

UNKNOWN_VERSION = "--"  # how the manager shows an image whose version it does not know (client code)
_VERSION = re.compile(r"(?<![0-9A-Za-z])\d+\.\d+(?:\.\d+[a-z]?)*(?![0-9])")


def version_of(file_name: str) -> str:
    """The version in a name: ``vmanage-20.12.4-x86_64.tar.gz`` gives ``20.12.4``."""
    found = _VERSION.search(file_name)
    return found[0] if found else UNKNOWN_VERSION


def platform_of(file_name: str) -> tuple[str, ...]:
    """The platform family in a name: ``isr4300-universalk9.17.06.05a.SPA.bin`` gives ``isr4300``."""
    if file_name.startswith("viptela-"):
        return ("vedge-mips",) if "mips" in file_name else ("vedge-x86",)
    prefix = re.match(r"[A-Za-z][A-Za-z0-9]*(?=-)", file_name)
    return (prefix[0].lower(),) if prefix else ()


def canonical_name(file_name: str, version: str, platform: tuple[str, ...]) -> str:
    """The left side of ``fileNameMap``: another name for IOS-XE images (OpenAPI 26.1 example), else the same.

    :param platform: Platform families; the first one names the image.
    """
    suffix = re.search(r"\.S[SP]A\.bin$", file_name)
    return f"{platform[0]}-ucmk9.{version}{suffix[0]}" if suffix and platform else file_name


def safe_file_name(name: str) -> str:
    """The last component of a name as sent by a client.

    :raises ValueError: Nothing usable is left.
    """
    last = re.split(r"[/\\]", name)[-1].strip()
    if last in ("", ".", "..") or len(last.encode()) > 200 or not last.isprintable():
        raise ValueError(f"not a usable file name: {name[:80]!r}")
    return last
