"""Send a change, confirm it by the list, and settle by the list the outcome of one whose response was lost.

Images, repository URLs and remote servers are changed this way. What a list shows decides, so a change that was made by
a lost request is found, and running the same change twice makes it once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_vmanage.client.errors import (
    VManageError,
    VManageLostImageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.matching import find_missing_files, is_same_file
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession

log = logging.getLogger(__name__)

T = TypeVar("T")

#: seconds within which the list must show a change
CONFIRM_TIMEOUT_S = 60.0

#: the same after a page in place of the response: as a rule from an expired session, so that nothing was changed
_AFTER_PAGE_S = 5.0

#: seconds between two list calls: the first pause, and the longest
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 10.0

#: errors that leave open whether a change was made
OUTCOME_OPEN = (VManageOutcomeUnknownError, VManageProtocolError, VManageSessionExpiredError)


def is_refusal(err: VManageError) -> bool:
    """Return whether a session error refuses the change by its status (401, 403, a redirect): it was not made."""
    return isinstance(err, VManageSessionExpiredError) and err.status not in (None, 200)


@dataclass(frozen=True)
class Change:
    """The result of a changing call.

    :param action: ``uploaded``, ``added``, ``deleted``, ``replaced`` or ``unchanged``.
    :param image: the image as listed; if nothing is listed, a placeholder with the arguments.
    :param size: bytes of the image that was sent, or ``None`` if nothing was sent.
    :param sha512: SHA-512 of these bytes as hexadecimal, or ``None`` likewise.
    :param applied: false in check mode: nothing was changed.
    :param verified: of an upload: the algorithm by which the bytes were compared with the given checksum, or ``None``.
    """

    action: str
    image: SoftwareImage
    size: int | None = None
    sha512: str | None = None
    applied: bool = True
    verified: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types with stable keys that an operator returns."""
        return {
            "action": self.action,
            "changed": self.action != "unchanged",
            **self.image.as_row(),
            "size": self.size,
            "sha512": self.sha512,
            "verified": self.verified,
            "applied": self.applied,
        }


class ConfirmedChanges:
    """Makes changes, each confirmed by a list.

    :param session: the session to use; its owner closes it.
    """

    def __init__(self, session: ManagerSession) -> None:
        self._session = session

    def make(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        find: Callable[[], T | None],
        pending: str,
        verifiable: bool = True,
    ) -> T:
        """Send a change and return what the list then shows of it.

        A page in place of the response could mean an expired session, and leaves open whether the change was made.
        The list decides, and only a change that it does not show within 5 s is sent again, once.

        :param find: lists, and returns a truthy result once the change is made.
        :param pending: what is the case until then, for the error.
        :param verifiable: false if no list shows whether the change was made. An open outcome then stays open, and a
            page counts as an expired session: only for a change that may be sent twice.
        :raises VManageRejectedError: the manager refused.
        :raises VManageOutcomeUnknownError: sent, but not listed within a minute; it carries the response's fields.
        """
        fields, lost = self._send(method, path, json, repeat_after_page=not verifiable)
        if lost is not None and not verifiable:
            raise lost
        if isinstance(lost, VManageSessionExpiredError) and lost.repeat:
            if found := self.wait_for(find, _AFTER_PAGE_S):
                return found
            fields, lost = self._send(method, path, json, repeat_after_page=False)
        if found := self.wait_for(find, CONFIRM_TIMEOUT_S, lost=lost):
            return found
        why = f" ({lost.message})" if lost else ""
        text = f"{pending} {CONFIRM_TIMEOUT_S:.0f} s after the change was sent{why}"
        raise VManageOutcomeUnknownError(text, **fields) from lost

    def wait_for(self, find: Callable[[], T | None], timeout: float, *, lost: VManageError | None = None) -> T | None:
        """Return the result of ``find`` within the timeout, or ``None``; a busy manager is asked again.

        :param find: lists, and returns a truthy result to stop the wait.
        :param timeout: seconds; 0 calls ``find`` once.
        :param lost: the error that left the outcome open. If the manager asked to wait, that wait comes first.
        :raises VManageUnavailableError: the last list call failed, or the manager asked to wait for longer than the
            time that is left.
        :raises VManageRejectedError: a list call was refused for good, or the last one with a 5xx.
        :raises VManageOutcomeUnknownError: ``lost``, if the manager asked to wait for longer than a minute.
        """
        self._wait_as_asked(lost)
        deadline = self._session.clock.monotonic() + timeout
        pause = _FIRST_PAUSE_S
        while True:
            failure: VManageError | None = None
            try:
                if found := find():
                    return found
            except (VManageUnavailableError, VManageProtocolError, VManageRejectedError) as err:
                if not err.retryable:
                    raise
                failure = err
            left, asked = deadline - self._session.clock.monotonic(), _seconds_asked(failure)
            if left <= 0 or asked > left:
                if failure is not None:
                    raise failure
                return None
            self._session.sleep(min(max(pause, asked), left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)

    def _send(
        self, method: str, path: str, json: Any, *, repeat_after_page: bool
    ) -> tuple[dict[str, Any], VManageError | None]:
        """Send a change; return the fields for an error, and the error that leaves its outcome open."""
        try:
            sent = self._session.request(method, path, json=json, repeat_after_page=repeat_after_page)
        except OUTCOME_OPEN as err:
            if is_refusal(err):
                raise
            log.warning("%s; checking the list", err)
            return err.fields, err
        return {"status": sent.status, "method": sent.method, "path": sent.path}, None

    def _wait_as_asked(self, lost: VManageError | None) -> None:
        if lost is None or not (asked := _seconds_asked(lost)):
            return
        if asked > CONFIRM_TIMEOUT_S:
            raise lost
        self._session.sleep(asked)


def delete_file(
    changes: ConfirmedChanges,
    list_images: Callable[[], list[SoftwareImage]],
    path: str,
    image: SoftwareImage,
    siblings: Sequence[SoftwareImage],
) -> bool:
    """Delete one file of the repository; confirm that it is gone and that the others of its record are not.

    Returns false if another client had deleted it. Safe to run again.

    :param list_images: returns the images as listed now.
    :param path: of the image.
    :param siblings: other files of its record, as listed before.
    :raises VManageLostImageError: siblings are no longer listed a minute later.
    :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
    """
    newest: list[SoftwareImage] = []

    def is_gone() -> bool:
        newest[:] = list_images()
        return not any(is_same_file(one, image) for one in newest)

    try:
        changes.make("DELETE", path, find=is_gone, pending=f"{image.describe()} is still listed")
    except VManageRejectedError as err:
        # What a manager returns for the id of something that is gone is not documented. Under 4xx it did nothing; under
        # any other status it may have deleted the image itself, which is for the reader to know.
        did_nothing = err.method == "DELETE" and err.status is not None and 400 <= err.status < 500
        if not did_nothing or not is_gone():
            raise
        log.warning("%s; but another client has deleted %s meanwhile", err, image.describe())
        return False
    _raise_if_lost(changes, list_images, image, find_missing_files(siblings, newest))
    return True


def _raise_if_lost(
    changes: ConfirmedChanges,
    list_images: Callable[[], list[SoftwareImage]],
    image: SoftwareImage,
    gone: list[SoftwareImage],
) -> None:
    """Raise if the deletion by the id of one file deleted others of its record too; wait for a late list."""

    def are_there() -> bool:
        gone[:] = find_missing_files(gone, list_images())
        return not gone

    if gone and not changes.wait_for(are_there, CONFIRM_TIMEOUT_S):
        lost = [one.describe() for one in gone]
        raise VManageLostImageError(
            f"{image.describe()} was deleted, and other files of its record are no longer listed since: "
            f"{'; '.join(lost)}. Upload them again if they are needed",
            lost=lost,
        )


def _seconds_asked(err: VManageError | None) -> float:
    """Return the seconds that the manager asked to wait, or 0."""
    asked = err.retry_after if isinstance(err, (VManageUnavailableError, VManageOutcomeUnknownError)) else None
    return asked or 0.0
