"""The software repository of a manager: list, find, add a repository URL, delete. :mod:`.image_upload` uploads.

Every change lists first, and lists again to confirm it (:mod:`.changes`), so running it twice changes the repository
once. Names, versions and ids match exactly (:mod:`.matching`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from airflow_provider_vmanage.client.arguments import (
    IF_EXISTS,
    IF_MISSING,
    check_choice,
    one_selector,
    require_text,
)
from airflow_provider_vmanage.client.changes import Change as Change
from airflow_provider_vmanage.client.changes import ConfirmedChanges, delete_file, is_refusal
from airflow_provider_vmanage.client.device_actions.usage import read_usage
from airflow_provider_vmanage.client.download.image_stream import ImageStream
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConflictError,
    VManageError,
    VManageNotFoundError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http.responses import API_ROOT
from airflow_provider_vmanage.client.matching import (
    AwaitedImage,
    is_same_file,
    is_selected,
    is_sibling,
    make_placeholder,
    matches,
    require_one,
)
from airflow_provider_vmanage.client.models import SoftwareImage, parse_images
from airflow_provider_vmanage.client.releases import explain_refused_url, explain_unsupported_url
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.urls import (
    build_path,
    check_repository_url,
    masked_url,
    same_url,
    secrets_in_url,
)

log = logging.getLogger(__name__)

PATH = "device/action/software"

#: the unreadable records that were logged already, by session
_WARNED: WeakKeyDictionary[ManagerSession, set[str]] = WeakKeyDictionary()


class SoftwareRepository:
    """The images and repository URLs of one manager.

    :param session: the session to use; its owner closes it.
    :param check_mode: read and check everything, change nothing, and return what would be done.
    """

    def __init__(self, session: ManagerSession, *, check_mode: bool = False) -> None:
        self.session = session
        self.changes = ConfirmedChanges(session)
        self.check_mode = check_mode

    def list_images(self, *, image_type: str | None = None) -> list[SoftwareImage]:
        """Return one image per file, in the manager's order; one call.

        A record that cannot be read becomes an image that has only ``raw``; it is logged once per session.

        :param image_type: only this type, such as ``software``. A release that lists no types (16.3) matches none.
        :raises VManageError: as any read; a broken list is an error, never an empty list.
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
        """Return the images that match exactly what is given; one call.

        :param version: the version as listed.
        :param file_name: the listed or the uploaded file name.
        :raises VManageConfigurationError: nothing is given, or a blank name: it would match everything, or nothing.
        :raises VManageError: as any read.
        """
        wanted = AwaitedImage(version, file_name).checked()
        return [image for image in self.list_images() if wanted.fits(image)]

    def find_stored(self, file_name: str) -> SoftwareImage:
        """Return the image of that name whose file the manager itself stores; one call.

        :param file_name: the listed or the uploaded file name, exactly.
        :raises VManageConfigurationError: the name is blank.
        :raises VManageNotFoundError: no image has the name, or its file is on a remote server.
        :raises VManageAmbiguousError: several have it.
        :raises VManageError: as any read.
        """
        found = self.find_images(file_name=file_name)
        stored = [image for image in found if image.is_on_manager]
        if not stored:
            where = f" stored on the manager: {found[0].describe()} is elsewhere" if found else ""
            raise VManageNotFoundError(f"No image has the file_name {file_name!r}{where}")
        if len(stored) > 1:
            candidates = [image.describe() for image in stored]
            text = f"file_name {file_name!r} is listed {len(stored)} times: {'; '.join(candidates)}"
            raise VManageAmbiguousError(text, candidates=candidates)
        return stored[0]

    def open_image(self, image: SoftwareImage) -> ImageStream:
        """Return the bytes of a stored image as a file to read once; close it before the session.

        The path is documented (OpenAPI 22 and 26.1). That its name is the listed one is inferred.

        :param image: of :meth:`find_stored`.
        :raises VManageError: as any read; a page or JSON in place of the image is an error too.
        """
        name = image.file_name or ""
        path = build_path(f"{PATH}/package", name)
        return ImageStream(self.session, path, {"imageType": image.image_type or "software"}, name)

    def add_url(self, version_name: str, version_url: str, *, if_exists: str = "skip") -> Change:
        """Add a repository URL; safe to run again.

        :param version_name: its name.
        :param version_url: scheme http, https, ftp, scp, sftp or tftp. Whether the manager checks what the URL leads
            to is not documented; a public client reports that it does not.
        :param if_exists: ``skip`` and ``fail`` apply if the name exists with the same URL. If it exists with another
            URL, both raise an error, and ``replace`` deletes the old one first: whether a manager accepts two
            repository URLs of one name is not known. If the manager refuses the new one, the old one is added again.
        :raises VManageConflictError: the name exists.
        :raises VManageOutcomeUnknownError: sent, but not listed within a minute.
        """
        name = require_text(version_name, "version_name")
        require_text(version_url, "version_url")
        url = check_repository_url(version_url)
        check_choice(if_exists, IF_EXISTS, "if_exists")
        self.session.keep_secret(*secrets_in_url(url))
        listed = self._list_urls(name)
        same = [one for one in listed if same_url(one.url or "", url)]
        if same and if_exists != "fail":
            return Change("unchanged", same[0], applied=not self.check_mode)
        if listed and if_exists != "replace":
            raise _url_conflict(name, same or listed, differs=not same)
        for old in listed:
            require_one([old], f"version {name!r}")
        if self.check_mode:
            return self._preview_url(name, url, "replaced" if listed else "added")
        return self._replace_urls(listed, name, url) if listed else Change("added", self._post_url(name, url))

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
        :param allow_in_use: delete it even if a device needs it.
        :raises VManageInUseError: a device, the manager itself or one of its tasks needs it or may need it, or the
            devices or tasks could not be listed (:class:`.Usage`).
        :raises VManageConfigurationError: not exactly one of the three is given.
        :raises VManageNotFoundError: nothing matches, with ``if_missing="fail"``.
        :raises VManageAmbiguousError: several match, or the record holds other files and the manager shows no id for
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
            return Change("unchanged", make_placeholder(field, value), applied=not self.check_mode)
        image = require_one(images, f"{field} {value!r}")
        if not allow_in_use:
            read_usage(self.session).refuse(image, "delete it once no device needs it, or set allow_in_use")
        return self.delete_listed(image, listed)

    def delete_listed(self, image: SoftwareImage, listed: Sequence[SoftwareImage] | None = None) -> Change:
        """Delete a listed image, whatever uses it, and confirm; safe to run again.

        An image that was alone in its record may share it by now, and the record's id would delete all of its files:
        so the newest list decides by which id it is deleted.

        :param listed: the newest list, with the image; without it, the images are listed first.
        :raises VManageAmbiguousError: its record holds other files, and the manager shows no id for this one.
        :raises VManageLostImageError: other files of its record are no longer listed since.
        :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
        """
        require_one([image], image.describe())
        if self.check_mode:
            return Change("deleted", image, applied=False)
        if listed is None:
            listed = self.list_images()
            found = [one for one in listed if is_same_file(one, image)]
            if not found:
                log.warning("%s is not listed any more: nothing to delete", image.describe())
                return Change("unchanged", image)
            image = require_one(found, image.describe())
        siblings = [one for one in listed if image.shares_record and is_sibling(one, image)]
        return Change("deleted" if self._delete(image, siblings) else "unchanged", image)

    def _replace_urls(self, listed: Sequence[SoftwareImage], name: str, url: str) -> Change:
        deleted: list[SoftwareImage] = []
        try:
            for old in listed:
                self._delete(old)
                deleted.append(old)
            return Change("replaced", self._post_url(name, url))
        except VManageError as err:
            if deleted:
                err.add(self._add_again(deleted, err, name, url))
            raise

    def _add_again(self, deleted: Sequence[SoftwareImage], err: VManageError, name: str, url: str) -> str:
        """Add the old repository URLs again if the new one was not added; return the outcome."""
        urls = ", ".join(masked_url(old.url or "") for old in deleted)
        is_refused = isinstance(err, (VManageRejectedError, VManageUnavailableError)) or is_refusal(err)
        if not is_refused or err.method == "GET":
            return f"the old repository URL is deleted: {urls}"
        try:
            if self._find_url(name, url) is not None:  # refused, but added
                return f"the new repository URL is listed nevertheless, and the old one is deleted: {urls}"
            for old in deleted:
                self._post_url(old.version or "", old.url or "")
        except VManageError as again:
            return f"the old repository URL could not be added again, add it yourself: {urls} ({again})"
        return f"the old repository URL was added again: {urls}"

    def _preview_url(self, name: str, url: str, action: str) -> Change:
        if known := explain_unsupported_url(self.session.server):
            raise VManageRejectedError(known, method="POST", path=f"{API_ROOT}/{PATH}")
        return Change(action, SoftwareImage(version=name, url=url), applied=False)

    def _post_url(self, name: str, url: str) -> SoftwareImage:
        try:
            return self.changes.make(
                "POST",
                PATH,
                {"versionName": name, "versionURL": url},
                find=lambda: self._find_url(name, url),
                pending=f"The repository URL {name!r} with {masked_url(url)} is not listed",
            )
        except VManageRejectedError as err:
            if err.method == "GET":  # the list that confirms
                raise
            raise explain_refused_url(err, self.session.server) from None

    def _find_url(self, name: str, url: str) -> SoftwareImage | None:
        return next((one for one in self._list_urls(name) if same_url(one.url or "", url)), None)

    def _list_urls(self, name: str) -> list[SoftwareImage]:
        """Return the repository URLs of a name; one call."""
        return [one for one in self.list_images() if one.is_repository_url and matches(one, version=name)]

    def _delete(self, image: SoftwareImage, siblings: Sequence[SoftwareImage] = ()) -> bool:
        """Delete by id and confirm; return false if another client had deleted it."""
        return delete_file(self.changes, self.list_images, build_path(PATH, image.version_id or ""), image, siblings)


def _url_conflict(name: str, listed: Sequence[SoftwareImage], *, differs: bool) -> VManageConflictError:
    urls = ", ".join(masked_url(one.url or "") for one in listed)
    fix = "use another version_name, or if_exists='replace'" if differs else "if_exists is 'fail'"
    return VManageConflictError(f"version_name {name!r} exists already with {urls}: {fix}")
