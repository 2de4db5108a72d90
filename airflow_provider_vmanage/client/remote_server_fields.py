"""The fields of a remote server, as users give them and as the manager lists and accepts them.

Keys: Cisco's documentation "Add remote server" (release 20.16) and the OpenAPI of release 26.1. Port and VPN are
numbers or text, depending on the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_vmanage.client.arguments import require_text
from airflow_provider_vmanage.client.errors import VManageConfigurationError

UPDATE_PASSWORD = ("on_create", "always")

#: default TCP port of each protocol. The first three are those of the vendor's client library; the others stand only in
#: the documentation of the vendor's Ansible collection, so a manager may refuse them, or spell them in another way
PORTS = {"FTP": 21, "HTTP": 80, "SCP": 22, "HTTPS": 443, "SFTP": 22, "TFTP": 69}

MAX_VPN = 65527


@dataclass(frozen=True)
class RemoteServer:
    """A server that holds images.

    :param name: ``remoteServerName``, by which it is found.
    :param url: its name or address, without a scheme.
    :param protocol: ``FTP``, ``HTTP``, ``SCP``, ``HTTPS``, ``SFTP`` or ``TFTP``; others as the manager lists them.
    :param port: TCP port.
    :param vpn: VPN through which devices reach it.
    :param user: account on it, if there is one.
    :param location_prefix: folder on it.
    :param server_id: ``remoteServerId``, given by the manager.
    """

    name: str
    url: str | None = None
    protocol: str | None = None
    port: int | None = None
    vpn: int | None = None
    user: str | None = None
    location_prefix: str | None = None
    server_id: str | None = None

    def with_id(self, server_id: str | None) -> RemoteServer:
        """Return the same server under an id."""
        return replace(self, server_id=server_id)

    def differences(self, wanted: RemoteServer) -> tuple[str, ...]:
        """Return the names of the fields that are not as wanted.

        A manager may spell a field in another way than it was sent, so the case of the host and a slash at the end of
        ``location_prefix`` are ignored.
        """
        shown, asked = self._comparable(), wanted._comparable()
        return tuple(name for name in shown if shown[name] != asked[name])

    def _comparable(self) -> dict[str, Any]:
        return {
            "url": (self.url or "").lower(),
            "protocol": self.protocol,
            "port": self.port,
            "vpn": self.vpn,
            "user": self.user,
            "location_prefix": (self.location_prefix or "").rstrip("/"),
        }

    def as_row(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return {
            "name": self.name,
            "remote_server_id": self.server_id,
            "url": self.url,
            "protocol": self.protocol,
            "port": self.port,
            "vpn": self.vpn,
            "user": self.user,
            "location_prefix": self.location_prefix,
        }

    def as_body(self, password: str | None) -> dict[str, Any]:
        """Return the JSON body that the manager accepts; fields that are not given are left out."""
        body = {
            "remoteServerName": self.name,
            "remoteServerUrl": self.url,
            "remoteServerProtocol": self.protocol,
            "remoteServerPort": self.port,
            "remoteServerVPN": self.vpn,
            "remoteServerUser": self.user,
            "imageLocationPrefix": self.location_prefix,
            "remoteServerPassword": password or None,
        }
        return {name: value for name, value in body.items() if value is not None}


def check_remote_server(
    *,
    name: str,
    url: str | None,
    protocol: str = "HTTP",
    port: int | str | None = None,
    vpn: int | str = 0,
    user: str | None = None,
    location_prefix: str = "/",
) -> RemoteServer:
    """Return a wanted remote server, its arguments checked before anything is sent.

    :raises VManageConfigurationError: naming field, value and fix.
    """
    known = str(protocol).strip().upper()
    if known not in PORTS:
        raise VManageConfigurationError(f"protocol is {protocol!r}: use one of {', '.join(PORTS)}")
    return RemoteServer(
        name=require_text(name, "name"),
        url=_host(url),
        protocol=known,
        port=_number(port, "port", 1, 65535, default=PORTS[known]),
        vpn=_number(vpn, "vpn", 0, MAX_VPN, default=0),
        user=str(user or "").strip() or None,  # a native template makes a number of digits
        location_prefix=str(location_prefix or "").strip() or "/",
    )


def parse_remote_server(row: Mapping[str, Any]) -> RemoteServer:
    """Parse one row of the manager's list; missing values are ``None``, unknown ones are kept."""
    return RemoteServer(
        name=_shown(row, "remoteServerName") or "",
        url=_shown(row, "remoteServerUrl"),
        protocol=(_shown(row, "remoteServerProtocol") or "").upper() or None,
        port=_shown_number(row, "remoteServerPort"),
        vpn=_shown_number(row, "remoteServerVPN"),
        user=_shown(row, "remoteServerUser"),
        location_prefix=_shown(row, "imageLocationPrefix"),
        server_id=_shown(row, "remoteServerId"),
    )


def _host(url: str | None) -> str:
    text = require_text(url, "url")
    if re.search(r"[\s/@?#]", text):
        shown = "***" if re.search(r"[@?]", text) else text
        raise VManageConfigurationError(
            f"url is {shown!r}: give the server's name or address alone; protocol, port, user and location_prefix "
            "have their own arguments"
        )
    return text


def _number(value: Any, field: str, lowest: int, highest: int, *, default: int) -> int:
    if value is None or value == "":
        return default
    text = str(value).strip()
    plain = not isinstance(value, (bool, float)) and re.fullmatch(r"\d{1,6}", text, re.ASCII)
    if not plain or not lowest <= int(text) <= highest:
        raise VManageConfigurationError(f"{field} is {value!r}: use a number from {lowest} to {highest}")
    return int(text)


def _shown(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return None if value is None else str(value).strip() or None


def _shown_number(row: Mapping[str, Any], name: str) -> int | None:
    text = _shown(row, name) or ""
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
