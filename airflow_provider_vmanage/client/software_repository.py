"""The software repository of a manager: list, find, add a URL, delete. Uploads are in ``image_upload``.

Every change lists first and lists again to confirm, so a change that was made by a lost request is found, and running
the same change twice does it once. Names, versions and ids are compared exactly: ``20.1`` never fits ``20.12``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakKeyDictionary

from airflow_provider_vmanage.client.arguments import (
    IF_EXISTS,
    IF_MISSING,
    check_choice,
    one_selector,
    require_text,
)
from airflow_provider_vmanage.client.changes import Change as Change
from airflow_provider_vmanage.client.changes import ConfirmedChanges, delete_file
from airflow_provider_vmanage.client.errors import (
    VManageConflictError,
    VManageError,
    VManageNotFoundError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http.responses import API_ROOT
from airflow_provider_vmanage.client.matching import (
    AwaitedImage,
    is_selected,
    is_sibling,
    matches,
    only_one,
    placeholder,
)
from airflow_provider_vmanage.client.models import SoftwareImage, parse_images
from airflow_provider_vmanage.client.releases import explain_refused_url, explain_unsupported_url
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.urls import (
    check_repository_url,
    masked_url,
    path_below,
    same_url,
    secrets_in_url,
)
from airflow_provider_vmanage.client.usage import read_usage

log = logging.getLogger(__name__)

PATH = "device/action/software"

#: the records that each session was warned of because they cannot be read
_WARNED: WeakKeyDictionary[ManagerSession, set[str]] = WeakKeyDictionary()


class SoftwareRepository:
    """The images and repository URLs of one manager.

    :param session: the session to use; its owner closes it.
    :param check_mode: read and check all, change nothing, and return what would be done.
    :param clock: as for :class:`.ConfirmedChanges`.
    """

    def __init__(
        self, session: ManagerSession, *, check_mode: bool = False, clock: Callable[[], float] | None = None
    ) -> None:
        self.session = session
        self.changes = ConfirmedChanges(session, clock=clock)
        self.check_mode = check_mode

    def list_images(self, *, image_type: str | None = None) -> list[SoftwareImage]:
        """Return one image per file, in the manager's order; one call.

        A record that cannot be read is returned as an image with its ``raw`` alone, and logged once per session.

        :param image_type: only this type, such as ``software``. Releases that state no type (16.3) match none.
        :raises VManageError: as any read; a broken list is an error, never an empty one.
        """
        images = self.session.request("GET", PATH).parsed(parse_images)
        self._warn_of_unreadable(images)
        return [image for image in images if image_type is None or image.image_type == image_type]

    def _warn_of_unreadable(self, images: Iterable[SoftwareImage]) -> None:
        warned = _WARNED.setdefault(self.session, set())
        for problem in {image.problem for image in images if image.problem} - warned:
            warned.add(problem)
            log.warning("A record of the list could not be read, so it matches nothing and is kept: %s", problem)

    def find_images(self, *, version: str | None = None, file_name: str | None = None) -> list[SoftwareImage]:
        """Return the images that fit exactly what is given; one call.

        :param version: the version as listed.
        :param file_name: the listed or the uploaded file name.
        :raises VManageConfigurationError: nothing to look for, or a blank: it would fit nothing, or everything.
        :raises VManageError: as any read.
        """
        wanted = AwaitedImage(version, file_name).checked()
        names = None if wanted.file_name is None else (wanted.file_name,)
        return [image for image in self.list_images() if matches(image, version=wanted.version, file_names=names)]

    def add_url(self, version_name: str, version_url: str, *, if_exists: str = "skip") -> Change:
        """Add the URL of a repository elsewhere; safe to run again.

        :param version_name: name of the entry.
        :param version_url: scheme http, https, ftp, scp, sftp or tftp. Whether the manager looks at what is behind
            it is not documented; a client says it does not.
        :param if_exists: ``skip`` and ``fail`` speak about the same name with the same URL; with another URL both
            are errors, and only ``replace`` deletes the old entry first: whether a manager takes two entries of one
            name is not known. Where the new one is refused, the old one is put back.
        :raises VManageConflictError: the name is taken.
        :raises VManageOutcomeUnknownError: sent, but not listed within a minute.
        """
        name = require_text(version_name, "version_name")
        require_text(version_url, "version_url")
        url = check_repository_url(version_url)
        check_choice(if_exists, IF_EXISTS, "if_exists")
        self.session.keep_secret(*secrets_in_url(url))
        entries = [image for image in self.list_images() if image.is_repository_url and image.version == name]
        same = [entry for entry in entries if same_url(entry.url or "", url)]
        if same and if_exists != "fail":
            return Change("unchanged", same[0], applied=not self.check_mode)
        if entries and if_exists != "replace":
            raise _url_conflict(name, same or entries, differs=not same)
        if self.check_mode:
            for old in entries:
                only_one([old], f"version {name!r}")
            return self._would_add(name, url, "replaced" if entries else "added")
        for old in entries:
            only_one([old], f"version {name!r}")
        return self._replace_urls(entries, name, url) if entries else Change("added", self._post_url(name, url))

    def delete_image(
        self,
        *,
        version_id: str | None = None,
        version: str | None = None,
        file_name: str | None = None,
        if_missing: str = "skip",
        allow_in_use: bool = False,
    ) -> Change:
        """Delete exactly one image or repository URL; safe to run again.

        :param version_id: id of the record or of the file.
        :param version: version as listed.
        :param file_name: the listed or the uploaded file name.
        :param if_missing: ``skip`` (success, unchanged) or ``fail``.
        :param allow_in_use: delete it although a device needs it.
        :raises VManageInUseError: a device, the manager itself or one of its tasks needs it or may need it, or the
            devices or tasks could not be listed (:class:`~.usage.Usage`).
        :raises VManageConfigurationError: not exactly one of the three is given.
        :raises VManageNotFoundError: nothing fits, with ``if_missing="fail"``.
        :raises VManageAmbiguousError: several fit, or the record holds other files and the manager shows no id for
            this one.
        :raises VManageLostImageError: other files of its record are no longer listed since.
        :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
        """
        selectors = {"version_id": version_id, "version": version, "file_name": file_name}
        field, value = one_selector(selectors)
        check_choice(if_missing, IF_MISSING, "if_missing")
        listed = self.list_images()
        images = [image for image in listed if is_selected(image, field, value)]
        if not images:
            if if_missing == "fail":
                raise VManageNotFoundError(f"No image has the {field} {value!r}, and if_missing is 'fail'")
            log.info("No image has the %s %r: nothing to delete", field, value)
            return Change("unchanged", placeholder(field, value), applied=not self.check_mode)
        image = only_one(images, f"{field} {value!r}")
        if not allow_in_use:
            read_usage(self.session).refuse(image, "delete it after the devices have moved on, or set allow_in_use")
        return self.remove(image, listed)

    def remove(self, image: SoftwareImage, listed: Sequence[SoftwareImage] | None = None) -> Change:
        """Delete an image that a list has shown, whoever uses it, and confirm; safe to run again.

        :param listed: the newest list; without it, the other files of its record are listed first, if there are any.
        :raises VManageAmbiguousError: its record holds other files, and the manager shows no id for this one.
        :raises VManageLostImageError: other files of its record are no longer listed since.
        :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
        """
        only_one([image], image.describe())
        if self.check_mode:
            return Change("deleted", image, applied=False)
        if listed is None:
            listed = self.list_images() if image.shares_record else ()
        siblings = [one for one in listed if image.shares_record and is_sibling(one, image)]
        return Change("deleted" if self._remove(image, siblings) else "unchanged", image)

    def check_selection(self, images: Sequence[SoftwareImage], what: str) -> None:
        """Do nothing where at most one image is selected and can be deleted alone.

        :raises VManageAmbiguousError: otherwise.
        """
        if images:
            only_one(images, what)

    def _replace_urls(self, entries: Sequence[SoftwareImage], name: str, url: str) -> Change:
        deleted: list[SoftwareImage] = []
        try:
            for old in entries:
                self._remove(old)
                deleted.append(old)
            return Change("replaced", self._post_url(name, url))
        except VManageError as err:
            if deleted:
                err.add(self._put_back(deleted, err, name, url))
            raise

    def _put_back(self, deleted: Sequence[SoftwareImage], err: VManageError, name: str, url: str) -> str:
        """Add the old entries again where the new one surely was not made; return what became of them."""
        urls = ", ".join(masked_url(old.url or "") for old in deleted)
        if not isinstance(err, (VManageRejectedError, VManageUnavailableError)) or err.method == "GET":
            return f"the entry of before is deleted: {urls}"
        try:
            if self._url_entry(name, url) is not None:  # refused, and made all the same
                return f"the new entry is listed nevertheless, and the entry of before is deleted: {urls}"
            for old in deleted:
                self._post_url(old.version or "", old.url or "")
        except VManageError as again:
            return f"the entry of before could not be put back, add it again: {urls} ({again})"
        return f"the entry of before was put back: {urls}"

    def _would_add(self, name: str, url: str, action: str) -> Change:
        if known := explain_unsupported_url(self.session.server):
            raise VManageRejectedError(known, method="POST", path=f"{API_ROOT}/{PATH}")
        return Change(action, SoftwareImage(version=name, url=url), applied=False)

    def _post_url(self, name: str, url: str) -> SoftwareImage:
        try:
            return self.changes.make(
                "POST",
                PATH,
                {"versionName": name, "versionURL": url},
                find=lambda: self._url_entry(name, url),
                pending=f"The entry {name!r} with {masked_url(url)} is not listed",
            )
        except VManageRejectedError as err:
            if err.method == "GET":  # the list that confirms
                raise
            raise explain_refused_url(err, self.session.server) from None

    def _url_entry(self, name: str, url: str) -> SoftwareImage | None:
        images = self.list_images()
        entries = (one for one in images if one.is_repository_url and one.version == name)
        return next((one for one in entries if same_url(one.url or "", url)), None)

    def _remove(self, image: SoftwareImage, siblings: Sequence[SoftwareImage] = ()) -> bool:
        """Delete by id and confirm; return false if another client had deleted it."""
        return delete_file(self.changes, self.list_images, path_below(PATH, image.version_id or ""), image, siblings)


def _url_conflict(name: str, entries: Sequence[SoftwareImage], *, differs: bool) -> VManageConflictError:
    urls = ", ".join(masked_url(entry.url or "") for entry in entries)
    mend = "use another version_name, or if_exists='replace'" if differs else "if_exists is 'fail'"
    return VManageConflictError(f"version_name {name!r} is there already with {urls}: {mend}")
