"""What the manager's list shows of the file that an upload sends."""

from __future__ import annotations

import time

from airflow_provider_vmanage.client.errors import VManageError, VManageOutcomeUnknownError
from airflow_provider_vmanage.client.matching import matches, spellings
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.software_repository import PATH, SoftwareRepository


class ListedFile:
    """The images of one file name that the manager stores, without those that this upload has deleted.

    :param repository: of the manager.
    :param file_name: exact name.
    :param timeout: seconds until an accepted image must be listed.
    """

    def __init__(self, repository: SoftwareRepository, file_name: str, timeout: float) -> None:
        self._repository = repository
        self.file_name = file_name
        self.timeout = timeout
        self._deleted_ids: set[str] = set()

    def read(self) -> list[SoftwareImage]:
        """Return the images of this name; one list call.

        :raises VManageError: as any read.
        """
        names = spellings(self.file_name)
        images = [one for one in self._repository.list_images() if one.is_on_manager and not self._is_deleted(one)]
        return [one for one in images if matches(one, file_names=names)]

    def wait(self, timeout: float, *, lost: VManageError | None = None) -> SoftwareImage | None:
        """Return the image as soon as it is listed, or ``None``.

        :param timeout: seconds; 0 lists once.
        :param lost: the error that left the outcome open; a wait that it asks for comes first.
        :raises VManageError: as :meth:`.ConfirmedChanges.wait_for`.
        """
        return self._repository.changes.wait_for(lambda: next(iter(self.read()), None), timeout, lost=lost)

    @property
    def processing_timeout(self) -> float:
        """Return the seconds after the last byte in which a manager that did not respond may work on the image."""
        return self._repository.session.settings.timeouts.upload_read

    def wait_for_processing(self, sent_on: float, *, lost: VManageError | None = None) -> SoftwareImage | None:
        """Return the image as soon as it is listed, or ``None`` once the manager has had its time to work on it.

        :param sent_on: seconds since 1970, of the last byte.
        :param lost: as for :meth:`wait`.
        :raises VManageError: likewise.
        """
        longest = self.processing_timeout
        return self.wait(max(self.timeout, min(sent_on + longest - time.time(), longest)), lost=lost)

    def ignore_deleted(self, image: SoftwareImage) -> None:
        """Ignore an image from now on: a list that still shows what was deleted is late, and confirms nothing."""
        ids = (image.version_id or image.record_id, image.file_id)
        self._deleted_ids.update(one for one in ids if one)

    def outcome_unknown(self, reason: str) -> VManageOutcomeUnknownError:
        """Return the error for a file that was sent and is not listed."""
        return VManageOutcomeUnknownError(f"{self.file_name} {reason}", method="POST", path=f"{PATH}/package")

    def _is_deleted(self, image: SoftwareImage) -> bool:
        return (image.file_id or image.record_id) in self._deleted_ids
