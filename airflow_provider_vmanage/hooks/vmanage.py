"""Hook for a vManage: from an Airflow connection to a session with the manager."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.devices import list_devices
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.image_metadata import confirm_checksum
from airflow_provider_vmanage.client.remote_servers import RemoteServers
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.client.upload.deadline import parse_not_after
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.files.object_storage import parse_source, resolve_checksum
from airflow_provider_vmanage.hooks.connection_form import field_behaviour, form_widgets
from airflow_provider_vmanage.hooks.connection_lookup import find_connection, find_connection_async
from airflow_provider_vmanage.hooks.connection_settings import settings_of
from airflow_provider_vmanage.hooks.connection_test import diagnose, hint_at_masked_password
from airflow_provider_vmanage.masking import mask, mask_url, masked

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime

    from airflow.sdk import Connection, ObjectStoragePath

    from airflow_provider_vmanage.client.device_actions.notes import ActionNotes
    from airflow_provider_vmanage.client.devices import Device
    from airflow_provider_vmanage.client.http.clock import Clock
    from airflow_provider_vmanage.client.http.envelope import Envelope
    from airflow_provider_vmanage.client.models import SoftwareImage
    from airflow_provider_vmanage.client.upload.resume_note import UploadNotes


class VManageHook(AbstractContextManager["VManageHook"], BaseHook):
    """Session with a vManage, described by a connection of type ``vmanage``.

    Nothing is read or sent before the first call. Use it as a context manager, which logs out: a manager keeps only 100
    or 250 sessions. Without ``with`` it is logged out, with a warning, when Python collects it: usually at once, late
    after an error, never if the process exits first, as that of an Airflow task does.

    ``with VManageHook("vmanage_lab") as hook: images = hook.list_images()``

    :param vmanage_conn_id: id of the connection.
    :param clock: of the waits in its session.
    """

    conn_name_attr = "vmanage_conn_id"
    default_conn_name = "vmanage_default"
    conn_type = "vmanage"
    hook_name = "Cisco vManage"

    # Airflow 3.1 takes the form from these two, and only from the class itself, never from a base class.
    get_connection_form_widgets = staticmethod(form_widgets)
    get_ui_field_behaviour = staticmethod(field_behaviour)

    def __init__(self, vmanage_conn_id: str = default_conn_name, *, clock: Clock = time, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vmanage_conn_id = vmanage_conn_id
        self.clock = clock
        self._session: ManagerSession | None = None
        self._aborted = False
        # A function: a connection prints its password. Of the class: a hook that refers to itself is collected late.
        self._find_connection: Callable[[], Connection] = partial(type(self).get_connection, vmanage_conn_id)

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return a connection of Airflow.

        :param conn_id: its id.
        :raises VManageConfigurationError: there is none; a retry does not help.
        :raises VManageUnavailableError: a secrets backend or the API server cannot be asked; a retry is safe.
        """
        return find_connection(conn_id, super().get_connection)

    def __exit__(self, *exc_info: object) -> None:
        """Log out."""
        self.close()

    def get_conn(self) -> ManagerSession:
        """Return the session of this hook; it is opened by its first call, and the same one until :meth:`close`.

        :raises VManageConfigurationError: a field of the connection is wrong; nothing was sent.
        """
        if self._session is None:
            self._session = ManagerSession(self.settings, on_secret=mask, clock=self.clock)
            if self._aborted:  # while the connection or the source was looked up
                self._session.abort()
        return self._session

    def close(self) -> None:
        """Log out if a session is open. The hook can be used again."""
        session, self._session, self._aborted = self._session, None, False
        if session is not None:
            session.close()

    def abort(self) -> None:
        """Break off the call that is under way; for ``on_kill``. Only :meth:`close` is of use afterwards."""
        self._aborted = True
        if self._session is not None:
            self._session.abort()

    async def aload_connection(self) -> None:
        """Look up the connection without blocking the event loop; for triggers, before they use another thread.

        Checks, masking and every call belong to that thread.

        :raises VManageError: as :meth:`get_connection`.
        """
        connection = await find_connection_async(self.vmanage_conn_id)
        self._find_connection = lambda: connection

    @cached_property
    def settings(self) -> ManagerSettings:
        """Return the settings of the connection, checked; its secrets are masked from here on.

        :raises VManageConfigurationError: naming the field, its value and the fix.
        """
        return settings_of(self._find_connection(), self.log)

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None) -> Envelope:
        """Send one call of the REST API, for what this provider has no method for.

        Reads are repeated while the manager is unavailable. A change is repeated only if it was not received, and once
        if the response says that the session is dead, a login page included: check first what must not be done twice.

        :param method: HTTP method.
        :param path: path below ``/dataservice``.
        :param params: query parameters.
        :param json: body of plain JSON types.
        :raises VManageError: one of :mod:`airflow_provider_vmanage.client.errors`.
        """
        return self.get_conn().request(method, path, params=params, json=json)

    def list_images(self, *, image_type: str | None = None) -> list[SoftwareImage]:
        """Return the images of the software repository, one per file; only an ``image_type`` such as ``software``.

        :raises VManageError: as any read; a broken list is an error, never an empty one.
        """
        return self.repository().list_images(image_type=image_type)

    def find_images(self, *, version: str | None = None, file_name: str | None = None) -> list[SoftwareImage]:
        """Return the images that match exactly; ``version`` as listed, ``file_name`` as listed or uploaded.

        :raises VManageError: as any read.
        """
        return self.repository().find_images(version=version, file_name=file_name)

    def add_repo(
        self, version_name: str, version_url: str, *, if_exists: str = "skip", check_mode: bool = False
    ) -> Change:
        """Add a repository URL; safe to run again. See :meth:`.SoftwareRepository.add_url`."""
        mask_url(str(version_url or ""))
        return self.repository(check_mode=check_mode).add_url(version_name, version_url, if_exists=if_exists)

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
        """Upload an image, streamed; safe to run again. See :class:`.UploadImageOperator` for the arguments.

        All of them are checked before anything is sent. The source is opened only if the manager does not list the
        image yet; a list of checksums also if the manager shows a checksum of the image that it lists.
        """
        parsed = parse_source(source)
        name = parsed.file_name if file_name is None else file_name
        upload = ImageUpload(
            self.repository(check_mode=check_mode),
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
        """Delete one image or repository URL; safe to run again. See :meth:`.SoftwareRepository.delete_image`."""
        return self.repository(check_mode=check_mode).delete_image(
            version_id=version_id,
            version=version,
            file_name=file_name,
            if_missing=if_missing,
            allow_in_use=allow_in_use,
        )

    def list_devices(self, device_type: str | None = None) -> list[Device]:
        """Return the software of the devices; only of the list ``vedge``, ``controller`` or ``vmanage`` if given.

        :raises VManageError: as any read.
        """
        return list_devices(self.get_conn(), device_type)

    def repository(self, *, check_mode: bool = False) -> SoftwareRepository:
        """Return the software repository, in the session of this hook; in check mode nothing is changed."""
        return SoftwareRepository(self.get_conn(), check_mode=check_mode)

    def remote_servers(self, *, check_mode: bool = False) -> RemoteServers:
        """Return the remote servers, in the session of this hook."""
        return RemoteServers(self.repository(check_mode=check_mode))

    def software_upgrade(self, *, check_mode: bool = False, notes: ActionNotes | None = None) -> SoftwareUpgrade:
        """Return actions on devices, in the session of this hook; ``notes`` are those of earlier tries of the task."""
        return SoftwareUpgrade(self.get_conn(), check_mode=check_mode, notes=notes)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection; return success and a diagnostic message, without secrets even if the manager quotes one.

        Logs in, asks for the release and the list of images, and logs out. A person asked for it, so the login is sent
        even if this process remembers that it was refused; it counts as one attempt towards the lock of the account.
        """
        self.close()
        try:
            return diagnose(self.settings)
        except VManageError as err:
            return False, masked(f"{err}{hint_at_masked_password(self._find_connection)}")
