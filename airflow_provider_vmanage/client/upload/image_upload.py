"""Upload of one image, step by step, so that nothing false is left behind whatever breaks on the way."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from airflow_provider_vmanage.client.arguments import IF_EXISTS, check_choice, check_file_name
from airflow_provider_vmanage.client.changes import OUTCOME_OPEN, Change, is_refusal
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConfigurationError,
    VManageConflictError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSourceError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.matching import matches, spellings
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.software_repository import PATH, SoftwareRepository
from airflow_provider_vmanage.client.upload.body import MultipartImage, digest_of
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.deadline import Budget
from airflow_provider_vmanage.client.upload.resume_note import UploadNote, UploadNotes
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.client.usage import read_usage

log = logging.getLogger(__name__)

#: age in seconds from which a session is replaced before a transfer; managers end idle ones after 30 minutes
YOUNG = 600.0

#: how often the whole body is sent again at most
MAX_REPEATS = 2

#: that a file of this name is there. Anything else, said once all bytes were sent, is a refusal of these bytes.
_EXISTS = re.compile(
    r"duplicate|(?<!not )already[ _-](exist|present|there|uploaded)|(exists|in the repository) already",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ImageUpload:
    """One image on its way to one manager; safe to run again, since it lists first.

    :param repository: of the manager.
    :param source: where the bytes come from, or what finds it, called only where bytes are needed.
    :param file_name: exact name on the manager.
    :param checksum: digest that the source must have, or what reads it, called likewise.
    :param if_exists: ``skip``, ``replace`` or ``fail``.
    :param listing_timeout: seconds until an accepted image must be listed. Where all bytes were sent and no response
        came, the manager may still work on them: the list is then polled for ``upload_read`` seconds of the session's
        timeouts, counted from the last byte.
    :param allow_in_use: let ``replace`` delete an image that a device needs.
    :param not_after: moment by which the last byte must be sent.
    :param notes: survive a killed task, so that the next try knows that all bytes were sent.
    """

    repository: SoftwareRepository
    source: ImageSource | Callable[[], ImageSource]
    file_name: str
    checksum: Checksum | Callable[[], Checksum | None] | None = None
    if_exists: str = "skip"
    listing_timeout: float = 60.0
    allow_in_use: bool = False
    not_after: datetime | None = None
    notes: UploadNotes | None = None
    #: ids of what this run has deleted: a list that still shows them is late, and they confirm nothing
    deleted_ids: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the arguments; nothing is sent here.

        :raises VManageConfigurationError: naming the field.
        """
        check_file_name(self.file_name)
        check_choice(self.if_exists, IF_EXISTS, "if_exists")
        _check_seconds(self.listing_timeout, "listing_timeout")

    def run(self) -> Change:
        """Bring the image to the manager and return what was done.

        :raises VManageConflictError: the name is there and ``if_exists="fail"``; or another upload put it there while
            this one ran, and ``if_exists`` is not ``skip``.
        :raises VManageSourceError: the source, or the list of checksums, is needed and cannot be read.
        :raises VManageInUseError: ``replace``, and a device needs the old image.
        :raises VManageChecksumError: wrong bytes; no image came to be, and none was deleted.
        :raises VManageOutcomeUnknownError: not listed in time.
        """
        old = self._listed()
        change = self._sent_before(old) or self._bring(old)
        self._forget_note()
        self._log_checksum(change)
        return change

    @cached_property
    def found(self) -> ImageSource:
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

    def _sent_before(self, old: list[SoftwareImage]) -> Change | None:
        """Return the change that an earlier, killed try of the same task made, once the list shows it."""
        note = self.notes.read() if self.notes is not None else None
        if note is None or not self._is_about_this(note):
            return None
        log.info("An earlier try sent all bytes of %s: waiting for it to be listed", self.file_name)
        image = old[0] if old else self._wait_listed(self._seconds_to_wait(note.sent_on))
        return self._change(note.action, image, note.size, note.sha512) if image else None

    def _is_about_this(self, note: UploadNote) -> bool:
        if note.file_name != self.file_name:
            return False
        try:
            return note.size == self.found.size and note.proves(self.expected)
        except VManageSourceError as err:  # raised again if the list says that bytes are needed
            log.info("The note of an earlier try cannot be compared: %s", err)
            return False

    def _change(self, action: str, image: SoftwareImage, size: int, sha512: str | None) -> Change:
        return Change(action, image, size, sha512, verified=self.expected.algorithm if self.expected else None)

    def _log_checksum(self, change: Change) -> None:
        if change.size is not None and self.expected is None:
            log.info("%s: not verified: no checksum was given", self.file_name)
        elif change.size is not None and self.expected is not None:
            log.info("%s: %s", self.file_name, self.expected.describe_agreement())

    def _bring(self, old: list[SoftwareImage]) -> Change:
        if old and self.if_exists == "skip":
            log.info("%s is there already: nothing to send", self.file_name)
            return Change("unchanged", old[0], applied=not self.repository.check_mode)
        if old and self.if_exists == "fail":
            raise VManageConflictError(f"file_name {self.file_name!r} is there already, and if_exists is 'fail'")
        budget = Budget(self.not_after) if self.not_after else None
        if self.repository.check_mode:
            return self._would_bring(old, budget)
        if old:
            self._give_up(old, budget)
        return self._transfer("replaced" if old else "uploaded", budget)

    def _give_up(self, old: list[SoftwareImage], budget: Budget | None) -> None:
        """Delete the old image, once nothing speaks against it and the new one is known to be good."""
        self._raise_unless_good(old, budget)
        self.repository.session.renew_if_older(YOUNG)  # a login that fails here costs no image
        # The check of a large source takes minutes, so delete_image looks up the use again.
        version_id = old[0].version_id or old[0].record_id
        self.repository.delete_image(version_id=version_id, allow_in_use=self.allow_in_use)
        self.deleted_ids.update(one for one in (version_id, old[0].file_id) if one)

    def _would_bring(self, old: list[SoftwareImage], budget: Budget | None) -> Change:
        """Return what a run would do, with everything checked and nothing changed."""
        self._raise_unless_good(old, budget)
        image = old[0] if old else SoftwareImage(file_name=self.file_name)
        sha512 = self.expected.digest if self.expected and self.expected.algorithm == "sha512" else None
        change = self._change("replaced" if old else "uploaded", image, self.found.size, sha512)
        return replace(change, applied=False)

    def _raise_unless_good(self, old: list[SoftwareImage], budget: Budget | None) -> None:
        if len(old) > 1:
            found = [image.describe() for image in old]
            raise VManageAmbiguousError(
                f"file_name {self.file_name!r} is listed {len(old)} times: {'; '.join(found)}",
                candidates=found,
            )
        self.repository.check_selection(old, f"file_name {self.file_name!r}")
        if old and not self.allow_in_use:
            self._raise_if_in_use(old[0])
        if budget:
            budget.start(self.found.size)
        if self.expected:
            digest_of(self.found, self.expected, self.repository.session.raise_if_aborted)
        else:
            self.found.open().close()
        if budget:
            budget.start(self.found.size)  # the check of a large source takes its time

    def _raise_if_in_use(self, image: SoftwareImage) -> None:
        mend = "replace it after the devices have moved on, or set allow_in_use"
        read_usage(self.repository.session).refuse(image, mend)

    def _transfer(self, action: str, budget: Budget | None) -> Change:
        image: SoftwareImage | None
        lost: VManageError | None = None
        sent: MultipartImage | None = None  # what may have become an image
        for attempt in range(1 + MAX_REPEATS):
            body = self._new_body(action, budget)
            if budget:
                budget.start(self.found.size)
            self.repository.session.renew_if_older(YOUNG)
            log.info("Sending %s (%.1f MB), attempt %d", self.file_name, self.found.size / 1e6, attempt + 1)
            try:
                self._send(body)
            except VManageUnavailableError as err:
                lost = err  # surely not processed (429, connection refused)
                self._pause(err, attempt)
                continue
            except VManageRejectedError as err:
                image = self._found_instead(err, body, sent, lost)
                lost = err
            except OUTCOME_OPEN as err:
                lost = err
                log.warning("%s; %d of %d bytes were sent; reading the list", err, body.sent, len(body))
                if body.complete and _is_silence(err):
                    return self._wait_after_silence(action, body, err)
                is_open = body.complete and not is_refusal(err)
                sent = body if is_open else sent
                image = self._wait_listed(self.listing_timeout if is_open else 0, lost=err)
            else:
                lost, sent = None, body
                image = self._wait_listed(self.listing_timeout)
            if image is not None:
                own = self._change(action, image, self.found.size, sent.sha512) if sent else None
                return own or self._come_second(image, lost)
            if lost is None:
                break
        self._note_response()
        raise self._not_there(lost)

    def _wait_after_silence(self, action: str, body: MultipartImage, lost: VManageError) -> Change:
        """Return the change once the list shows the image: the manager has all bytes and may still work on them.

        :raises VManageOutcomeUnknownError: not listed within ``upload_read`` seconds of the last byte. Nothing is sent
            again in this try: that would give the manager a second image to work on.
        """
        cause = lost
        try:
            image = self._wait_listed(self._seconds_to_wait(body.sent_on), lost=lost)
            if image is not None:
                return self._change(action, image, self.found.size, body.sha512)
        except (VManageUnavailableError, VManageProtocolError) as err:
            cause = err
        seconds = self.repository.session.settings.timeouts.upload_read
        text = f"is not listed {seconds:g} s after all bytes were sent (upload_read_timeout), and was not sent again"
        raise self._unknown(f"{text} ({lost})", cause)

    def _seconds_to_wait(self, sent_on: float) -> float:
        """Return the seconds until an image must be listed whose last byte was sent at that time."""
        longest = self.repository.session.settings.timeouts.upload_read
        return max(self.listing_timeout, min(sent_on + longest - time.time(), longest))

    def _send(self, body: MultipartImage) -> None:
        """Send one body.

        :raises VManageOutcomeUnknownError: also where the manager said yes before it had all bytes: to what?
        """
        answer = self.repository.session.send_body(f"{PATH}/package", body, body.content_type)
        if not body.complete:
            raise VManageOutcomeUnknownError(
                "The manager accepted the image before it was sent",
                status=answer.status,
                method=answer.method,
                path=answer.path,
            )

    def _found_instead(
        self, err: VManageRejectedError, body: MultipartImage, sent: MultipartImage | None, lost: VManageError | None
    ) -> SoftwareImage:
        """Return the image for which this body was refused: an earlier one of ours, or that of another upload.

        A body that was not complete cannot be the image that is listed. A complete one can, whatever the manager made
        of it: then its refusal stands, unless it says that the name was taken.
        """
        image = self._wait_listed(0) if sent else self._glimpse()
        if image is not None and (not body.complete or _says_it_exists(err)):
            return image
        self._forget_note(unless=lost)
        if image is not None:
            # Final under 5xx too: another try would find the name there, and call that a success.
            err.retryable = False
            err.add("the list shows the file all the same: look at it before you use it")
        raise err

    def _glimpse(self) -> SoftwareImage | None:
        """Look once; where that fails, there is nothing to say against the refusal."""
        try:
            return self._wait_listed(0)
        except VManageError as err:
            log.debug("The list could not be read after a refusal: %s", err)
            return None

    def _come_second(self, image: SoftwareImage, err: VManageError | None) -> Change:
        """Leave alone what another upload put there while this one ran: whether it has the same bytes is not told."""
        if self.if_exists == "skip":
            log.info("Another upload put %s there meanwhile: nothing left to do (%s)", image.describe(), err)
            self._forget_note()
            return Change("unchanged", image)
        left_alone = "whose bytes it has is not known; it was left alone, run again to replace it"
        mend = "if_exists is 'fail'" if self.if_exists == "fail" else left_alone
        fields = err.fields if err is not None else {}
        said = f" ({err.message})" if err is not None else ""
        raise VManageConflictError(
            f"file_name {self.file_name!r}: another upload put it there meanwhile, and {mend}{said}", **fields
        ) from err

    def _new_body(self, action: str, budget: Budget | None) -> MultipartImage:
        return MultipartImage(
            self.found,
            self.file_name,
            checksum=self.expected,
            raise_if_stopped=self.repository.session.raise_if_aborted,
            budget=budget,
            on_sent=lambda sha512: self._note(action, sha512),
        )

    def _note(self, action: str, sha512: str) -> None:
        if self.notes is not None:
            promised = str(self.expected or "")
            size, now = self.found.size, int(time.time())
            self.notes.write(UploadNote(action, self.file_name, size, sha512, checksum=promised, sent_on=now))

    def _note_response(self) -> None:
        """Note that a response came: the next try need not wait until the manager has worked on the image."""
        note = self.notes.read() if self.notes is not None else None
        if self.notes is not None and note is not None:
            self.notes.write(replace(note, sent_on=0))

    def _forget_note(self, *, unless: VManageError | None = None) -> None:
        """Forget what was sent: it is listed, or was refused, unless a copy of it may still show up."""
        if self.notes is not None and unless is None:
            self.notes.clear()

    def _pause(self, err: VManageUnavailableError, attempt: int) -> None:
        seconds = err.retry_after if err.retry_after is not None else 2.0**attempt
        if not err.repeat or seconds > 60 or attempt == MAX_REPEATS:
            raise err
        log.warning("%s; sending again in %.1f s", err, seconds)
        self.repository.session.sleep(seconds)

    def _listed(self) -> list[SoftwareImage]:
        """Return the images of this name that the manager stores, except those that this run has deleted."""
        names = spellings(self.file_name)
        images = [one for one in self.repository.list_images() if one.is_on_manager and not self._is_deleted(one)]
        return [image for image in images if matches(image, file_names=names)]

    def _is_deleted(self, image: SoftwareImage) -> bool:
        return (image.file_id or image.record_id) in self.deleted_ids

    def _wait_listed(self, timeout: float, *, lost: VManageError | None = None) -> SoftwareImage | None:
        return self.repository.changes.wait_for(lambda: next(iter(self._listed()), None), timeout, lost=lost)

    def _not_there(self, lost: VManageError | None) -> VManageError:
        if lost is None:
            text = f"was accepted but is not listed after {self.listing_timeout:g} s (listing_timeout)"
        else:
            text = f"is not listed after {1 + MAX_REPEATS} attempts to send it ({lost})"
        return self._unknown(text, lost)

    def _unknown(self, text: str, cause: VManageError | None) -> VManageOutcomeUnknownError:
        error = VManageOutcomeUnknownError(f"{self.file_name} {text}", method="POST", path=f"{PATH}/package")
        error.__cause__ = cause
        return error


def _is_silence(err: VManageError) -> bool:
    """Return whether no response came, or none that can be read: it says nothing about the bytes that were sent."""
    is_broken = isinstance(err, VManageProtocolError) and err.status is not None and err.status < 300
    return is_broken or isinstance(err, VManageOutcomeUnknownError)


def _says_it_exists(err: VManageRejectedError) -> bool:
    """Tell whether a refusal says that the name is taken; in which words managers say it is not known."""
    return _EXISTS.search(f"{err.message} {err.details} {err.code}") is not None


def _check_seconds(value: Any, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise VManageConfigurationError(f"{field} is {value!r}: give a number of seconds above 0")
