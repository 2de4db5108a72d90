"""Operators for the software repository of a vManage: add a URL, upload, delete and list images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.masking import MaskedURL
from airflow_provider_vmanage.operators.desired_state import (
    ApplyRepositoryOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
)
from airflow_provider_vmanage.operators.image_download import DownloadImageOperator
from airflow_provider_vmanage.operators.remote_servers import AddRemoteImageOperator, RemoteServerOperator
from airflow_provider_vmanage.operators.vmanage import VManageOperator
from airflow_provider_vmanage.reports.text_table import count_of
from airflow_provider_vmanage.template_fields import FieldsWithPaths

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_vmanage.client.models import SoftwareImage

__all__ = [
    "AddRemoteImageOperator",
    "AddRepoOperator",
    "ApplyRepositoryOperator",
    "DeleteImageOperator",
    "DownloadImageOperator",
    "ListImagesOperator",
    "PlanRepositoryOperator",
    "PruneImagesOperator",
    "RemoteServerOperator",
    "UploadImageOperator",
]

#: of the table that a list logs
_COLUMNS = ("file or URL", "version", "version_id", "image type", "version type", "platform family", "updated on")


class AddRepoOperator(VManageOperator):
    """Add the URL of a remote repository to the software repository.

    Lists first and again afterwards, so it is safe to run again: the same name with the same URL is ``unchanged``.
    The manager takes a name and a URL up to about release 20.15 (Cisco's documentation of 16.3; the newer one of
    20.16 shows remote servers instead).

    Returns one row: ``action`` (``added``, ``replaced``, ``unchanged``), ``changed``, ``version``, ``version_id``,
    ``file_name``, ``image_type``, ``version_type``, ``platform_family``, ``updated_on`` (ms), ``size``, ``sha512``,
    ``verified`` (of uploads), ``applied``.

    :param version_name: name of the entry (templated).
    :param version_url: URL of the repository: http, https, ftp, scp, sftp or tftp (templated). Its user information
        and query are masked in logs.
    :param if_exists: what to do where the name is there (templated): ``skip`` (the same URL is success, another
        one an error), ``replace`` (another URL is deleted first, and put back if the new one is refused), ``fail``.
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, refused by the manager, name taken. No retry.
    :raises VManageError: unavailable or outcome unknown. A retry is safe.
    """

    publishes_images = True
    template_fields: Sequence[str] = ("version_name", "version_url", "if_exists", "check_mode", "vmanage_conn_id")
    version_url = MaskedURL()

    def __init__(
        self,
        *,
        version_name: str,
        version_url: str,
        if_exists: str = "skip",
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.version_name = version_name
        self.version_url = version_url
        self.if_exists = if_exists
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Add the URL and return the row."""
        change = self.hook.add_repo(
            self.version_name,
            self.version_url,
            if_exists=self.if_exists,
            check_mode=self.flag(self.check_mode, "check_mode"),
        )
        return self.report(change.as_row())


class UploadImageOperator(VManageOperator):
    """Upload a software image, streamed with constant memory and hashed on the way.

    Lists first, so it is safe to run again: an image with the exact file name is ``unchanged``, and its source is not
    opened any more; a checksum is compared with the one that the manager shows, if it shows one (20.18 and newer). The
    last bytes are held back until the checksum agrees, so a wrong image is never complete on the manager. Success means
    that the manager lists the file. If no response comes after the last byte, the list is polled until the connection's
    ``upload_read_timeout``, and nothing is sent again in this try. Not deferrable: the bytes flow through the worker.
    One upload at a time per manager is best ensured by a pool with one slot.

    Returns one row, as :class:`AddRepoOperator`; ``action`` is ``uploaded``, ``replaced`` or ``unchanged``;
    ``size`` (bytes) and ``sha512`` are null where nothing was sent. ``verified`` is the algorithm by which the bytes
    were checked against ``checksum``, or null.

    :param source: path on the worker, ``http(s)://…``, or a URL that ``ObjectStoragePath`` opens, such as
        ``s3://conn@bucket/key``, or ``vmanage://conn@software/<file>`` of another manager (templated). Nothing is
        stored in between. User information and query are masked in logs.
    :param file_name: exact name on the manager; the last part of ``source`` by default (templated).
    :param checksum: ``sha512:<hex>``, ``sha256:<hex>``, ``md5:<hex>``, or ``file:<path or URL>`` of a published list
        that names ``file_name``: ``sha512sum`` lines, or CSV with a header (templated). Without it, or blank, nothing
        but the length is verified, and the log says so.
    :param if_exists: ``skip``, ``replace`` (the old image is deleted once the new one is known to be good), or
        ``fail`` (templated).
    :param listing_timeout: seconds until an accepted image must show up in the list.
    :param allow_in_use: let ``replace`` delete an image that a device runs or boots (templated; true/false as text
        is fine). Devices that cannot be listed count as using it.
    :param not_after: moment by which the last byte must be sent, with a time zone: a datetime or ISO 8601 (templated).
        The transfer is refused, or stopped, as soon as its rate says that it cannot end in time.
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated). A source that is
        needed is opened, and with a checksum read to its end.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, wrong checksum, other bytes under this name, name taken, in use, refused.
        No retry.
    :raises VManageError: unavailable or outcome unknown. A retry is safe.
    """

    publishes_images = True
    template_fields: Sequence[str] = (
        "source",
        "file_name",
        "checksum",
        "if_exists",
        "allow_in_use",
        "not_after",
        "check_mode",
        "vmanage_conn_id",
    )
    source = MaskedURL()
    checksum = MaskedURL()  # that of a list may be signed

    def __init__(
        self,
        *,
        source: str | ObjectStoragePath,
        file_name: str | None = None,
        checksum: str | None = None,
        if_exists: str = "skip",
        listing_timeout: float = 60,
        allow_in_use: bool | str = False,
        not_after: datetime | str | None = None,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.source = source
        self.file_name = file_name
        self.checksum = checksum
        self.if_exists = if_exists
        self.listing_timeout = listing_timeout
        self.allow_in_use = allow_in_use
        self.not_after = not_after
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Upload the image and return the row."""
        from airflow_provider_vmanage.state_stores import TaskStateNotes

        change = self.hook.upload_image(
            self.source,
            file_name=self.file_name,
            checksum=self.checksum,
            if_exists=self.if_exists,
            listing_timeout=self.listing_timeout,
            allow_in_use=self.flag(self.allow_in_use, "allow_in_use"),
            not_after=self.not_after,
            check_mode=self.flag(self.check_mode, "check_mode"),
            notes=TaskStateNotes(context),
        )
        return self.report(change.as_row())

    def find_source(self, row: Mapping[str, Any]) -> str:
        """Return the source."""
        return str(self.source)


class DeleteImageOperator(VManageOperator):
    """Delete one image or repository URL, selected exactly: ``20.1`` never matches ``20.12``.

    Lists first and again afterwards, so it is safe to run again. Fails if several images match, and names them;
    fails if the image shares its record with other files and has no id of its own. An image whose version is in
    use is refused: running or default on any device, or available on one that cannot be reached.

    Returns one row, as :class:`AddRepoOperator`; ``action`` is ``deleted`` or ``unchanged``.

    :param version_id: id of the image (templated). Give exactly one of the three.
    :param version: version as the manager lists it (templated).
    :param file_name: listed or uploaded file name (templated).
    :param if_missing: ``skip`` (success) or ``fail`` (templated).
    :param allow_in_use: delete the image even if a device needs it (templated). Devices that cannot be listed
        count as using it.
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, ambiguous, missing with ``fail``, in use, refused. No retry.
    :raises VManageError: unavailable or outcome unknown. A retry is safe.
    """

    publishes_images = True
    template_fields: Sequence[str] = (
        "version_id",
        "version",
        "file_name",
        "if_missing",
        "allow_in_use",
        "check_mode",
        "vmanage_conn_id",
    )

    def __init__(
        self,
        *,
        version_id: str | None = None,
        version: str | None = None,
        file_name: str | None = None,
        if_missing: str = "skip",
        allow_in_use: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.version_id = version_id
        self.version = version
        self.file_name = file_name
        self.if_missing = if_missing
        self.allow_in_use = allow_in_use
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Delete the image and return the row."""
        change = self.hook.delete_image(
            version_id=self.version_id,
            version=self.version,
            file_name=self.file_name,
            if_missing=self.if_missing,
            allow_in_use=self.flag(self.allow_in_use, "allow_in_use"),
            check_mode=self.flag(self.check_mode, "check_mode"),
        )
        return self.report(change.as_row())


class ListImagesOperator(VManageOperator):
    """List the images of the software repository, one row per file.

    Changes nothing; a retry is safe. Returns a list of rows with ``version``, ``version_id``, ``file_name``,
    ``image_type``, ``version_type``, ``platform_family``, ``updated_on`` (ms), ``size`` and ``sha512`` (null: the
    manager's list has neither). With ``output``: one dict of ``path`` and ``count``.

    :param image_type: only this type, such as ``software`` (templated). Releases that state no type match none.
    :param version: only this version, exactly (templated).
    :param output: file to write instead (templated): a path or what ``ObjectStoragePath`` opens, ending in ``.jsonl``,
        ``.csv`` or ``.parquet``; its columns are described in :mod:`airflow_provider_vmanage.tables`.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or a response that is not a list. A retry is safe.
    """

    template_fields: Sequence[str] = FieldsWithPaths(("image_type", "version", "output_path", "vmanage_conn_id"))
    output_path = MaskedURL()

    def __init__(
        self,
        *,
        image_type: str | None = None,
        version: str | None = None,
        output: str | ObjectStoragePath | None = None,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.image_type = image_type
        self.version = version
        self.output_path = output  # `task.output` is Airflow's own: the XCom, for the next task

    def work(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        """Return the rows, or write them and return where they are and how many."""
        from airflow_provider_vmanage.tables import table_file

        file = table_file(self.output_path) if self.output_path else None  # what is wrong with it is reported first
        image_type = self.image_type or None
        if self.version is None:
            images = self.hook.list_images(image_type=image_type)
        else:
            found = self.hook.find_images(version=self.version)
            images = [image for image in found if image_type in (None, image.image_type)]
        rows = [{**image.as_row(), "size": None, "sha512": None} for image in images]
        self.log.info("%s", count_of(len(rows), "image"))
        self.log_table(_COLUMNS, [_shown(image) for image in images])
        return file.write(self.hook.settings.base_url, rows) if file else rows


def _shown(image: SoftwareImage) -> tuple[Any, ...]:
    from airflow_provider_vmanage.client.urls import masked_url

    name = image.file_name or (masked_url(image.url) if image.url else None)
    kinds = (image.image_type, image.version_type, image.platform_family)
    return (name, image.version, image.version_id, *kinds, _moment(image.updated_on))


def _moment(milliseconds: int | None) -> str | None:
    """Return a moment as text, or ``None`` where it is not known or no date of the calendar."""
    try:
        return (
            f"{datetime.fromtimestamp((milliseconds or 0) / 1000, timezone.utc):%Y-%m-%d %H:%M}Z"
            if milliseconds
            else None
        )
    except (ValueError, OverflowError, OSError):
        return None
