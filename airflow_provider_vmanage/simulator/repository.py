"""The images a simulated manager holds, kept in a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator.software_repository.naming import platform_of, safe_file_name, version_of


@dataclass(frozen=True)
class Image:
    """One stored file or one repository URL.

    :param version_id: Id of the group in ``/software``; files of one group share it.
    :param file_id: Id of the file in ``/software/images``.
    :param version_type: ``vmanage`` for a stored file; the text for remote images is undocumented.
    :param updated_on: Milliseconds since 1970.
    :param path: The file on disk; None for a repository URL.
    :param hidden_lists: List calls that still do not show the image; None: no list ever does.
    :param hidden_until: Time (seconds since 1970) before which no list shows the image.
    """

    file_name: str
    version: str
    version_id: str
    file_id: str
    sha512: str | None = None
    size: int | None = None
    path: Path | None = None
    image_type: str = "software"
    version_type: str = "vmanage"
    platform_family: tuple[str, ...] = ()
    updated_on: int = 0
    url: str | None = None
    remote_server_id: str | None = None
    hidden_lists: int | None = 0
    hidden_until: float = 0.0


@dataclass(frozen=True)
class ReceivedFile:
    """A complete file that lies in the incoming folder and is not in the repository yet."""

    file_name: str
    path: Path
    size: int
    sha512: str


class DuplicateImage(Exception):
    """An image of that name is there, and the simulator is set to reject a second one."""


class Repository:
    """All images and remote servers, written to ``repository.json`` after each change.

    :param folder: Where images, the state file and the files being received lie.
    :param group_by_version: Files of one version share one id and one record in ``/software``.
    :param one_id: Both ids of an image are the same (the oldest preset knows only one).
    :param reject_duplicates: Refuse a second image of one name and a second URL of one version. What a real manager
        does is unknown.
    :param clock: Seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        group_by_version: bool,
        one_id: bool,
        reject_duplicates: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.folder, self._group, self._one_id = folder, group_by_version, one_id
        self.reject_duplicates = reject_duplicates
        self._lock = threading.RLock()
        self._images: list[Image] = []
        self.raw_records: list[dict[str, Any]] = []
        self.remote_servers: dict[str, dict[str, Any]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}  # by file name; what was set over what is computed
        self.incoming = folder / "incoming"
        shutil.rmtree(self.incoming, ignore_errors=True)  # what an earlier run left half received
        self.incoming.mkdir(parents=True)
        self._load()

    @property
    def images(self) -> list[Image]:
        """Every image, also those that no list shows yet."""
        with self._lock:
            return list(self._images)

    def listed(self) -> list[Image]:
        """What a list call shows now; it counts as one list call for images that appear late."""
        now = self.clock()
        with self._lock:
            shown = [i for i in self._images if i.hidden_lists == 0 and now >= i.hidden_until]
            self._images = [replace(i, hidden_lists=i.hidden_lists - 1) if i.hidden_lists else i for i in self._images]
        return shown

    def check_name(self, file_name: str) -> None:
        """Pass if a file of this name may be stored.

        :raises DuplicateImage: It is there already.
        """
        if self.reject_duplicates and any(i.file_name == file_name and i.path for i in self.images):
            raise DuplicateImage(file_name)

    def store(self, received: ReceivedFile, **fields: Any) -> Image:
        """Move a complete file into the repository, in one step.

        :raises DuplicateImage: A file of that name is there already.
        """
        with self._lock:
            self.check_name(received.file_name)
            image = self._new(received.file_name, size=received.size, sha512=received.sha512, **fields)
            target = self.folder / "images" / image.file_id / received.file_name
            target.parent.mkdir(parents=True)
            received.path.replace(target)
            return self._append(replace(image, path=target))

    def add_content(self, file_name: str, content: bytes, **fields: Any) -> Image:
        """Store bytes as if they had been uploaded."""
        file_name = safe_file_name(file_name)
        temporary = self.incoming / uuid.uuid4().hex
        temporary.write_bytes(content)
        digest = hashlib.sha512(content).hexdigest()
        return self.store(ReceivedFile(file_name, temporary, len(content), digest), **fields)

    def add_entry(self, file_name: str, **fields: Any) -> Image:
        """Remember an image that is elsewhere."""
        with self._lock:
            return self._append(self._new(file_name, **fields))

    def update(self, image: Image, **changes: Any) -> None:
        """Change fields of one image."""
        with self._lock:
            self._images = [replace(i, **changes) if i.file_id == image.file_id else i for i in self._images]
            self.save()

    def find(self, wanted: str) -> list[Image]:
        """The images under a group id or a file id."""
        return [i for i in self.images if wanted in (i.version_id, i.file_id)]

    def delete(self, wanted: str) -> bool:
        """Remove the file of that id, or all files of the group of that id; False if there is neither."""
        with self._lock:
            gone = self.find(wanted)
            raw = [r for r in self.raw_records if r.get("versionId") == wanted]
            self._images = [i for i in self._images if i not in gone]
            self.raw_records = [r for r in self.raw_records if r not in raw]
            self.save()
        for image in gone:
            if image.path is not None:
                shutil.rmtree(image.path.parent, ignore_errors=True)
        return bool(gone or raw)

    def clear(self) -> None:
        """Remove all images, records, metadata and remote servers."""
        with self._lock:
            self._images = []
            self.raw_records, self.remote_servers, self.metadata = [], {}, {}
            self.save()
        shutil.rmtree(self.folder / "images", ignore_errors=True)

    def save(self) -> None:
        """Write the state next to the images, in one step."""
        images = [{**asdict(i), "path": i.path and str(i.path.relative_to(self.folder))} for i in self._images]
        state = {"images": images, "raw_records": self.raw_records, "remote_servers": self.remote_servers}
        temporary = self.folder / "repository.json.new"
        temporary.write_text(json.dumps(state, indent=1))
        temporary.replace(self.folder / "repository.json")

    def _load(self) -> None:
        file = self.folder / "repository.json"
        if not file.exists():
            return
        state = json.loads(file.read_text())
        self._images = [self._restored(fields) for fields in state["images"]]
        self.raw_records, self.remote_servers = state["raw_records"], state["remote_servers"]

    def _restored(self, fields: dict[str, Any]) -> Image:
        path = self.folder / fields["path"] if fields["path"] else None
        return Image(**{**fields, "path": path, "platform_family": tuple(fields["platform_family"])})

    def _append(self, image: Image) -> Image:
        self._images.append(image)
        self.save()
        return image

    def _new(self, file_name: str, group: str | None = None, **fields: Any) -> Image:
        given = {"version": version_of(file_name), "platform_family": platform_of(file_name), **fields}
        given["platform_family"] = _as_tuple(given["platform_family"])
        group_id = self._group_id(given["version"], group)
        file_id = str(uuid.uuid4())
        given.setdefault("updated_on", int(self.clock() * 1000))
        ids = {"version_id": group_id or (file_id if self._one_id else str(uuid.uuid4())), "file_id": file_id}
        return Image(file_name=file_name, **{**ids, **given})

    def _group_id(self, version: str, group: str | None) -> str | None:
        def same(image: Image) -> bool:
            if group is not None:
                return group == image.version_id
            return self._group and image.version == version and image.path is not None

        return next((i.version_id for i in self._images if same(i)), group)


def _as_tuple(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
