"""Versions: whether two texts name the same software, and which is newer.

Spellings differ: IOS XE images are listed with six parts, ``17.09.01.0.155356.1646904830``, where devices report the
first five; ``17.18.03a`` is also written ``17.18.3a``; builds carry words: ``20.12.0-144-li``,
``smart-li-20.13.999-3077``.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: numbers and letters of each part, or the text of a version of another form
Comparable = tuple[tuple[int, str], ...] | str

#: the version that the manager lists if it does not know it
UNKNOWN_VERSION = "--"

#: number of parts that a device reports of an IOS XE version
_DEVICE_PARTS = 5

_PART = re.compile(r"(\d{1,20})([a-z]?)", re.ASCII)
_PARTS = r"\d{1,20}[a-z]?(?:[.-]\d{1,20}[a-z]?)*"
_PLAIN = re.compile(_PARTS, re.ASCII)
_WITH_WORDS = re.compile(rf"(?:[a-z]+-)*({_PARTS})(?:-[a-z]+)*", re.ASCII)


def same_version(one: str, other: str) -> bool:
    """Return whether two version texts name the same software.

    The sixth part is ignored, which devices do not report. ``20.12`` is not ``20.12.4``, ``17.06.05`` is not
    ``17.06.05a``, and ``20.12.4-li`` is not ``20.12.4``.
    """
    return comparable(one) == comparable(other) and _words(one) == _words(other)


@lru_cache(maxsize=2**16)
def comparable(version: str) -> Comparable:
    """Return a key that is equal for all versions that may be the same software; words are ignored.

    It errs on the side of "in use": the manager may run ``20.12.0-144-li`` and list its image without the word.
    """
    text = version.strip().lower()
    found = _WITH_WORDS.fullmatch(text)
    return _parts(found[1])[:_DEVICE_PARTS] if found else text


def may_be_same(one: Comparable, other: Comparable) -> bool:
    """Return whether two keys are equal or one is a short form of the other: for what may be in use, not for verdicts.

    ``17.9.1`` may be ``17.09.01.0.155356``. Versions of less than five parts are no long forms: ``20.9.3`` is not
    ``20.9.3.1``.
    """
    if isinstance(one, str) or isinstance(other, str) or len(one) == len(other):
        return one == other
    short, long = sorted((one, other), key=len)
    return len(long) == _DEVICE_PARTS and long[: len(short)] == short


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Return the key to sort versions by: part by part, each by number and letter; words are ignored.

    ``17.9`` comes before ``17.12``, ``17.09.04.0.4733`` before ``17.09.04a.0.4877``. Only meaningful for versions that
    :func:`is_ordered` accepts.
    """
    return _parts(version.strip().lower())


def is_ordered(version: str) -> bool:
    """Return whether the version consists of numbered parts only: the place of ``20.12.4-li`` is not known."""
    return _PLAIN.fullmatch(version.strip().lower()) is not None


def _words(version: str) -> list[str]:
    return re.findall(r"[a-z]{2,}", version.lower())


def _parts(text: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(number), letter) for number, letter in _PART.findall(text))
