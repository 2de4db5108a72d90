"""Plan the changes that bring a repository to the wanted state. Pure: nothing is read or sent here.

A plan can be applied again after it was applied in part: the plan's own completed steps are ignored when digests are
compared (:func:`raise_if_stale`), so only changes of others count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_bool, parse_patterns, parse_plain
from airflow_provider_vmanage.client.desired_state.maintenance_updates import find_bases_of_updates, why_base_stays
from airflow_provider_vmanage.client.desired_state.wanted import WantedImage, parse_wanted
from airflow_provider_vmanage.client.device_actions.usage import Usage
from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageStalePlanError
from airflow_provider_vmanage.client.matching import ImageIndex, find_protecting_pattern, why_not_deleted
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.urls import masked_url

Row = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """The wanted state of a repository.

    :param images: wanted images and repository URLs.
    :param exact: whether all other images are deleted.
    :param protect: patterns of file names and versions that are never deleted.
    """

    images: tuple[WantedImage, ...] = ()
    exact: bool = False
    protect: tuple[str, ...] = ()

    def as_row(self) -> Row:
        """Return it as plain JSON types, which :func:`parse_wish` reads."""
        images = [image.as_row() for image in self.images]
        return {"images": images, "exact": self.exact, "protect": list(self.protect)}


@dataclass(frozen=True)
class State:
    """The images of a manager and their usage at one moment.

    :param images: as listed.
    :param usage: of the images; not needed if nothing can be deleted.
    :param server_ids: ids of the remote servers by name.
    """

    images: Sequence[SoftwareImage] = ()
    usage: Usage = field(default_factory=Usage)
    server_ids: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def index(self) -> ImageIndex:
        """Return the images by name."""
        return ImageIndex(self.images)

    def find(self, one: WantedImage) -> list[SoftwareImage]:
        """Return the listed images that a wanted one names; their bytes are not compared."""
        some = self.index.named(one.spellings) if one.file_name else self.index.images
        return [image for image in some if one.fits(image, self.server_ids)]


@dataclass(frozen=True)
class Plan:
    """The changes that bring a repository to the wanted state.

    :param wish: the wanted state.
    :param add: wanted and missing images.
    :param keep: images that stay, with the reason.
    :param remove: images to delete.
    :param blocked: images that cannot be added, are listed with other bytes or must not be deleted, with the reason.
    """

    wish: Wish
    add: tuple[WantedImage, ...] = ()
    keep: tuple[tuple[SoftwareImage, str], ...] = ()
    remove: tuple[SoftwareImage, ...] = ()
    blocked: tuple[tuple[WantedImage | SoftwareImage, str], ...] = ()

    @property
    def blocked_adds(self) -> list[tuple[WantedImage, str]]:
        """Return the wanted images that cannot be added or are listed with other bytes."""
        return [(one, reason) for one, reason in self.blocked if isinstance(one, WantedImage)]

    def as_row(self) -> Row:
        """Return it as plain JSON types: the lists, the digest, and the wish."""
        return {
            "add": [_plan_row(one, "missing") for one in self.add],
            "keep": [_plan_row(image, reason) for image, reason in self.keep],
            "remove": [_plan_row(image, "not wanted") for image in self.remove],
            "blocked": [_plan_row(one, reason) for one, reason in self.blocked],
            "digest": self.digest(),
            **self.wish.as_row(),
        }

    def digest(self, before: Mapping[str, Any] | None = None) -> str:
        """Return the digest of the state, the wish and the changes, ``sha256:<hex>``.

        :param before: the plan that is applied: its completed steps count as not completed.
        """
        add = {_identity(one) for one in self.add}
        remove = {_identity(image) for image in self.remove}
        keep = {_identity(image) for image, _ in self.keep}
        blocked = {_identity(one) for one, _ in self.blocked}
        if before is not None:
            add, keep, remove = self._ignoring_completed_steps(before, add, keep, remove)
        return _digest(self.wish, add, keep, remove, blocked)

    def _ignoring_completed_steps(
        self, before: Mapping[str, Any], add: set[str], keep: set[str], remove: set[str]
    ) -> tuple[set[str], set[str], set[str]]:
        planned = {row["fingerprint"] for row in before["add"]}
        kept: dict[str, set[str]] = {}
        for image, reason in self.keep:
            kept.setdefault(reason, set()).add(_identity(image))
        made = {
            _identity(one): kept.get(_wanted_reason(one), set())
            for one in self.wish.images
            if _identity(one) in planned
        }
        done = {what for what, identities in made.items() if identities}
        gone = {row["fingerprint"] for row in before["remove"]}
        there = keep | remove | {_identity(one) for one, _ in self.blocked}
        return add | done, keep - set().union(*made.values()), remove | (gone - there)


def parse_wish(images: Any, exact: Any = False, protect: Any = ()) -> Wish:
    """Return a wish, its arguments checked.

    :raises VManageConfigurationError: naming field, value and fix.
    """
    return Wish(parse_wanted(images), parse_bool(exact, field="exact"), parse_patterns(protect, "protect"))


def make_plan(wish: Wish, state: State, refused: Mapping[WantedImage, str] | None = None) -> Plan:
    """Return the plan.

    :param refused: wanted images that cannot be added or are listed with other bytes, with the reason.
    """
    refused = refused or {}
    found = {one: state.find(one) for one in wish.images}
    missing = [one for one in wish.images if one in refused or not found[one]]
    obstacles = {one: refused.get(one) or _why_no_source(one) or _why_place_unknown(one, state) for one in missing}
    blocked: list[tuple[WantedImage | SoftwareImage, str]] = [(one, why) for one, why in obstacles.items() if why]
    reasons = {id(image): _wanted_reason(one) for one, images in found.items() for image in images}
    keep: list[tuple[SoftwareImage, str]] = []
    remove: list[SoftwareImage] = []
    for image in state.images:
        stays = reasons.get(id(image)) or _why_it_stays(image, wish)
        if stays:
            keep.append((image, stays))
        elif obstacle := why_not_deleted(image, state.usage):
            blocked.append((image, obstacle))
        else:
            remove.append(image)
    bases = find_bases_of_updates([*(image for image, _ in keep), *(one for one, _ in blocked)])
    needed = {id(image): why for image in remove if (why := why_base_stays(image, bases))}
    blocked += [(image, needed[id(image)]) for image in remove if id(image) in needed]
    remove = [image for image in remove if id(image) not in needed]
    add = tuple(one for one in missing if not obstacles[one])
    return Plan(wish, add, tuple(keep), tuple(remove), tuple(blocked))


def check_plan(plan: Any) -> tuple[Mapping[str, Any], Wish]:
    """Return a plan that was read from an XCom, and the wish in it.

    :param plan: what :class:`.PlanRepositoryOperator` returned, or its text (a rendered template).
    :raises VManageConfigurationError: it is not a plan.
    """
    row = parse_plain(plan, "plan")
    names = {"add", "keep", "remove", "blocked", "digest", "images", "exact", "protect"}
    if not isinstance(row, Mapping) or not names <= set(row):
        raise VManageConfigurationError("plan is not valid: pass the output of PlanRepositoryOperator")
    lists = [row[name] for name in ("add", "keep", "remove", "blocked")]
    if not all(isinstance(one, list) and all(map(_is_plan_row, one)) for one in lists):
        raise VManageConfigurationError("plan has lists without rows: pass the output of PlanRepositoryOperator")
    return row, parse_wish(row["images"], row["exact"], row["protect"])


def raise_if_stale(old: Mapping[str, Any], new: Plan) -> None:
    """Raise an error if the state differs from what the plan saw, other than by the plan's own completed steps.

    :raises VManageStalePlanError: it differs, or the plan was edited.
    """
    lists = [{row["fingerprint"] for row in old[name]} for name in ("add", "keep", "remove", "blocked")]
    if _digest(new.wish, *lists) != old["digest"]:
        raise VManageStalePlanError("The digest of the plan does not match its content, so it was edited: plan again")
    now = new.digest(before=old)
    if now != old["digest"]:
        raise VManageStalePlanError(
            f"The images, or what uses them, have changed since the plan was made (digest {now}, the plan has "
            f"{old['digest']}), so nothing was changed: plan again, and have the new plan approved"
        )


def make_image_row(image: SoftwareImage, reason: str) -> Row:
    """Return one row of a plan for a listed image."""
    return {"what": image.describe(), **image.as_row(), "reason": reason}


def _digest(wish: Wish, add: set[str], keep: set[str], remove: set[str], blocked: set[str]) -> str:
    content = [wish.as_row(), *map(sorted, (add, keep, remove, blocked))]
    return f"sha256:{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _why_it_stays(image: SoftwareImage, wish: Wish) -> str | None:
    if not wish.exact:
        return "exact is not set"
    pattern = find_protecting_pattern(image, wish.protect)
    return f"protected by {pattern!r}" if pattern else None


def _wanted_reason(one: WantedImage) -> str:
    return f"wanted: {one.describe()}"


def _why_no_source(one: WantedImage) -> str | None:
    has_source = one.source or one.version_url or one.remote_server
    return None if has_source else "is missing, and has no source"


def _why_place_unknown(one: WantedImage, state: State) -> str | None:
    """Return why an image on a remote server may be listed already, or ``None``; see ``RemoteServers.add_image``."""
    if one.remote_server is None:
        return None
    found = state.index.named(one.spellings)
    if not any(image.has_unknown_place and image.version_type not in state.server_ids for image in found):
        return None
    return "is listed on a remote server, and the manager does not show on which"


def _identity(one: WantedImage | SoftwareImage) -> str:
    """Return the fingerprint of an image.

    It leaves out ``version_id``, which changes once an image is the last file of its record.
    """
    if isinstance(one, WantedImage) or one.problem:
        content = one.describe()
    else:
        name = one.file_name or masked_url(one.url or "no file")
        content = f"{name} (version {one.version}, id {one.file_id or one.record_id})"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _wanted_row(one: WantedImage, reason: str) -> Row:
    nothing = SoftwareImage(version=one.version or one.version_name, file_name=one.file_name).as_row()
    source = masked_url(one.version_url) if one.version_url else one.source or one.remote_server
    return {"what": one.describe(), **nothing, "source": source, "reason": reason}


def _plan_row(one: WantedImage | SoftwareImage, reason: str) -> Row:
    row = _wanted_row(one, reason) if isinstance(one, WantedImage) else make_image_row(one, reason)
    return {**row, "fingerprint": _identity(one)}


def _is_plan_row(row: Any) -> bool:
    return isinstance(row, Mapping) and {"what", "fingerprint"} <= row.keys()
