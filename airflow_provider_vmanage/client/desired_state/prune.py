"""Choose the images of a repository that are old and not used. Pure: nothing is read or sent here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_limit, parse_patterns
from airflow_provider_vmanage.client.desired_state.maintenance_updates import (
    find_bases_of_updates,
    is_maintenance_update,
    why_base_stays,
)
from airflow_provider_vmanage.client.device_actions.usage import Usage
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.matching import find_protecting_pattern, why_not_deleted
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.versions import (
    UNKNOWN_VERSION,
    Comparable,
    comparable,
    is_ordered,
    version_key,
)

#: the newest versions of each platform family and image type
Newest = dict[tuple[str, str | None], set[Comparable]]

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class PruneRules:
    """The rules that keep images, besides their use.

    :param keep: number of newest versions of each platform family and image type.
    :param protect: patterns of file names and versions.
    :param older_than: images that were updated within this time stay.
    """

    keep: int
    protect: tuple[str, ...] = ()
    older_than: timedelta | None = None


@dataclass(frozen=True)
class Pruning:
    """The images to delete, and those to keep with the reason."""

    remove: tuple[SoftwareImage, ...]
    keep: tuple[tuple[SoftwareImage, str], ...]


def parse_rules(keep: Any, protect: Any = (), older_than: Any = None) -> PruneRules:
    """Return the rules, checked.

    :param keep: 1 or more.
    :param older_than: a timedelta, or text such as ``90d``, ``12h``, ``4w``.
    :raises VManageConfigurationError: naming field, value and fix.
    """
    if parse_limit(keep, "keep", least=1) < 1:
        raise VManageConfigurationError("keep is 0: give 1 or more, so that some version stays")
    return PruneRules(keep, parse_patterns(protect, "protect"), _age(older_than))


def choose_images(images: Sequence[SoftwareImage], rules: PruneRules, usage: Usage, now: datetime) -> Pruning:
    """Return the images to delete: stored files that no rule keeps, no device needs and no other image refers to.

    :param now: with a time zone.
    """
    newest = _newest(images, rules.keep)
    reasons = {id(one): _why_kept(one, rules, newest, now) or why_not_deleted(one, usage) for one in images}
    bases = find_bases_of_updates(one for one in images if reasons[id(one)])
    for image in images:
        reasons[id(image)] = reasons[id(image)] or why_base_stays(image, bases)
    return Pruning(
        tuple(one for one in images if not reasons[id(one)]),
        tuple((one, reason) for one in images if (reason := reasons[id(one)])),
    )


def _why_kept(image: SoftwareImage, rules: PruneRules, newest: Newest, now: datetime) -> str | None:
    if image.problem:
        return f"could not be read ({image.problem})"
    if not image.is_on_manager:
        return "is not stored on the manager"
    if image.version in (None, UNKNOWN_VERSION):
        return "has no known version"
    if is_maintenance_update(image):
        # Updates for different defects do not supersede each other, and no device list shows which one is active.
        return f"is a maintenance update (SMU) of {image.needs_version}, which prune never deletes"
    if not is_ordered(image.version or ""):
        return f"has the version {image.version}, whose order among the other versions is not known"
    if not image.platform_family:
        return "has no platform family, so its older and newer versions are not known"
    if pattern := find_protecting_pattern(image, rules.protect):
        return f"protected by {pattern!r}"
    for family in image.platform_family:
        if comparable(image.version or "") in newest[family, image.image_type]:
            return f"among the {rules.keep} newest versions for {family}"
    return _too_young(image, rules.older_than, now)


def _too_young(image: SoftwareImage, older_than: timedelta | None, now: datetime) -> str | None:
    if older_than is None:
        return None
    if image.updated_on is None:
        return "has no date"
    age = now.timestamp() - image.updated_on / 1000
    return None if age > older_than.total_seconds() else f"is not older than {older_than}"


def _newest(images: Sequence[SoftwareImage], keep: int) -> Newest:
    """Return the newest versions of each platform family and image type; updates and unordered builds do not count."""
    versions: dict[tuple[str, str | None], dict[Comparable, str]] = {}
    for image in images:
        version = image.version or ""
        if image.is_on_manager and is_ordered(version) and not is_maintenance_update(image):
            for family in image.platform_family:
                versions.setdefault((family, image.image_type), {}).setdefault(comparable(version), version)
    return {
        group: set(sorted(known, key=lambda one: version_key(known[one]), reverse=True)[:keep])
        for group, known in versions.items()
    }


def _age(value: Any) -> timedelta | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and (found := re.fullmatch(r"\s*([0-9]{1,5})\s*([hdwHDW])\s*", value)):
        return timedelta(**{_UNITS[found[2].lower()]: int(found[1])})
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise VManageConfigurationError(f"older_than is {value!r}: give a timedelta, or text such as 90d, 12h or 4w")
    return value
