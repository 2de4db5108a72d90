"""What a watcher has seen, so that it tells each image once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.waiting.snapshots import Snapshot

log = logging.getLogger(__name__)

#: seconds in which the triggerer hands an event over to Airflow's database (it does so about once a second)
HANDOVER = 5.0


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images a watcher tells of; what is not given fits all.

    :param version_pattern: shell pattern for the version.
    :param platform_family: a family the image is for.
    :param image_type: type of the image.
    """

    version_pattern: str | None = None
    platform_family: str | None = None
    image_type: str | None = None

    def fits(self, image: SoftwareImage) -> bool:
        """Tell whether the watcher tells of this image."""
        return (
            (not self.version_pattern or fnmatchcase(image.version or "", self.version_pattern))
            and (not self.platform_family or self.platform_family in image.platform_family)
            and (not self.image_type or image.image_type == self.image_type)
        )


class StateStore:
    """One value in the asset state store of Airflow 3.3; without a store, and whatever fails there, simply nothing.

    :param store: what the triggerer gave the trigger, or ``None``.
    :param identity: the trigger's arguments: watchers of one asset have a value each.
    """

    def __init__(self, store: Any, identity: Mapping[str, Any]) -> None:
        self._store = store
        self._key = f"vmanage_seen_{_digest(json.dumps(identity, sort_keys=True))}"

    async def read(self) -> list[str] | None:
        """Return what was written, or ``None``."""
        value = await self._attempt("aget", self._key)
        known = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return value if known else None

    async def write(self, seen: list[str]) -> None:
        """Keep it."""
        await self._attempt("aset", self._key, seen)

    async def _attempt(self, method: str, *arguments: Any) -> Any:
        if self._store is None:
            return None
        try:
            return await getattr(self._store, method)(*arguments)
        except Exception:  # the store is a help after a restart, and must not end the watch
            log.warning("The asset state store could not be used (%s)", method, exc_info=True)
            return None


class SeenImages:
    """Compares each list with the one before.

    :param wanted: which images count.
    :param store: where the last comparison is kept.
    :param emit_existing: whether the images of the very first list are new.
    """

    def __init__(self, wanted: ImageFilter, store: StateStore, *, emit_existing: bool) -> None:
        self._wanted = wanted
        self._store = store
        self._emit_existing = emit_existing
        self._seen: set[str] | None = None
        self._written: set[str] | None = None

    async def compare(self, snapshot: Snapshot) -> list[SoftwareImage]:
        """Return the images that are new, the oldest first."""
        if self._seen is None:
            self._seen = self._written = await self._begin(snapshot)
        listed = {_identity(snapshot, image): image for image in snapshot.images if self._wanted.fits(image)}
        if self._seen is None or _manager(snapshot) not in self._seen:
            # The first list, or the connection leads to another manager: nothing to compare with.
            new = list(listed.values()) if self._emit_existing else []
        else:
            new = [image for identity, image in listed.items() if identity not in self._seen]
        self._seen = {_manager(snapshot), *listed}
        return sorted(new, key=lambda image: image.updated_on or 0)

    async def remember(self, *, after_events: bool) -> None:
        """Keep what was seen, once the events are surely handed over: a kill before that repeats them."""
        if self._seen is None or self._seen == self._written:
            return
        if after_events:
            await asyncio.sleep(HANDOVER)
        await self._store.write(sorted(self._seen))
        self._written = self._seen

    async def _begin(self, snapshot: Snapshot) -> set[str] | None:
        kept = await self._store.read()
        log.info("Watching %s: %s", snapshot.manager, "going on" if kept else "the first list is the baseline")
        return None if kept is None else set(kept)


def _identity(snapshot: Snapshot, image: SoftwareImage) -> str:
    """Return what tells an image from others; one that is uploaded anew has a new id."""
    names = (image.file_id or image.record_id, image.file_name or image.url, image.version)
    return _digest(f"{snapshot.manager} {names}")


def _manager(snapshot: Snapshot) -> str:
    return _digest(snapshot.manager)


def _digest(text: str) -> str:
    """Return twelve characters: 4,000 images fit into the 64 KB that Airflow keeps by default."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
