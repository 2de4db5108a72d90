"""Remote servers: where images lie that the manager does not store itself, and the images on them.

In the vendor's API at least since 2022, and the only way to add an image that lies elsewhere in its documentation of
release 20.16. Every change lists first and again afterwards, so running it twice does it once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_vmanage.client.arguments import check_choice, require_text
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageError,
    VManageInUseError,
    VManageNotFoundError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.releases import explain_refused_remote
from airflow_provider_vmanage.client.remote_server_fields import UPDATE_PASSWORD, RemoteServer, parse_remote_server
from airflow_provider_vmanage.client.software_repository import (
    CONFIRM_TIMEOUT,
    OUTCOME_OPEN,
    PATH,
    Change,
    SoftwareRepository,
    is_refusal,
)
from airflow_provider_vmanage.client.upload import check_file_name

log = logging.getLogger(__name__)

SERVERS = "device/action/remote-server"

#: how many images an error names
NAMED = 10


@dataclass(frozen=True)
class ServerChange:
    """What a changing call did to a remote server.

    :param action: ``added``, ``updated``, ``deleted`` or ``unchanged``.
    :param server: as listed, or as it would be.
    :param differs: names of the fields that were not as wanted; ``password`` where it was sent for its own sake.
    :param applied: false in check mode.
    """

    action: str
    server: RemoteServer
    differs: tuple[str, ...] = ()
    applied: bool = True

    def as_row(self) -> dict[str, Any]:
        """Return the flat row of plain JSON types that the operator hands on; it holds no password."""
        return {
            "action": self.action,
            "changed": self.action != "unchanged",
            **self.server.as_row(),
            "differs": list(self.differs),
            "applied": self.applied,
        }


class RemoteServers:
    """The remote servers of one manager.

    :param repository: of the manager; in its check mode nothing is changed here either.
    """

    def __init__(self, repository: SoftwareRepository) -> None:
        self.repository = repository
        self.session = repository.session

    def read(self) -> list[RemoteServer]:
        """Return all of them; one call.

        :raises VManageRejectedError: a release that does not know remote servers, with the mend.
        :raises VManageError: as any read.
        """
        try:
            return [parse_remote_server(row) for row in self.session.request("GET", SERVERS).rows]
        except VManageRejectedError as err:
            raise explain_refused_remote(err, self.session.server) from None

    def ensure(self, wanted: RemoteServer, password: str | None, *, update_password: str = "on_create") -> ServerChange:  # noqa: S107 - a choice, no password
        """Bring a remote server to what is wanted; safe to run again.

        :param wanted: all but its id.
        :param password: of its user. A manager never shows it, so nobody can compare it.
        :param update_password: ``on_create`` (a password alone is no reason for a change), or ``always`` (send it
            with every call, which then always is a change). Whatever else is changed, the password goes along: what a
            manager does with an update that lacks it is not documented.
        :raises VManageOutcomeUnknownError: sent, but not listed so within a minute.
        """
        check_choice(update_password, UPDATE_PASSWORD, "update_password")
        old = self._find(wanted.name)
        if old is None:
            return self._write("POST", SERVERS, password, ServerChange("added", wanted))
        differs = old.differences(wanted)
        if password and update_password == "always":  # noqa: S105 - a choice, no password
            differs = (*differs, "password")
        if not differs:
            return ServerChange("unchanged", old, applied=not self.repository.check_mode)
        change = ServerChange("updated", wanted.with_id(old.server_id), differs)
        return self._write("PUT", _path_of(old), password, change)

    def remove(self, name: str) -> ServerChange:
        """Delete a remote server that no image refers to; safe to run again.

        :raises VManageInUseError: images refer to it, naming up to ten.
        :raises VManageOutcomeUnknownError: sent, but still listed after a minute.
        """
        name = require_text(name, "name")
        old = self._find(name)
        check_mode = self.repository.check_mode
        if old is None:
            return ServerChange("unchanged", RemoteServer(name=name), applied=not check_mode)
        images = [image for image in self.repository.list_images() if refers_to(image, old)]
        if images:
            raise _still_referred_to(old, images)
        if check_mode:
            return ServerChange("deleted", old, applied=False)
        lost = self._send("DELETE", _path_of(old), None)
        if self.repository.wait_for(lambda: self._find(name) is None, CONFIRM_TIMEOUT):
            return ServerChange("deleted", old)
        raise _unconfirmed(f"The remote server {name!r} is still listed", "DELETE") from lost

    def add_image(self, remote_server: str, file_name: str, platform_family: str | None = None) -> Change:
        """Add an image that lies on a remote server; safe to run again. Nobody looks whether the file is there.

        :param remote_server: name or id of the server.
        :param file_name: exact name of the file on it.
        :param platform_family: family the image is for, where the release asks for it (26.1).
        :raises VManageNotFoundError: no such remote server, naming those that are there.
        :raises VManageOutcomeUnknownError: sent, but not listed within a minute.
        """
        remote_server = require_text(remote_server, "remote_server")
        check_file_name(file_name)
        server = self.named(remote_server)
        old = self._listed(server, file_name)
        if old is not None:
            return Change("unchanged", old, applied=not self.repository.check_mode)
        family = {"platformFamily": platform_family} if platform_family else {}
        if self.repository.check_mode:
            return Change(
                "added", SoftwareImage(file_name=file_name, platform_family=tuple(family.values())), applied=False
            )
        lost = self._send("POST", PATH, {"remoteServerId": server.server_id, "fileName": file_name, **family})
        found = self.repository.wait_for(lambda: self._listed(server, file_name), CONFIRM_TIMEOUT)
        if found is None:
            raise _unconfirmed(f"{file_name} on the remote server {server.name!r} is not listed", "POST") from lost
        return Change("added", found)

    def named(self, text: str) -> RemoteServer:
        """Return the server of that name or id.

        :raises VManageNotFoundError: there is none.
        """
        servers = self.read()
        for server in servers:
            if text in (server.name, server.server_id):
                return server
        there = ", ".join(sorted(server.name for server in servers)) or "none"
        raise VManageNotFoundError(
            f"remote_server {text!r} is not known to the manager (there: {there}): add it with RemoteServerOperator"
        )

    def _write(self, method: str, path: str, password: str | None, change: ServerChange) -> ServerChange:
        wanted = change.server
        if self.repository.check_mode:
            return ServerChange(change.action, wanted, change.differs, applied=False)
        lost = self._send(method, path, wanted.as_body(password))
        if lost is not None and "password" in change.differs:
            raise lost  # no list can tell whether a password has arrived
        found = self.repository.wait_for(lambda: self._as_wanted(wanted), CONFIRM_TIMEOUT)
        if found is None:
            raise _unconfirmed(f"The remote server {wanted.name!r} is not listed as it was sent", method) from lost
        return ServerChange(change.action, found, change.differs)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> VManageError | None:
        """Send a change; return the error that leaves its outcome open."""
        try:
            self.session.request(method, path, json=body)
        except VManageRejectedError as err:
            raise explain_refused_remote(err, self.session.server) from None
        except OUTCOME_OPEN as err:
            if is_refusal(err):
                raise
            log.warning("%s; looking at the list", err)
            return err
        return None

    def _as_wanted(self, wanted: RemoteServer) -> RemoteServer | None:
        found = self._find(wanted.name)
        return found if found is not None and not found.differences(wanted) else None

    def _find(self, name: str) -> RemoteServer | None:
        found = [server for server in self.read() if server.name == name]
        if len(found) > 1:
            ids = [str(server.server_id) for server in found]
            raise VManageAmbiguousError(
                f"name {name!r} fits {len(found)} remote servers, so nothing was changed: delete all but one of "
                f"{', '.join(ids)}",
                candidates=ids,
            )
        return found[0] if found else None

    def _listed(self, server: RemoteServer, file_name: str) -> SoftwareImage | None:
        images = self.repository.list_images()
        return next((one for one in images if one.has_file_name(file_name) and refers_to(one, server)), None)


def refers_to(image: SoftwareImage, server: RemoteServer) -> bool:
    """Tell whether an image lies on a remote server.

    By its id; of an image that names none, by the server's name as ``versionType`` (catalystwan 0.41.6 looks for the
    name in it; the full text that a manager sends for remote images is not documented).
    """
    if image.remote_server_ids:
        return server.server_id in image.remote_server_ids
    return image.version_type not in (None, "vmanage", "remote") and image.version_type == server.name


def _path_of(server: RemoteServer) -> str:
    return f"{SERVERS}/{quote(server.server_id or '', safe='')}"


def _still_referred_to(server: RemoteServer, images: Sequence[SoftwareImage]) -> VManageInUseError:
    names = ", ".join(image.describe() for image in images[:NAMED])
    more = f" and {len(images) - NAMED} more" if len(images) > NAMED else ""
    return VManageInUseError(
        f"The remote server {server.name!r} holds {len(images)} images of the repository, so it stays; delete them "
        f"first: {names}{more}"
    )


def _unconfirmed(text: str, method: str) -> VManageError:
    return VManageOutcomeUnknownError(f"{text} {CONFIRM_TIMEOUT:.0f} s after the change was sent", method=method)
