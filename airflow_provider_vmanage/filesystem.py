"""The images of a manager as a read-only file system for Airflow's ``ObjectStoragePath`` and for fsspec.

``vmanage://connection@software/<file name>`` is one image that the manager stores, ``vmanage://connection@software/``
all of them. Airflow keeps a file system for the life of a process, so it holds no session: each call logs in and out,
and a file that is read does so until it is closed.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fsspec import AbstractFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.registry import register_implementation
from fsspec.utils import isfilelike
from upath import UPath

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError, VManageNotFoundError

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.download.image_stream import ImageStream
    from airflow_provider_vmanage.client.models import SoftwareImage
    from airflow_provider_vmanage.client.session import ManagerSession
    from airflow_provider_vmanage.client.software_repository import SoftwareRepository
    from airflow_provider_vmanage.client.upload.sources import ImageSource

log = logging.getLogger(__name__)

#: what Airflow registers, with :func:`get_fs`
schemes = ["vmanage"]

_FOLDER = "software"

#: bytes that are read at once, however few are asked for; larger reads pass it by, without a copy
_BUFFER_BYTES = 256 * 1024

#: bytes of one read of a copy to a local path
_BLOCK_BYTES = 1024 * 1024


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> VManageFileSystem:
    """Return the file system of a connection; nothing is read or sent.

    :param conn_id: its id; ``vmanage_default`` unless given.
    :param storage_options: of fsspec.
    """
    return VManageFileSystem(conn_id=conn_id or "vmanage_default", **(storage_options or {}))


class VManageFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The images of one manager; errors that a retry cannot fix are raised as ``VManageFailException``.

    :param conn_id: id of the connection.
    """

    protocol = "vmanage"

    def __init__(self, conn_id: str = "vmanage_default", **options: Any) -> None:
        super().__init__(**options)
        self.conn_id = conn_id

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return the folder, its images, or one image; sizes are not listed.

        :raises FileNotFoundError: there is no such image.
        """
        name = self._file_name(path)
        if name is None:
            entries = [_folder()]
        else:
            with self._repository() as repository:
                images = [_find(repository, name)] if name else repository.list_images()
            entries = [_entry(image, None) for image in images if image.is_on_manager]
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name, type and size; the size is that of a download, which is closed after its headers.

        :raises FileNotFoundError: there is no such image.
        """
        name = self._file_name(path)
        if not name:
            return _folder()
        with self._repository() as repository:
            image = _find(repository, name)
            with repository.open_image(image) as stream:
                return _entry(image, stream.size)

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether there is such an image; a refused login is an error, not "no"."""
        try:
            self.ls(path)
        except FileNotFoundError:
            return False
        return True

    def isdir(self, path: str) -> bool:
        """Return whether it is the one folder; nothing is sent."""
        return not self._file_name(path)

    def isfile(self, path: str) -> bool:
        """Return whether it is an image that is there."""
        return not self.isdir(path) and self.exists(path)

    def open_source(self, path: str, shown: str) -> ImageSource:
        """Return an image as the source of an upload; each read has a session of its own.

        :param shown: name of the source, for errors.
        :raises VManageConfigurationError: the connection is not there, or wrong.
        :raises VManageSourceError: any other failure of that manager.
        :raises FileNotFoundError: there is no such image.
        """
        from airflow_provider_vmanage.client.session import ManagerSession
        from airflow_provider_vmanage.client.upload.sources import checked_source, error_of_source
        from airflow_provider_vmanage.hooks.vmanage import VManageHook
        from airflow_provider_vmanage.masking import mask

        settings = VManageHook(self.conn_id).settings  # here: an upload reads on another thread
        name = self._file_name(path) or ""

        def open_image() -> StoredImage:
            return _open_in(ManagerSession(settings, on_secret=mask), name)

        try:
            with open_image() as stream:
                size = stream.size
        except VManageError as err:
            raise error_of_source(shown, err) from err
        return checked_source(shown, size, open_image)

    def get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **options: Any
    ) -> None:
        """Copy an image to a local path, which appears only when it is complete."""
        from airflow_provider_vmanage.client.download.image_download import local_target

        if isfilelike(lpath) or outfile is not None or self.isdir(rpath):
            super().get_file(rpath, lpath, callback=callback, outfile=outfile, **options)
            return
        target = Path(lpath)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.open(rpath, "rb") as stream, local_target(target) as file:
            callback.set_size(stream.size)
            while block := stream.read(_BLOCK_BYTES):
                file.write(block)
                callback.relative_update(len(block))

    def cp_file(self, path1: str, path2: str, **_: Any) -> NoReturn:
        """Refuse: the file system is read-only."""
        raise self._read_only(path2)

    def rm_file(self, path: str) -> NoReturn:
        """Refuse: the file system is read-only."""
        raise self._read_only(path)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> StoredImage:
        from airflow_provider_vmanage.hooks.vmanage import VManageHook

        if mode != "rb":
            raise self._read_only(path)
        name = self._file_name(path)
        if not name:
            raise IsADirectoryError(path)
        with _raised_for_airflow():
            return _open_in(VManageHook(self.conn_id).get_conn(), name)

    @contextmanager
    def _repository(self) -> Iterator[SoftwareRepository]:
        from airflow_provider_vmanage.hooks.vmanage import VManageHook

        with _raised_for_airflow(), VManageHook(self.conn_id) as hook:
            yield hook.repository()

    def _file_name(self, path: str) -> str | None:
        """Return the name of an image; blank for the folder of all images, ``None`` for the folder that holds it."""
        folder, _, name = str(self._strip_protocol(path)).strip("/").partition("/")
        if folder not in ("", _FOLDER):
            with _raised_for_airflow():
                raise VManageConfigurationError(
                    f"path {path!r} is not in the folder of images: write vmanage://connection@software/<file name>"
                )
        return name if folder else None

    def _read_only(self, path: str) -> Exception:
        return PermissionError(f"vmanage:// is read-only, so {path!r} is not changed: use the operators for images")


class VManagePath(UPath):
    """A path in it; without a class of its own, universal-pathlib warns."""


# universal-pathlib asks only for what is imported.
register_implementation("vmanage", VManageFileSystem, clobber=True)


class StoredImage(io.BufferedReader):
    """A stored image as a file to read once; closing it logs out.

    :param session: of its own.
    :param stream: read in that session.
    """

    def __init__(self, session: ManagerSession, stream: ImageStream) -> None:
        self._session = session
        #: bytes, or ``None`` where the manager does not send the length
        self.size = stream.size
        super().__init__(stream, _BUFFER_BYTES)

    def seekable(self) -> bool:
        """Return false."""
        return False

    def break_off(self) -> None:
        """Interrupt a read from another thread; that thread then closes the file."""
        self._session.abort()

    def close(self) -> None:
        """Close the connection and log out."""
        try:
            super().close()
        finally:
            self._session.close()


@contextmanager
def _raised_for_airflow() -> Iterator[None]:
    from airflow_provider_vmanage.exceptions import fail_without_retry

    with fail_without_retry():
        yield


def _open_in(session: ManagerSession, name: str) -> StoredImage:
    """Return the image of that name, in a session that is closed with it, or now if that fails."""
    from airflow_provider_vmanage.client.software_repository import SoftwareRepository

    try:
        repository = SoftwareRepository(session)
        return StoredImage(session, repository.open_image(_find(repository, name)))
    except BaseException:
        session.close()
        raise


def _find(repository: SoftwareRepository, name: str) -> SoftwareImage:
    try:
        return repository.find_stored(name)
    except VManageNotFoundError as err:
        raise FileNotFoundError(f"{err.message}: correct the name") from err


def _entry(image: SoftwareImage, size: int | None) -> dict[str, Any]:
    row = image.as_row()
    facts = {name: row[name] for name in ("version", "version_id", "image_type", "updated_on")}
    return {"name": f"{_FOLDER}/{image.file_name}", "size": size, "type": "file", **facts}


def _folder() -> dict[str, Any]:
    return {"name": _FOLDER, "size": 0, "type": "directory"}
