"""The bytes of one image that a manager stores, as they arrive."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import HTTPError

from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError
from airflow_provider_vmanage.client.http.responses import reason_of

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.http.file_body import FileBody
    from airflow_provider_vmanage.client.session import ManagerSession

log = logging.getLogger(__name__)

#: how often a download that broke off is continued
MAX_RESUMES = 5


class ImageStream(io.RawIOBase):
    """An image as a file, read once from its first byte; it ends with an error if it is cut off.

    A download that breaks off is continued if the manager offers parts of files (``Accept-Ranges``) and shows by
    ``ETag`` or ``Last-Modified`` that it is the same file. Whether a real manager does is not documented.

    :param session: stays open until the stream is closed.
    :param path: of the image, below ``/dataservice``.
    :param params: query parameters.
    :param name: of the image, for errors.
    :raises VManageError: as any read; nothing was handed over.
    """

    def __init__(self, session: ManagerSession, path: str, params: dict[str, str], name: str) -> None:
        self.name = name
        self._session, self._path, self._params = session, path, params
        self._body: FileBody = session.open_file(path, params=params)
        #: bytes of the image, or ``None`` where only its last chunk shows the end
        self.size = self._body.size
        self._validator = self._body.validator
        self._count = 0
        self._resumes = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; return 0 at the end of a complete image.

        :raises VManageProtocolError: it was cut off.
        :raises VManageCancelledError: the session was aborted.
        """
        view = memoryview(buffer).cast("B")
        while True:
            try:
                count = self._body.readinto(view)
            except (HTTPError, OSError) as err:
                self._session.raise_if_aborted()
                self._resume(err)
            else:
                self._count += count
                if count or not len(view) or self.size in (None, self._count):
                    return count
                self._resume(EOFError("the response ended"))  # urllib3 before 2 counts no bytes

    def close(self) -> None:
        """Close the connection."""
        if not self.closed and hasattr(self, "_body"):  # Python closes it, too, if it could not be opened
            self._body.close()
        super().close()

    def _resume(self, err: Exception) -> None:
        """Continue behind the last byte, or raise an error."""
        lost = self._cut_off(err)
        if self._validator is None or self.size is None or self._resumes == MAX_RESUMES:
            raise lost from err
        self._resumes += 1
        log.warning("%s; requesting the rest", lost.message)
        self._body.close()
        headers = {"Range": f"bytes={self._count}-", "If-Range": self._validator}
        try:
            self._body = self._session.open_file(self._path, params=self._params, headers=headers)
        except VManageError as later:
            later.add(f"before, {lost.message[0].lower()}{lost.message[1:]}")
            raise
        if self._body.content_range != f"bytes {self._count}-{self.size - 1}/{self.size}":
            raise lost from err  # the whole file, another one, or another part of it

    def _cut_off(self, err: Exception) -> VManageProtocolError:
        of_all = f" of {self.size}" if self.size is not None else ""
        return VManageProtocolError(
            f"The download of {self.name!r} broke off after {self._count}{of_all} bytes ({reason_of(err)})",
            **self._body.call.where,
        )
