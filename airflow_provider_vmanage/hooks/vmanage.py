"""Hook for a vManage: from an Airflow connection to a session with the manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_vmanage.client.arguments import check_choice, require_text
from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.devices import list_devices
from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.image_metadata import (
    ImageMetadata,
    confirm_checksum,
    count_images,
    read_metadata,
    write_metadata,
)
from airflow_provider_vmanage.client.remote_server_fields import UPDATE_PASSWORD, check_remote_server
from airflow_provider_vmanage.client.remote_servers import RemoteServers
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.deadline import parse_not_after
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.connection_lookup import find_connection, find_connection_async
from airflow_provider_vmanage.hooks.connection_settings import settings_of
from airflow_provider_vmanage.masking import mask, mask_url, masked
from airflow_provider_vmanage.object_storage import parse_source, resolve_checksum

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime

    from airflow.sdk import Connection, ObjectStoragePath

    from airflow_provider_vmanage.client.devices import Device
    from airflow_provider_vmanage.client.http.envelope import Envelope
    from airflow_provider_vmanage.client.models import SoftwareImage
    from airflow_provider_vmanage.client.remote_servers import ServerChange
    from airflow_provider_vmanage.client.upload.resume_note import UploadNotes


#: seconds that one attempt to connect may take while a connection is tested
_PATIENCE = 5.0


class VManageHook(BaseHook):
    """Session with a vManage, described by a connection of type ``vmanage``.

    Nothing is read or sent before the first call. Use it as a context manager: at its end the session is logged out,
    of which a manager keeps 100 to 250 only. A hook that is dropped without that, or :meth:`close`, is logged out when
    Python collects its session, with a warning: mostly at once, late after an error, never where the process ends first
    (as a task of Airflow does).

    .. code-block:: python

        with VManageHook("vmanage_lab") as hook:
            versions = [image.version for image in hook.list_images()]

    :param vmanage_conn_id: id of the connection.
    """

    conn_name_attr = "vmanage_conn_id"
    default_conn_name = "vmanage_default"
    conn_type = "vmanage"
    hook_name = "Cisco vManage"

    def __init__(self, vmanage_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vmanage_conn_id = vmanage_conn_id
        self._session: ManagerSession | None = None
        self._aborted = False
        # A function, since a connection shows its password where it is printed.
        # By way of the class: a reference to itself would keep a dropped hook, and its session, for the collector.
        self._find_connection: Callable[[], Connection] = partial(type(self).get_connection, vmanage_conn_id)

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return a connection of Airflow.

        :param conn_id: its id.
        :raises VManageConfigurationError: there is none; a retry does not help.
        :raises VManageUnavailableError: a secrets backend or the API server cannot be asked; a retry is safe.
        """
        return find_connection(conn_id, super().get_connection)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields; asked by Airflow 3.1, which does not read the provider info for them."""
        from airflow_provider_vmanage.hooks.connection_form import form_widgets

        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels, hints and what is hidden of the standard fields; asked by Airflow 3.1 likewise."""
        from airflow_provider_vmanage.hooks.connection_form import field_behaviour

        return field_behaviour(cls.conn_type)

    def __enter__(self) -> VManageHook:
        """Return the hook; the login comes with the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log out."""
        self.close()

    def get_conn(self) -> ManagerSession:
        """Return the session of this hook; it is opened by its first call, and the same one until :meth:`close`.

        :raises VManageConfigurationError: a field of the connection is wrong; nothing was sent.
        """
        if self._session is None:
            self._session = ManagerSession(self.settings, on_secret=mask)
            if self._aborted:  # told to stop while the connection or the source was looked up
                self._session.abort()
        return self._session

    def close(self) -> None:
        """Log out, where a session is open. The hook can be used again."""
        session, self._session, self._aborted = self._session, None, False
        if session is not None:
            session.close()

    def abort(self) -> None:
        """Break off the call that is under way; for ``on_kill``. Only :meth:`close` is of use afterwards."""
        self._aborted = True
        if self._session is not None:
            self._session.abort()

    async def aload_connection(self) -> None:
        """Look the connection up without blocking the event loop; for triggers, before they use another thread.

        What else there is to do (checks, masking, every call) belongs to that thread.

        :raises VManageError: as :meth:`get_connection`.
        """
        connection = await find_connection_async(self.vmanage_conn_id)
        self._find_connection = lambda: connection

    @cached_property
    def settings(self) -> ManagerSettings:
        """Return what the connection says, checked; its secrets are masked from here on.

        :raises VManageConfigurationError: naming the field, its value and the mend.
        """
        return settings_of(self._find_connection(), self.log)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Envelope:
        """Send one call of the REST API; for what this provider has no method for.

        Reads are repeated while the manager is unavailable; changes only where they surely were not received, and once
        where the answer says that the session is dead, a login page included: what must not be done twice is better
        looked for first.

        :param method: HTTP method.
        :param path: path below ``/dataservice``.
        :param params: query parameters.
        :param json: body of plain JSON types.
        :raises VManageError: one of :mod:`airflow_provider_vmanage.client.errors`.
        """
        return self.get_conn().request(method, path, params=params, json=json)

    def list_images(self, *, image_type: str | None = None) -> list[SoftwareImage]:
        """Return the images of the software repository, one per file.

        :param image_type: only this type, such as ``software``.
        :raises VManageError: as any read; a broken list is an error, never an empty one.
        """
        return self._repository().list_images(image_type=image_type)

    def find_images(self, *, version: str | None = None, file_name: str | None = None) -> list[SoftwareImage]:
        """Return the images that fit exactly what is given.

        :param version: version as listed.
        :param file_name: listed or uploaded file name.
        :raises VManageError: as any read.
        """
        return self._repository().find_images(version=version, file_name=file_name)

    def add_repo(
        self, version_name: str, version_url: str, *, if_exists: str = "skip", check_mode: bool = False
    ) -> Change:
        """Add the URL of a repository elsewhere; safe to run again.

        See :meth:`airflow_provider_vmanage.client.software_repository.SoftwareRepository.add_url`.
        """
        mask_url(str(version_url or ""))
        return self._repository(check_mode=check_mode).add_url(version_name, version_url, if_exists=if_exists)

    def upload_image(
        self,
        source: str | os.PathLike[str] | ObjectStoragePath,
        *,
        file_name: str | None = None,
        checksum: str | None = None,
        if_exists: str = "skip",
        listing_timeout: float = 60,
        allow_in_use: bool = False,
        not_after: datetime | str | None = None,
        notes: UploadNotes | None = None,
        check_mode: bool = False,
    ) -> Change:
        """Upload an image, streamed; safe to run again.

        See :class:`airflow_provider_vmanage.operators.software_repository.UploadImageOperator` for the arguments.
        All of them are checked before anything is sent. The source is opened only if the manager does not list the
        image yet; a list of checksums also if the manager shows a checksum of the image that it lists.
        """
        parsed = parse_source(source)
        name = parsed.file_name if file_name is None else file_name
        upload = ImageUpload(
            self._repository(check_mode=check_mode),
            parsed.open,
            file_name=name,
            checksum=resolve_checksum(checksum, name),
            if_exists=if_exists,
            listing_timeout=listing_timeout,
            allow_in_use=allow_in_use,
            not_after=parse_not_after(not_after),
            notes=None if check_mode else notes,
        )
        is_promised = bool((checksum or "").strip())
        return confirm_checksum(self.get_conn(), upload.run(), (lambda: upload.expected) if is_promised else None)

    def delete_image(
        self,
        *,
        version_id: str | None = None,
        version: str | None = None,
        file_name: str | None = None,
        if_missing: str = "skip",
        allow_in_use: bool = False,
        check_mode: bool = False,
    ) -> Change:
        """Delete exactly one image or repository URL; safe to run again.

        See :meth:`airflow_provider_vmanage.client.software_repository.SoftwareRepository.delete_image`.
        """
        return self._repository(check_mode=check_mode).delete_image(
            version_id=version_id,
            version=version,
            file_name=file_name,
            if_missing=if_missing,
            allow_in_use=allow_in_use,
        )

    def count_images(self, *, image_type: str | None = None) -> int:
        """Return how many images the manager counts, where the release does.

        :param image_type: only this type, such as ``software``.
        :raises VManageError: as any read.
        """
        return count_images(self.get_conn(), image_type)

    def image_metadata(self, version_id: str) -> ImageMetadata | None:
        """Return checksum, description and tags of an image, or ``None`` where the release has none.

        :raises VManageError: as any read.
        """
        return read_metadata(self.get_conn(), version_id)

    def set_image_metadata(
        self,
        version_id: str,
        *,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        checksum: str | None = None,
    ) -> bool:
        """Set description, tags and checksum of an image; return whether they differed. Safe to run again.

        See :func:`airflow_provider_vmanage.client.image_metadata.write_metadata`.
        """
        return write_metadata(self.get_conn(), version_id, description=description, tags=tags, checksum=checksum)

    def remote_server(
        self,
        name: str,
        *,
        state: str = "present",
        password: str | None = None,
        password_conn_id: str | None = None,
        update_password: str = "on_create",  # noqa: S107 - a choice, no password
        allow_in_use: bool = False,
        check_mode: bool = False,
        **fields: Any,
    ) -> ServerChange:
        """Bring a remote server to the wanted state; safe to run again.

        See :class:`airflow_provider_vmanage.operators.remote_servers.RemoteServerOperator` for the arguments.
        """
        check_choice(state, ("present", "absent"), "state")
        check_choice(update_password, UPDATE_PASSWORD, "update_password")
        require_text(name, "name")
        if state == "absent":
            return RemoteServers(self._repository(check_mode=check_mode)).remove(name)
        wanted = check_remote_server(name=name, **fields)
        secret = self._password(password, password_conn_id)
        servers = RemoteServers(self._repository(check_mode=check_mode))
        return servers.ensure(wanted, secret, update_password=update_password, allow_in_use=allow_in_use)

    def _password(self, password: str | None, password_conn_id: str | None) -> str | None:
        if password and password_conn_id:
            raise VManageConfigurationError("password and password_conn_id given: give at most one of them")
        secret = self.get_connection(password_conn_id).password if password_conn_id else password
        if password_conn_id and not secret:
            raise VManageConfigurationError(f"password_conn_id {password_conn_id!r} has no password: fill it in")
        mask(secret)
        return secret or None

    def add_remote_image(
        self, remote_server: str, file_name: str, *, platform_family: str | None = None, check_mode: bool = False
    ) -> Change:
        """Add an image that lies on a remote server; safe to run again.

        See :meth:`airflow_provider_vmanage.client.remote_servers.RemoteServers.add_image`.
        """
        servers = RemoteServers(self._repository(check_mode=check_mode))
        return servers.add_image(remote_server, file_name, platform_family)

    def list_devices(self, device_type: str | None = None) -> list[Device]:
        """Return the software of the devices, as the lists before an upgrade show it.

        :param device_type: only the list ``vedge``, ``controller`` or ``vmanage``.
        :raises VManageError: as any read.
        """
        return list_devices(self.get_conn(), device_type)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection; return success and a diagnostic message.

        Logs in, asks for the release and the list of images, and logs out. A person asked for it, so the login is sent
        even if this process remembers that it was refused; it counts as one attempt towards the lock of the account.
        No secret is in the message, even where the manager quotes one.
        """
        worked, words = self._try_connection()
        return worked, masked(words)

    def _try_connection(self) -> tuple[bool, str]:
        try:
            self.close()
            refused_logins.forget(self.settings)
            with self:
                self._session = ManagerSession(_hurried(self.settings), on_secret=mask)
                server = self.get_conn().server
                reached = f"Connected to vManage {server.version or 'of unknown release'} at {self.settings.base_url}"
                tenancy = server.tenancy_mode or "tenancy mode not told"
                try:
                    count = len(self.list_images())
                except VManageError as err:
                    return False, f"{reached} ({tenancy}), but the software repository cannot be read: {err}"
                images = "1 image" if count == 1 else f"{count} images"
                return True, f"{reached} ({tenancy}); the software repository can be read: {images}."
        except VManageError as err:
            return False, f"{err}{self._masked_password_hint()}"

    def _repository(self, *, check_mode: bool = False) -> SoftwareRepository:
        return SoftwareRepository(self.get_conn(), check_mode=check_mode)

    def _masked_password_hint(self) -> str:
        try:
            hidden = self._find_connection().password == "***"  # noqa: S105 - what Airflow's form shows
        except VManageError:
            return ""  # there is no connection, as the message says already
        return " The password arrived as '***': type it anew in the form." if hidden else ""


def _hurried(settings: ManagerSettings) -> ManagerSettings:
    """Return settings with which all attempts to connect end within the 60 seconds that Airflow gives a test."""
    limits = settings.timeouts
    return replace(settings, timeouts=replace(limits, connect=min(limits.connect, _PATIENCE)))
