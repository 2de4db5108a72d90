"""The outcome of a body that was sent: found by the manager's list, not by its response alone."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from airflow_provider_vmanage.client.changes import Change, is_refusal
from airflow_provider_vmanage.client.errors import (
    VManageConflictError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.upload.body import MultipartImage
from airflow_provider_vmanage.client.upload.listed_file import ListedFile
from airflow_provider_vmanage.client.upload.resume_note import UploadNotes, note_response

log = logging.getLogger(__name__)

#: that the name is taken. Any other refusal of a complete body is a refusal of these bytes.
_NAME_TAKEN = re.compile(
    r"duplicate|(?<!not )already[ _-](exist|present|there|uploaded)|(exists|in the repository) already",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Settled:
    """The list shows the image.

    :param change: the result of the upload.
    """

    change: Change


@dataclass(frozen=True)
class Unlisted:
    """The manager accepted the body, and does not list the image in time. It is not sent again."""


@dataclass(frozen=True)
class Repeat:
    """The list does not show the image, and the body may be sent again.

    :param err: why.
    :param body: what was sent.
    :param may_be_stored: whether the manager may still list an image of this body.
    """

    err: VManageError
    body: MultipartImage
    may_be_stored: bool = False


Attempt: TypeAlias = Settled | Unlisted | Repeat


class Settlement:
    """Finds the outcome of the bodies of one upload.

    :param listed: what the list shows of the file.
    :param notes: cleared if no copy of the image can show up any more.
    :param action: of the change, if the image that is listed is ours.
    :param if_exists: ``skip``, ``replace`` or ``fail``: decides if another upload created the image meanwhile.
    """

    def __init__(self, listed: ListedFile, notes: UploadNotes, *, action: str, if_exists: str) -> None:
        self._listed = listed
        self._notes = notes
        self._action = action
        self._if_exists = if_exists

    def after_acceptance(self, body: MultipartImage) -> Settled | Unlisted:
        """Wait until the list shows an accepted image."""
        image = self._listed.wait(self._listed.timeout)
        return Settled(self._own_change(image, body)) if image else Unlisted()

    def after_refusal(self, err: VManageRejectedError, body: MultipartImage, earlier: Sequence[Repeat]) -> Settled:
        """Return the change if the name was taken by an earlier body or by another upload.

        :raises VManageRejectedError: the refusal.
        :raises VManageConflictError: another upload created the image, and ``if_exists`` is not ``skip``.
        """
        return self._settle(self._find_despite_refusal(err, body, earlier), earlier, err)

    def after_lost_response(
        self, err: VManageError, body: MultipartImage, earlier: Sequence[Repeat]
    ) -> Settled | Repeat:
        """Find the image of a body whose response was lost, or was a page of an expired session.

        :raises VManageOutcomeUnknownError: all bytes were sent, no response came, and it is not listed in time.
        :raises VManageProtocolError: the manager redirected it, as it would again; and it is not listed in time.
        :raises VManageConflictError: another upload created the image, and ``if_exists`` is not ``skip``.
        """
        log.warning("%s; %d of %d bytes were sent; reading the list", err, body.sent, len(body))
        if body.complete and _is_silence(err):
            return Settled(self._wait_after_silence(err, body))
        attempt = Repeat(err, body, may_be_stored=body.complete and not is_refusal(err))
        image = self._listed.wait(self._listed.timeout if attempt.may_be_stored else 0, lost=err)
        if image:
            return self._settle(image, [*earlier, attempt], err)
        if _is_redirect(err):
            note_response(self._notes)
            raise err
        return attempt

    def _wait_after_silence(self, lost: VManageError, body: MultipartImage) -> Change:
        """Return the change once the list shows the image: the manager has all bytes and may still work on them.

        :raises VManageOutcomeUnknownError: not listed within ``upload_read`` seconds of the last byte. Nothing is sent
            again in this try: that would give the manager a second image to work on.
        """
        cause = lost
        try:
            if image := self._listed.wait_for_processing(body.sent_on, lost=lost):
                return self._own_change(image, body)
        except (VManageUnavailableError, VManageProtocolError, VManageRejectedError) as err:
            if not err.retryable:
                raise
            cause = err
        seconds = self._listed.processing_timeout
        text = f"is not listed {seconds:g} s after all bytes were sent (upload_read_timeout), and was not sent again"
        raise self._listed.outcome_unknown(f"{text} ({lost})") from cause

    def _find_despite_refusal(
        self, err: VManageRejectedError, body: MultipartImage, earlier: Sequence[Repeat]
    ) -> SoftwareImage:
        """Return the image because of which this body was refused: an earlier one of ours, or that of another upload.

        An incomplete body cannot be the image that is listed. A complete one can, whatever the manager made of it: then
        its refusal stands, unless it says that the name is taken.

        :raises VManageRejectedError: the refusal.
        """
        image = self._listed.wait(0) if _stored(earlier) else self._list_once()
        if image is not None and (not body.complete or _says_name_is_taken(err)):
            return image
        if not earlier:  # otherwise an earlier copy may still be listed
            self._notes.clear()
        if image is not None:
            # Final under 5xx too: another try would find the name there, and call that a success.
            err.retryable = False
            err.add("the list shows the file all the same: check it before you use it")
        raise err

    def _list_once(self) -> SoftwareImage | None:
        """Return the image if the list shows it; a failing list call does not replace the refusal before it."""
        try:
            return self._listed.wait(0)
        except VManageError as err:
            log.debug("The list could not be read after a refusal: %s", err)
            return None

    def _settle(self, image: SoftwareImage, attempts: Sequence[Repeat], err: VManageError) -> Settled:
        """Return the change for a listed image, which is ours if one of our bodies may be stored."""
        stored = _stored(attempts)
        return Settled(self._own_change(image, stored[-1]) if stored else self._yield_to_other_upload(image, err))

    def _own_change(self, image: SoftwareImage, body: MultipartImage) -> Change:
        verified = body.checksum.algorithm if body.checksum else None
        return Change(self._action, image, body.source.size, body.sha512, verified=verified)

    def _yield_to_other_upload(self, image: SoftwareImage, err: VManageError) -> Change:
        """Keep the image that another upload created meanwhile; whether it has the same bytes is unknown.

        :raises VManageConflictError: ``if_exists`` is not ``skip``.
        """
        if self._if_exists == "skip":
            log.info("Another upload put %s there meanwhile: nothing left to do (%s)", image.describe(), err)
            return Change("unchanged", image)
        kept = "its bytes are unknown; it was kept, run again to replace it"
        hint = "if_exists is 'fail'" if self._if_exists == "fail" else kept
        name = self._listed.file_name
        text = f"file_name {name!r}: another upload put it there meanwhile, and {hint} ({err.message})"
        raise VManageConflictError(text, **err.fields) from err


def _stored(attempts: Sequence[Repeat]) -> list[MultipartImage]:
    """Return the bodies of which an image may be stored."""
    return [one.body for one in attempts if one.may_be_stored]


def _is_silence(err: VManageError) -> bool:
    """Return whether no response came, or none that can be read: it says nothing about the bytes that were sent."""
    is_broken = isinstance(err, VManageProtocolError) and not _is_redirect(err)
    return is_broken or isinstance(err, VManageOutcomeUnknownError)


def _is_redirect(err: VManageError) -> bool:
    """Return whether the manager redirected the request; without a status, to an address that is malformed."""
    return isinstance(err, VManageProtocolError) and (err.status is None or err.status >= 300)


def _says_name_is_taken(err: VManageRejectedError) -> bool:
    """Return whether a refusal says that the name is taken; which words managers use for it is not documented."""
    return _NAME_TAKEN.search(f"{err.message} {err.details} {err.code}") is not None
