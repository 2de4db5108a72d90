"""Operators for remote servers and the images on them (vManage releases that know remote servers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.masking import MaskedText, mask
from airflow_provider_vmanage.operators.vmanage import VManageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RemoteServerOperator(VManageOperator):
    """Bring a remote server, which holds images for devices, to the wanted state.

    Lists first and again afterwards, so it is safe to run again: what the manager shows decides whether anything is
    sent. Needs a release that knows remote servers (documented for 20.16; earlier ones may).

    Returns one row: ``action`` (``added``, ``updated``, ``deleted``, ``unchanged``), ``changed``, ``name``,
    ``remote_server_id``, ``url``, ``protocol``, ``port``, ``vpn``, ``user``, ``location_prefix``, ``differs`` (names of
    the fields that were not as wanted), ``applied``. Never the password.

    :param name: name of the server, by which it is found again (templated).
    :param url: its host name or address, without a scheme (templated); not needed for ``absent``.
    :param protocol: ``HTTP``, ``FTP``, ``SCP``, ``HTTPS``, ``SFTP`` or ``TFTP`` (templated). Only the documentation of
        Cisco's Ansible collection names the last three: a manager may refuse them.
    :param port: TCP port; that of the protocol by default (templated).
    :param vpn: VPN through which devices reach it, 0 to 65527 (templated).
    :param user: account on the server (templated).
    :param password: of the account (templated, masked). Prefer ``password_conn_id``.
    :param password_conn_id: id of an Airflow connection whose password it is (templated).
    :param location_prefix: folder of the images (templated).
    :param state: ``present`` or ``absent`` (templated). A server that images refer to is not deleted.
    :param update_password: ``on_create`` (a password alone is no reason for a change), or ``always`` (templated): a
        manager never shows a password, so with ``always`` every run is a change.
    :param allow_in_use: send an update although images refer to the server (templated). By default that fails before
        anything is sent, since Cisco's Ansible collection expects managers to refuse it.
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, images refer to it, refused. No retry.
    :raises VManageError: unavailable or outcome unknown. A retry is safe.
    """

    publishes_images = True
    template_fields: Sequence[str] = (
        "name",
        "url",
        "protocol",
        "port",
        "vpn",
        "user",
        "password",
        "password_conn_id",
        "location_prefix",
        "state",
        "update_password",
        "allow_in_use",
        "check_mode",
        "vmanage_conn_id",
    )
    password = MaskedText()

    def __init__(
        self,
        *,
        name: str,
        url: str | None = None,
        protocol: str = "HTTP",
        port: int | str | None = None,
        vpn: int | str = 0,
        user: str | None = None,
        password: str | None = None,
        password_conn_id: str | None = None,
        location_prefix: str = "/",
        state: str = "present",
        update_password: str = "on_create",  # noqa: S107 - a choice, no password
        allow_in_use: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.name = name
        self.url = url
        self.protocol = protocol
        self.port = port
        self.vpn = vpn
        self.user = user
        self.password = password
        self.password_conn_id = password_conn_id
        self.location_prefix = location_prefix
        self.state = state
        self.update_password = update_password
        self.allow_in_use = allow_in_use
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Bring the server to the state and return the row."""
        allow_in_use = self.flag(self.allow_in_use, "allow_in_use")
        servers = self.hook.remote_servers(check_mode=self.flag(self.check_mode, "check_mode"))
        change = servers.bring(
            self.name,
            url=self.url,
            protocol=self.protocol,
            port=self.port,
            vpn=self.vpn,
            user=self.user,
            password=self._find_password(),
            location_prefix=self.location_prefix,
            state=self.state,
            update_password=self.update_password,
            allow_in_use=allow_in_use,
        )
        return self.report(change.as_row())

    def _find_password(self) -> str | None:
        if self.state != "present":
            return None
        if self.password and self.password_conn_id:
            raise VManageConfigurationError("password and password_conn_id given: give at most one of them")
        secret = self.password
        if self.password_conn_id:
            secret = self.hook.get_connection(self.password_conn_id).password
            if not secret:
                text = f"password_conn_id {self.password_conn_id!r} has no password: fill it in"
                raise VManageConfigurationError(text)
        mask(secret)  # in its URL-encoded form, too
        return secret or None


class AddRemoteImageOperator(VManageOperator):
    """Add an image that lies on a remote server to the software repository.

    Lists first and again afterwards, so it is safe to run again. Whether the server has the file is not checked, nor
    does the manager check it (a comment in Cisco's Ansible collection).

    Returns one row, as :class:`.AddRepoOperator`; ``action`` is ``added`` or ``unchanged``.

    :param remote_server: name or id of the remote server (templated).
    :param file_name: exact name of the file on it (templated).
    :param platform_family: family the image is for, where the release takes it (templated).
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, no such server, refused; the manager lists the file on a remote server and
        does not show on which. No retry.
    :raises VManageError: unavailable or outcome unknown. A retry is safe.
    """

    publishes_images = True
    template_fields: Sequence[str] = ("remote_server", "file_name", "platform_family", "check_mode", "vmanage_conn_id")

    def __init__(
        self,
        *,
        remote_server: str,
        file_name: str,
        platform_family: str | None = None,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.remote_server = remote_server
        self.file_name = file_name
        self.platform_family = platform_family
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Add the image and return the row."""
        servers = self.hook.remote_servers(check_mode=self.flag(self.check_mode, "check_mode"))
        change = servers.add_image(self.remote_server, self.file_name, self.platform_family or None)
        return self.report(change.as_row())
