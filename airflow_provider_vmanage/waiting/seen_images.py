"""What a watcher has seen, so that it reports each image once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.matching import matches
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.state_stores import AssetStateStore, StoreUnavailableError
from airflow_provider_vmanage.waiting.snapshots import Snapshot

log = logging.getLogger(__name__)

#: seconds in which the triggerer hands an event over to Airflow's database (it does so about once a second)
HANDOVER_S = 5.0


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images a watcher reports; what is not given matches all.

    :param version_pattern: shell pattern for the version.
    :param platform_family: a family the image is for.
    :param image_type: type of the image.
    """

    version_pattern: str | None = None
    platform_family: str | None = None
    image_type: str | None = None

    def fits(self, image: SoftwareImage) -> bool:
        """Return whether the watcher reports this image."""
        return matches(
            image,
            version_pattern=self.version_pattern,
            platform_family=self.platform_family,
            image_type=self.image_type,
        )


@dataclass(frozen=True, slots=True)
class SeenImage:
    """An image as far as it is recognised in a later list; digests, empty where the list shows no such id.

    :param file: of the file's own id.
    :param record: of the record's id and the file name: a record may hold several files.
    :param name: of file name and version.
    """

    file: str
    record: str
    name: str

    @classmethod
    def of(cls, image: SoftwareImage) -> SeenImage:
        """Return the identifiers by which an image is recognised."""
        name = image.file_name or image.url or ""
        return cls(
            _digest(f"file {image.file_id}") if image.file_id else "",
            _digest(f"record {image.record_id} {name}") if image.record_id else "",
            _digest(f"name {name} {image.version}"),
        )

    def is_named_alike(self, other: SeenImage) -> bool:
        """Return whether only the name can decide, and does: no id of one kind is known of both."""
        return self.name == other.name and not (self.file and other.file) and not (self.record and other.record)

    def merged(self, now: SeenImage) -> SeenImage:
        """Return it as it is listed now, with the ids that are not shown any more."""
        return SeenImage(now.file or self.file, now.record or self.record, now.name)


@dataclass(frozen=True, slots=True)
class SeenState:
    """The images of one manager that a watcher knows.

    :param manager: digest of its address.
    :param images: the images.
    """

    manager: str
    images: frozenset[SeenImage] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"manager": self.manager, "images": sorted(f"{i.file}:{i.record}:{i.name}" for i in self.images)}

    @classmethod
    def from_json(cls, value: Any) -> SeenState | None:
        """Return the value that :meth:`as_json` made, or ``None`` for anything else."""
        if not isinstance(value, Mapping) or not isinstance(value.get("images"), list):
            return None
        parts = [str(text).split(":") for text in value["images"]]
        return cls(str(value.get("manager")), frozenset(SeenImage(*part) for part in parts if len(part) == 3))


class SeenImages:
    """Compares each list with the one before.

    An image that is not listed is forgotten at the second list without it: one empty list, or one that lacks a record,
    makes no events when the next is whole again.

    :param wanted: which images count.
    :param store: where the last comparison is kept.
    :param emit_existing: whether the images of the very first list are new.
    """

    def __init__(self, wanted: ImageFilter, store: AssetStateStore, *, emit_existing: bool) -> None:
        self._wanted = wanted
        self._store = store
        self._emit_existing = emit_existing
        self._state: SeenState | None = None
        self._written: SeenState | None = None
        self._missing: frozenset[SeenImage] = frozenset()
        self._emitted: set[SeenImage] = set()
        self._is_restored = False

    async def compare(self, snapshot: Snapshot) -> list[SoftwareImage]:
        """Return the images that are new, the oldest first."""
        if not self._is_restored:
            await self._restore(snapshot)
        manager = _digest(snapshot.manager)
        listed = [image for image in snapshot.images if self._wanted.fits(image)]
        if self._state is None or self._state.manager != manager:
            # The first list, or the connection leads to another manager: nothing to compare with.
            new = listed if self._emit_existing and self._is_restored else []
            self._state, self._missing = SeenState(manager, frozenset(map(SeenImage.of, listed))), frozenset()
        else:
            new = self._update(self._state, listed)
        if not self._is_restored:
            self._emitted.update(map(SeenImage.of, new))
        return sorted(new, key=lambda image: image.updated_on or 0)

    async def remember(self, *, after_events: bool) -> None:
        """Keep what was seen, once the events are handed over: a kill before that repeats them.

        What could not be read is not overwritten.
        """
        if self._state is None or self._state == self._written or not self._is_restored:
            return
        if after_events:
            await asyncio.sleep(HANDOVER_S)
        if await self._store.write(self._state.as_json()):
            self._written = self._state

    def _update(self, before: SeenState, listed: list[SoftwareImage]) -> list[SoftwareImage]:
        known = _Known(before.images)
        new, seen, found = [], set(), set()
        for image in listed:
            now = SeenImage.of(image)
            earlier = known.find(now)
            if earlier is None:
                new.append(image)
            else:
                found.add(earlier)
            seen.add(now if earlier is None else earlier.merged(now))
        missing = before.images - found
        self._state = SeenState(before.manager, frozenset(seen | (missing - self._missing)))
        self._missing = missing - self._missing
        return new

    async def _restore(self, snapshot: Snapshot) -> None:
        """Go on with what the store holds; while it cannot be read, compare with the first list of this start."""
        try:
            kept = SeenState.from_json(await self._store.read())
        except StoreUnavailableError:
            return
        self._is_restored = True
        manager = _digest(snapshot.manager)
        log.info("Watching %s: %s", snapshot.manager, "going on" if kept else "the first list is the baseline")
        if kept is not None:
            self._written = kept
            self._state = SeenState(kept.manager, kept.images | self._emitted)
        elif self._emit_existing:
            self._state = SeenState(manager, frozenset(self._emitted))


class _Known:
    """Finds the image that was listed before among many."""

    def __init__(self, images: frozenset[SeenImage]) -> None:
        self._by_id = {key: image for image in images for key in (image.file, image.record) if key}
        self._by_name: dict[str, list[SeenImage]] = {}
        for image in images:
            self._by_name.setdefault(image.name, []).append(image)

    def find(self, now: SeenImage) -> SeenImage | None:
        """Return the same image: by the file's or the record's id, or by name and version where no id can decide."""
        for key in (now.file, now.record):
            if key in self._by_id:
                return self._by_id[key]
        return next((one for one in self._by_name.get(now.name, ()) if one.is_named_alike(now)), None)


def _digest(text: str) -> str:
    """Return eight characters: some 2,000 images fit into the 64 KB that Airflow keeps by default."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
