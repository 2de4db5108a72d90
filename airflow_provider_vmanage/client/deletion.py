"""Delete one file of the repository, and confirm that it is gone and that the others of its record are not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_vmanage.client.errors import VManageLostImageError, VManageRejectedError
from airflow_provider_vmanage.client.matching import is_same_file, missing_files
from airflow_provider_vmanage.client.models import SoftwareImage

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.software_repository import SoftwareRepository

log = logging.getLogger(__name__)


def delete_file(
    repository: SoftwareRepository,
    path: str,
    image: SoftwareImage,
    siblings: Sequence[SoftwareImage],
    *,
    timeout: float,
) -> bool:
    """Delete by id and confirm; return false where somebody else had deleted it. Safe to run again.

    :param path: of the image.
    :param siblings: other files of its record, as listed before.
    :param timeout: seconds in which a late list has to show the siblings.
    :raises VManageLostImageError: siblings are no longer listed.
    :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
    """
    newest: list[SoftwareImage] = []

    def is_gone() -> bool:
        newest[:] = repository.list_images()
        return not any(is_same_file(one, image) for one in newest)

    try:
        repository.changes.make("DELETE", path, find=is_gone, pending=f"{image.describe()} is still listed")
    except VManageRejectedError as err:
        # What a manager says to the id of something that is gone is not documented. Under 4xx it did nothing; under
        # any other status it may have deleted the image itself, which is for the reader to know.
        did_nothing = err.method == "DELETE" and err.status is not None and 400 <= err.status < 500
        if not did_nothing or not is_gone():
            raise
        log.warning("%s; but somebody else has deleted %s meanwhile", err, image.describe())
        return False
    _raise_if_lost(repository, image, missing_files(siblings, newest), timeout)
    return True


def _raise_if_lost(
    repository: SoftwareRepository, image: SoftwareImage, gone: list[SoftwareImage], timeout: float
) -> None:
    """Raise if a deletion by the id of one file took others of its record along; a late list is waited for."""

    def are_there() -> bool:
        gone[:] = missing_files(gone, repository.list_images())
        return not gone

    if gone and not repository.changes.wait_for(are_there, timeout):
        lost = [one.describe() for one in gone]
        raise VManageLostImageError(
            f"{image.describe()} was deleted, and other files of its record are no longer listed since: "
            f"{'; '.join(lost)}. Upload them again if they are needed",
            lost=lost,
        )
