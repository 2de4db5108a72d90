"""Upload of one image, step by step, so that a failure at any step leaves no wrong image and costs no good one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_vmanage.client.arguments import IF_EXISTS, check_choice, check_file_name, parse_seconds
from airflow_provider_vmanage.client.changes import OUTCOME_OPEN, Change
from airflow_provider_vmanage.client.device_actions.usage import read_usage
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConflictError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
    VManageSourceError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.matching import require_one
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.software_repository import PATH, SoftwareRepository
from airflow_provider_vmanage.client.upload.body import MultipartImage, check_digest
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.deadline import Deadline
from airflow_provider_vmanage.client.upload.listed_file import ListedFile
from airflow_provider_vmanage.client.upload.resume_note import NoNotes, UploadNote, UploadNotes, note_response
from airflow_provider_vmanage.client.upload.settlement import Attempt, Repeat, Settled, Settlement, Unlisted
from airflow_provider_vmanage.client.upload.sources import ImageSource

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.http.envelope import Envelope
    from airflow_provider_vmanage.client.session import ManagerSession

log = logging.getLogger(__name__)

#: age of a session, in seconds, from which it is renewed before a transfer; managers end idle ones after 30 minutes
SESSION_MAX_AGE_S = 600.0

#: how often the whole body is sent again at most
MAX_REPEATS = 2

#: longest wait, in seconds, that a busy manager may ask for before the body is sent again
MAX_PAUSE_S = 60.0


class ImageUpload:
    """The upload of one image to one manager; safe to run again, since it lists first.

    :param repository: of the manager.
    :param source: where the bytes come from, or a function that returns it, called only if bytes are needed.
    :param file_name: exact name on the manager.
    :param checksum: digest that the source must have, or a function that returns it, called likewise.
    :param if_exists: ``skip``, ``replace`` or ``fail``.
    :param listing_timeout: seconds until an accepted image must be listed. If all bytes were sent and no response came,
        the manager may still work on them: the list is then polled for ``upload_read`` seconds of the session's
        timeouts, counted from the last byte.
    :param allow_in_use: let ``replace`` delete an image that a device needs.
    :param not_after: moment by which the last byte must be sent.
    :param notes: survive a killed task, so that the next try knows that all bytes were sent.
    :raises VManageConfigurationError: naming the field; nothing was sent.
    """

    def __init__(
        self,
        repository: SoftwareRepository,
        source: ImageSource | Callable[[], ImageSource],
        file_name: str,
        *,
        checksum: Checksum | Callable[[], Checksum | None] | None = None,
        if_exists: str = "skip",
        listing_timeout: float = 60.0,
        allow_in_use: bool = False,
        not_after: datetime | None = None,
        notes: UploadNotes | None = None,
    ) -> None:
        self.repository = repository
        self.source = source
        self.file_name = check_file_name(file_name)
        self.checksum = checksum
        self.if_exists = if_exists
        self.listing_timeout = parse_seconds(listing_timeout, "listing_timeout")
        self.allow_in_use = allow_in_use
        check_choice(if_exists, IF_EXISTS, "if_exists")
        self._notes = notes or NoNotes()
        self._deadline = Deadline(not_after, clock=repository.session.clock)
        self._listed = ListedFile(repository, file_name, self.listing_timeout)

    def run(self) -> Change:
        """Upload the image and return what was done.

        :raises VManageConflictError: the name exists and ``if_exists="fail"``; or another upload created it while this
            one ran, and ``if_exists`` is not ``skip``.
        :raises VManageSourceError: the source, or the list of checksums, is needed and cannot be read.
        :raises VManageInUseError: ``replace``, and a device needs the old image.
        :raises VManageChecksumError: wrong bytes; no image was created, and none was deleted.
        :raises VManageOutcomeUnknownError: not listed in time.
        """
        old = self._listed.read()
        change = self._find_sent_before(old) or self._decide_without_sending(old)
        if change is None:
            if old:
                self._delete_old(old)
            change = self._upload("replaced" if old else "uploaded")
        self._notes.clear()
        self._log_checksum(change)
        return change

    @cached_property
    def opened(self) -> ImageSource:
        """Return the source.

        :raises VManageSourceError: it is missing, empty or not readable.
        """
        return self.source() if callable(self.source) else self.source

    @cached_property
    def expected(self) -> Checksum | None:
        """Return the digest that the source must have.

        :raises VManageSourceError: the list that names it cannot be read.
        """
        checksum = self.checksum() if callable(self.checksum) else self.checksum
        if checksum and checksum.algorithm == "md5":
            log.warning("checksum is an MD5: it finds accidents, not forgeries; use sha512 where it is published")
        return checksum

    def _find_sent_before(self, old: list[SoftwareImage]) -> Change | None:
        """Return the change that an earlier, killed try of the same task made, once the list shows it."""
        note = self._notes.read()
        if note is None or note.file_name != self.file_name:
            return None
        try:
            if note.size != self.opened.size or not note.proves(self.expected):
                return None
        except VManageSourceError as err:  # raised again if bytes are needed
            log.info("The note of an earlier try cannot be compared: %s", err)
            return None
        log.info("An earlier try sent all bytes of %s: waiting for it to be listed", self.file_name)
        image = old[0] if old else self._listed.wait_for_processing(note.sent_on)
        return self._change(note.action, image, note.sha512) if image else None

    def _decide_without_sending(self, old: list[SoftwareImage]) -> Change | None:
        """Return the change if nothing is to be sent: the name exists, or check mode; otherwise ``None``."""
        if old and self.if_exists == "skip":
            log.info("%s is there already: nothing to send", self.file_name)
            return Change("unchanged", old[0], applied=not self.repository.check_mode)
        if old and self.if_exists == "fail":
            raise VManageConflictError(f"file_name {self.file_name!r} is there already, and if_exists is 'fail'")
        if not self.repository.check_mode:
            return None
        self._check_all(old)
        image = old[0] if old else SoftwareImage(file_name=self.file_name)
        sha512 = self.expected.digest if self.expected and self.expected.algorithm == "sha512" else None
        return self._change("replaced" if old else "uploaded", image, sha512, applied=False)

    def _delete_old(self, old: list[SoftwareImage]) -> None:
        """Delete the old image, once it may go and the new one is known to be good."""
        self._check_all(old)
        self.repository.session.renew_if_older(SESSION_MAX_AGE_S)  # a login that fails here costs no image
        # The check of a large source takes minutes, so delete_image reads the use again.
        version_id = old[0].version_id or old[0].record_id
        self.repository.delete_image(version_id=version_id, allow_in_use=self.allow_in_use)
        self._listed.ignore_deleted(old[0])

    def _check_all(self, old: list[SoftwareImage]) -> None:
        """Raise unless the old image may be deleted and the new one is good, with its whole source read if promised."""
        if len(old) > 1:
            found = [image.describe() for image in old]
            text = f"file_name {self.file_name!r} is listed {len(old)} times: {'; '.join(found)}"
            raise VManageAmbiguousError(text, candidates=found)
        if old:
            require_one(old, f"file_name {self.file_name!r}")
        if old and not self.allow_in_use:
            hint = "replace it once no device needs it, or set allow_in_use"
            read_usage(self.repository.session).refuse(old[0], hint)
        self._deadline.start(self.opened.size)
        if self.expected:
            check_digest(self.opened, self.expected, self.repository.session.raise_if_aborted)
        else:
            self.opened.open().close()
        self._deadline.start(self.opened.size)  # again: the check of a large source takes its time

    def _upload(self, action: str) -> Change:
        """Send the body, up to three times, until the list shows the image; return the change.

        :raises VManageOutcomeUnknownError: it does not.
        """
        settlement = Settlement(self._listed, self._notes, action=action, if_exists=self.if_exists)
        repeats: list[Repeat] = []
        while len(repeats) <= MAX_REPEATS:
            attempt = self._attempt(self._new_body(action), settlement, repeats)
            if isinstance(attempt, Settled):
                return attempt.change
            if isinstance(attempt, Unlisted):
                note_response(self._notes)
                reason = f"was accepted but is not listed after {self.listing_timeout:g} s (listing_timeout)"
                raise self._listed.outcome_unknown(reason)
            repeats.append(attempt)
        note_response(self._notes)
        err = repeats[-1].err
        raise self._listed.outcome_unknown(f"is not listed after {len(repeats)} attempts to send it ({err})") from err

    def _attempt(self, body: MultipartImage, settlement: Settlement, earlier: Sequence[Repeat]) -> Attempt:
        """Send one body and return its outcome.

        :raises VManageUnavailableError: the manager stays busy.
        :raises VManageRejectedError: the manager refused the image.
        """
        session = self.repository.session
        self._deadline.start(body.source.size)
        session.renew_if_older(SESSION_MAX_AGE_S)
        log.info("Sending %s (%.1f MB), attempt %d", self.file_name, body.source.size / 1e6, len(earlier) + 1)
        try:
            response = session.send_body(f"{PATH}/package", body, body.content_type)
            _raise_if_too_early(response, body)
        except VManageUnavailableError as err:  # not processed: 429, or the connection was refused
            _pause(session, err, len(earlier))
            return Repeat(err, body)
        except VManageRejectedError as err:
            return settlement.after_refusal(err, body, earlier)
        except OUTCOME_OPEN as err:
            return settlement.after_lost_response(err, body, earlier)
        return settlement.after_acceptance(body)

    def _new_body(self, action: str) -> MultipartImage:
        promised, size = str(self.expected or ""), self.opened.size

        def note(sha512: str) -> None:
            now = int(time.time())
            self._notes.write(UploadNote(action, self.file_name, size, sha512, checksum=promised, sent_on=now))

        return MultipartImage(
            self.opened,
            self.file_name,
            checksum=self.expected,
            raise_if_stopped=self.repository.session.raise_if_aborted,
            deadline=self._deadline,
            on_sent=note,
        )

    def _change(self, action: str, image: SoftwareImage, sha512: str | None, *, applied: bool = True) -> Change:
        verified = self.expected.algorithm if self.expected else None
        return Change(action, image, self.opened.size, sha512, applied=applied, verified=verified)

    def _log_checksum(self, change: Change) -> None:
        if change.size is not None:
            agreement = self.expected.describe_agreement() if self.expected else "not verified: no checksum was given"
            log.info("%s: %s", self.file_name, agreement)


def _raise_if_too_early(response: Envelope, body: MultipartImage) -> None:
    if not body.complete:
        raise VManageOutcomeUnknownError(
            "The manager accepted the image before it was sent",
            status=response.status,
            method=response.method,
            path=response.path,
        )


def _pause(session: ManagerSession, err: VManageUnavailableError, repeats: int) -> None:
    """Wait before the body is sent again, as long as the manager asks for.

    :raises VManageUnavailableError: that is too long, or it was sent often enough.
    """
    seconds = err.retry_after if err.retry_after is not None else 2.0**repeats
    if not err.repeat or seconds > MAX_PAUSE_S or repeats == MAX_REPEATS:
        raise err
    log.warning("%s; sending again in %.1f s", err, seconds)
    session.sleep(seconds)
