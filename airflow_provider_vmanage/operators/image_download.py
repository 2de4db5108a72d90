"""The operator that downloads an image from a manager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.masking import MaskedURL
from airflow_provider_vmanage.operators.vmanage import VManageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath


class DownloadImageOperator(VManageOperator):
    """Download an image that the manager stores, streamed with constant memory and hashed on the way.

    The target appears only when the image is complete and has the given checksum: a local file takes its name in one
    step, an object in a store is finished only then. A target that is there is replaced then, so it is safe to run
    again. What comes in place of an image, such as a login page, is never written. A download that breaks off is
    continued within the task only if the manager offers parts of files, which no source says of a real one; otherwise
    a retry starts from the first byte. Not deferrable: the bytes flow through the worker.

    Returns one row, as :class:`.AddRepoOperator`, and ``target``; ``action`` is ``downloaded``, ``size`` (bytes) and
    ``sha512`` are those of what was written. ``verified`` is the algorithm by which they were checked against
    ``checksum``, or null.

    :param file_name: exact name on the manager: the listed or the uploaded one (templated).
    :param target: path on the worker, or a URL that ``ObjectStoragePath`` opens, such as ``s3://conn@bucket/key``; with
        a slash at its end, a folder in which the image keeps its name (templated).
    :param checksum: ``sha512:<hex>``, ``sha256:<hex>``, ``md5:<hex>``, or ``file:<path or URL>`` of a published list
        that names ``file_name`` (templated). Without it, or blank, nothing but the length is verified.
    :param check_mode: write nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, no such image, wrong checksum, a target that is not allowed, refused. No
        retry.
    :raises VManageError: unavailable, or the download was cut off. A retry is safe.
    """

    template_fields: Sequence[str] = ("file_name", "target", "checksum", "check_mode", "vmanage_conn_id")
    target = MaskedURL()
    checksum = MaskedURL()  # that of a list may be signed

    def __init__(
        self,
        *,
        file_name: str,
        target: str | ObjectStoragePath,
        checksum: str | None = None,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.file_name = file_name
        self.target = target
        self.checksum = checksum
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Download the image and return the row."""
        from airflow_provider_vmanage.client.arguments import require_text
        from airflow_provider_vmanage.client.download.image_download import download_image
        from airflow_provider_vmanage.files.object_storage import resolve_checksum
        from airflow_provider_vmanage.files.targets import image_target

        name = require_text(self.file_name, "file_name")
        target = image_target(self.target, name)
        checksum = resolve_checksum(self.checksum, name)
        check_mode = self.flag(self.check_mode, "check_mode")
        change = download_image(self.hook.repository(check_mode=check_mode), name, target, checksum=checksum)
        return self.report({**change.as_row(), "target": target.name})
