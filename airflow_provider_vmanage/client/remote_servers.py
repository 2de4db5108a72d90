"""Remote servers, which hold images that the manager does not store itself, and the images on them.

They are in the vendor's API at least since 2022, and its documentation of release 20.16 shows no other way to add an
image that the manager does not store. Every change lists first and again afterwards, so running it twice changes the
manager once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.arguments import check_choice, check_file_name, require_text
from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConflictError,
    VManageInUseError,
    VManageNotFoundError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.matching import matches, spellings
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.releases import explain_refused_remote
from airflow_provider_vmanage.client.remote_server_fields import (
    UPDATE_PASSWORD,
    RemoteServer,
    check_remote_server,
    parse_remote_server,
)
from airflow_provider_vmanage.client.software_repository import PATH, SoftwareRepository
from airflow_provider_vmanage.client.urls import build_path

SERVERS = "device/action/remote-server"

#: number of images that an error names
MAX_NAMED_IMAGES = 10


@dataclass(frozen=True)
class ServerChange:
    """The result of a changing call on a remote server.

    :param action: ``added``, ``updated``, ``deleted`` or ``unchanged``.
    :param server: the server as listed, or as it would be in check mode.
    :param differs: names of the fields that were not as wanted; ``password`` if the call was made to send it.
    :param applied: false in check mode.
    """

    action: str
    server: RemoteServer
    differs: tuple[str, ...] = ()
    applied: bool = True

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types that the operator returns; it holds no password."""
        return {
            "action": self.action,
            "changed": self.action != "unchanged",
            **self.server.as_row(),
            "differs": list(self.differs),
            "applied": self.applied,
        }


class RemoteServers:
    """The remote servers of one manager.

    :param repository: of the manager; in its check mode nothing is changed.
    """

    def __init__(self, repository: SoftwareRepository) -> None:
        self.repository = repository
        self.session = repository.session

    def read(self) -> list[RemoteServer]:
        """Return all remote servers; one call.

        :raises VManageRejectedError: a release that does not know remote servers, with a hint.
        :raises VManageError: as any read.
        """
        try:
            return self.session.request("GET", SERVERS).parsed(_parse_servers)
        except VManageRejectedError as err:
            raise explain_refused_remote(err, self.session.server) from None

    def ensure(
        self,
        wanted: RemoteServer,
        password: str | None,
        *,
        update_password: str = "on_create",  # noqa: S107 - a choice, no password
        allow_in_use: bool = False,
    ) -> ServerChange:
        """Add or update a remote server so that it is as wanted; safe to run again.

        :param wanted: all but its id.
        :param password: of its user. A manager never shows it, so it cannot be compared.
        :param update_password: ``on_create`` (a password alone is no reason for an update), or ``always`` (send it
            with every call, so that every call is a change). Every update sends the password: what a manager does
            with an update that lacks it is not documented.
        :param allow_in_use: send an update even if images refer to the server. Cisco's Ansible collection tests that
            a manager refuses that (with another port); whether each release does, or for each field, is unknown.
        :raises VManageInUseError: images are or may be on a server that differs, naming up to ten. Nothing was sent.
        :raises VManageOutcomeUnknownError: sent, but not listed as wanted within a minute.
        """
        check_choice(update_password, UPDATE_PASSWORD, "update_password")
        servers = self.read()
        old = _one(servers, wanted.name)
        if old is None:
            return self._write("POST", SERVERS, password, ServerChange("added", wanted))
        differs = old.differences(wanted)
        if password and update_password == "always":  # noqa: S105 - a choice, no password
            differs = (*differs, "password")
        if not differs:
            return ServerChange("unchanged", old, applied=not self.repository.check_mode)
        if not allow_in_use and (images := self._images_on(old, servers)):
            raise VManageInUseError(
                f"The remote server {old.name!r} holds, or may hold, {len(images)} images of the repository, so it "
                f"cannot be updated ({', '.join(differs)}); delete them first, add a server of another name, or set "
                f"allow_in_use to send the update nevertheless: {_names(images)}"
            )
        change = ServerChange("updated", wanted.with_id(old.server_id), differs)
        return self._write("PUT", _path_of(old), password, change)

    def bring(
        self,
        name: str,
        *,
        state: str = "present",
        password: str | None = None,
        update_password: str = "on_create",  # noqa: S107 - a choice, no password
        allow_in_use: bool = False,
        **fields: Any,
    ) -> ServerChange:
        """Bring a remote server to a state; safe to run again.

        :param name: of the server.
        :param state: ``present`` (see :meth:`ensure`) or ``absent`` (see :meth:`remove`).
        :param fields: of :func:`.check_remote_server`; only for ``present``.
        :raises VManageConfigurationError: a field is wrong; nothing was sent.
        """
        check_choice(state, ("present", "absent"), "state")
        check_choice(update_password, UPDATE_PASSWORD, "update_password")
        require_text(name, "name")
        if state == "absent":
            return self.remove(name)
        wanted = check_remote_server(name=name, **fields)
        return self.ensure(wanted, password, update_password=update_password, allow_in_use=allow_in_use)

    def remove(self, name: str) -> ServerChange:
        """Delete a remote server that holds no image; safe to run again.

        :raises VManageInUseError: images are on it, or may be since the manager does not show on which remote server
            they are, naming up to ten.
        :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
        """
        name = require_text(name, "name")
        servers = self.read()
        old = _one(servers, name)
        check_mode = self.repository.check_mode
        if old is None:
            return ServerChange("unchanged", RemoteServer(name=name), applied=not check_mode)
        if images := self._images_on(old, servers):
            raise VManageInUseError(
                f"The remote server {old.name!r} holds, or may hold, {len(images)} images of the repository, so it "
                f"stays; delete them first: {_names(images)}"
            )
        if check_mode:
            return ServerChange("deleted", old, applied=False)
        self._make_change(
            "DELETE",
            _path_of(old),
            find=lambda: _one(self.read(), name) is None,
            pending=f"The remote server {name!r} is still listed",
        )
        return ServerChange("deleted", old)

    def add_image(self, remote_server: str, file_name: str, platform_family: str | None = None) -> Change:
        """Add an image that a remote server holds; safe to run again. The file itself is not checked.

        :param remote_server: name or id of the server.
        :param file_name: exact name of the file on it.
        :param platform_family: family the image is for, if the release requires it (26.1).
        :raises VManageNotFoundError: no such remote server, naming those that exist.
        :raises VManageConflictError: the list shows the file on a remote server, but not on which, so adding it could
            make a second copy. Nothing was sent.
        :raises VManageOutcomeUnknownError: sent, but not listed within a minute.
        """
        remote_server = require_text(remote_server, "remote_server")
        check_file_name(file_name)
        servers = self.read()
        server = _named(servers, remote_server)
        images = self._listed(file_name)
        old = next((image for image in images if refers_to(image, server)), None)
        if old is not None:
            return Change("unchanged", old, applied=not self.repository.check_mode)
        if unplaced := _unplaced(images, servers):
            raise _place_unknown(server, file_name, unplaced)
        family = {"platformFamily": platform_family} if platform_family else {}
        if self.repository.check_mode:
            return Change(
                "added", SoftwareImage(file_name=file_name, platform_family=tuple(family.values())), applied=False
            )
        found = self._make_change(
            "POST",
            PATH,
            {"remoteServerId": server.server_id, "fileName": file_name, **family},
            find=lambda: self._added(server, servers, file_name),
            pending=f"{file_name} on the remote server {server.name!r} is not listed",
        )
        return Change("added", found)

    def _write(self, method: str, path: str, password: str | None, change: ServerChange) -> ServerChange:
        wanted = change.server
        if self.repository.check_mode:
            return ServerChange(change.action, wanted, change.differs, applied=False)
        if password:
            self.session.keep_secret(password)
        found = self._make_change(
            method,
            path,
            wanted.as_body(password),
            find=lambda: self._as_wanted(wanted),
            pending=f"The remote server {wanted.name!r} is not listed as it was sent",
            verifiable="password" not in change.differs,  # no list shows whether a password was stored
        )
        return ServerChange(change.action, found, change.differs)

    def _make_change(self, method: str, path: str, body: Mapping[str, Any] | None = None, **how: Any) -> Any:
        try:
            return self.repository.changes.make(method, path, body, **how)
        except VManageRejectedError as err:
            if err.method == "GET":  # the list that confirms
                raise
            raise explain_refused_remote(err, self.session.server) from None

    def _as_wanted(self, wanted: RemoteServer) -> RemoteServer | None:
        found = _one(self.read(), wanted.name)
        return found if found is not None and not found.differences(wanted) else None

    def _images_on(self, server: RemoteServer, servers: Sequence[RemoteServer]) -> list[SoftwareImage]:
        """Return the images on a remote server, and those that may be there."""
        images = self.repository.list_images()
        return [*(image for image in images if refers_to(image, server)), *_unplaced(images, servers)]

    def _listed(self, file_name: str) -> list[SoftwareImage]:
        names = spellings(file_name)
        return [image for image in self.repository.list_images() if matches(image, file_names=names)]

    def _added(self, server: RemoteServer, servers: Sequence[RemoteServer], file_name: str) -> SoftwareImage | None:
        """Return the image that was added; also one of no known server, since there was none before."""
        images = self._listed(file_name)
        placed = [image for image in images if refers_to(image, server)]
        return next(iter(placed or _unplaced(images, servers)), None)


def _one(servers: Sequence[RemoteServer], name: str) -> RemoteServer | None:
    found = [server for server in servers if server.name == name]
    if len(found) > 1:
        ids = [str(server.server_id) for server in found]
        raise VManageAmbiguousError(
            f"name {name!r} matches {len(found)} remote servers, so nothing was changed: delete all but one of "
            f"{', '.join(ids)}",
            candidates=ids,
        )
    return found[0] if found else None


def _named(servers: Sequence[RemoteServer], text: str) -> RemoteServer:
    for server in servers:
        if text in (server.name, server.server_id):
            return server
    there = ", ".join(sorted(server.name for server in servers)) or "none"
    raise VManageNotFoundError(
        f"remote_server {text!r} is not known to the manager (known: {there}): add it with RemoteServerOperator"
    )


def _unplaced(images: Sequence[SoftwareImage], servers: Sequence[RemoteServer]) -> list[SoftwareImage]:
    """Return the images on a remote server that neither an id nor a server's name identifies."""
    return [one for one in images if one.has_unknown_place and not any(refers_to(one, server) for server in servers)]


def refers_to(image: SoftwareImage, server: RemoteServer) -> bool:
    """Return whether a remote server holds the image.

    Its id decides; if the image has none, the server's name as ``versionType`` (catalystwan 0.41.6 searches it for the
    name; the full text that a manager sends for remote images is not documented).
    """
    if image.remote_server_ids:
        return server.server_id in image.remote_server_ids
    return image.version_type not in (None, "vmanage", "remote") and image.version_type == server.name


def _path_of(server: RemoteServer) -> str:
    return build_path(SERVERS, server.server_id or "")


def _parse_servers(rows: Sequence[Mapping[str, Any]]) -> list[RemoteServer]:
    return [parse_remote_server(row) for row in rows]


def _names(images: Sequence[SoftwareImage]) -> str:
    more = f" and {len(images) - MAX_NAMED_IMAGES} more" if len(images) > MAX_NAMED_IMAGES else ""
    return f"{', '.join(map(_described, images[:MAX_NAMED_IMAGES]))}{more}"


def _described(image: SoftwareImage) -> str:
    return image.describe() + (f" with versionType {image.version_type!r}" if image.has_unknown_place else "")


def _place_unknown(server: RemoteServer, file_name: str, images: Sequence[SoftwareImage]) -> VManageConflictError:
    return VManageConflictError(
        f"file_name {file_name!r} is listed on a remote server, and the manager does not show on which "
        f"({_names(images)}). If that is {server.name!r}, nothing is left to do; otherwise delete the image by its "
        "version_id and run again"
    )
