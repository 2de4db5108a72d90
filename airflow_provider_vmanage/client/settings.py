"""The settings of a session, read from the fields of a connection and checked before anything is sent."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_bool
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.urls import manager_url

AUTH_METHODS = ("session", "jwt", "api_key")

#: extras of the connection that are used; any other is named in a warning and never sent
KNOWN_EXTRAS = (
    "auth",
    "api_key",
    "tenant",
    "verify",
    "ca_bundle",
    "connect_timeout",
    "read_timeout",
    "upload_read_timeout",
    "requests_per_second",
)

#: requests per second; managers document 100 for all clients together (Cisco, rate limits, release 20.6 and newer)
DEFAULT_RATE, MAX_RATE = 20.0, 100.0


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds; each has a limit.

    :param connect: for the TCP and TLS handshake.
    :param read: between two bytes of a response, and to send one piece of an upload.
    :param upload_read: from the last byte of an upload to the response, since the manager unpacks the image inside the
        request (seen in clients that list right after the response and find the image).
    """

    connect: float = 10.0
    read: float = 60.0
    upload_read: float = 1800.0


@dataclass(frozen=True)
class ManagerSettings:
    """How to reach one manager and as whom.

    :param base_url: ``scheme://host:port``.
    :param username: login name; not needed with an API key.
    :param password: its password.
    :param auth: ``session``, ``jwt`` or ``api_key``.
    :param api_key: long-lived key of release 20.18 and newer.
    :param tenant: name, sub-domain or id of the tenant a provider user acts as.
    :param verify: whether the manager's certificate is checked.
    :param ca_bundle: file or folder of certificate authorities to trust instead of the usual ones.
    :param timeouts: see :class:`Timeouts`.
    :param requests_per_second: that all sessions of one process with this manager send at most.
    :param user_agent: sent with each request.
    :param unknown_extras: names of extras that are not used.
    """

    base_url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    auth: str = "session"
    api_key: str | None = field(default=None, repr=False)
    tenant: str | None = None
    verify: bool = True
    ca_bundle: str | None = None
    timeouts: Timeouts = Timeouts()
    requests_per_second: float = DEFAULT_RATE
    user_agent: str = "airflow-provider-vmanage"
    unknown_extras: tuple[str, ...] = ()

    @property
    def tls_verify(self) -> bool | str:
        """Return the ``verify`` of each request: given per request it takes precedence over REQUESTS_CA_BUNDLE."""
        return self.ca_bundle or True if self.verify else False


def read_settings(
    *,
    host: str | None,
    port: int | None = None,
    schema: str | None = None,
    login: str | None = None,
    password: str | None = None,
    extra: Mapping[str, Any] | None = None,
    user_agent: str = "airflow-provider-vmanage",
) -> ManagerSettings:
    """Return the settings that the fields of a connection describe.

    Values in ``extra`` may be JSON types or text, as a connection given as URI has only text.

    :raises VManageConfigurationError: naming the field, its value (secrets masked) and the fix.
    """
    extra = {name: value for name, value in (extra or {}).items() if value not in (None, "")}
    settings = ManagerSettings(
        base_url=manager_url(host or "", port, schema),
        username=login or None,
        password=password or None,
        auth=_auth(extra),
        api_key=_text(extra, "api_key"),
        tenant=_text(extra, "tenant"),
        verify=parse_bool(extra.get("verify", True), field="verify"),
        ca_bundle=_text(extra, "ca_bundle"),
        timeouts=_timeouts(extra),
        requests_per_second=_rate(extra),
        user_agent=user_agent,
        unknown_extras=tuple(sorted(set(extra) - set(KNOWN_EXTRAS))),
    )
    _check_credentials(settings)
    _check_ca_bundle(settings)
    return settings


def is_header_value(value: Any) -> bool:
    """Return whether an HTTP header can carry the value unchanged."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def _auth(extra: Mapping[str, Any]) -> str:
    value = str(extra.get("auth", "session")).strip().lower()
    if value not in AUTH_METHODS:
        raise VManageConfigurationError(f"auth is {extra['auth']!r}: use one of {', '.join(AUTH_METHODS)}")
    return value


def _text(extra: Mapping[str, Any], name: str) -> str | None:
    value = extra.get(name)
    if value is None:
        return None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise VManageConfigurationError(f"{name} is {type(value).__name__}: give text")
    return str(value).strip() or None


def _timeouts(extra: Mapping[str, Any]) -> Timeouts:
    default = Timeouts()
    return Timeouts(
        connect=_seconds(extra, "connect_timeout", default.connect),
        read=_seconds(extra, "read_timeout", default.read),
        upload_read=_seconds(extra, "upload_read_timeout", default.upload_read),
    )


def _seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    return _number(extra, name, default, unit="seconds", most=86400)


def _rate(extra: Mapping[str, Any]) -> float:
    return _number(extra, "requests_per_second", DEFAULT_RATE, unit="requests", most=MAX_RATE)


def _number(extra: Mapping[str, Any], name: str, default: float, *, unit: str, most: float) -> float:
    value = extra.get(name, default)
    try:
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not 0 < number <= most:
        raise VManageConfigurationError(f"{name} is {value!r}: use a number of {unit} above 0, at most {most:g}")
    return number


def _check_credentials(settings: ManagerSettings) -> None:
    if settings.auth == "api_key":
        if not settings.api_key:
            raise VManageConfigurationError('api_key is empty, and auth is "api_key": give the key')
        if not is_header_value(settings.api_key):
            raise VManageConfigurationError("api_key has characters that no HTTP header can carry: copy it again")
        return
    for name, value in (("login", settings.username), ("password", settings.password)):
        if not value:
            raise VManageConfigurationError(f'{name} is empty, and auth is "{settings.auth}": fill it in')


def _check_ca_bundle(settings: ManagerSettings) -> None:
    if not settings.ca_bundle or not settings.verify:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**_locations(settings.ca_bundle))
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or getattr(err, "reason", None) or err
        raise VManageConfigurationError(
            f"ca_bundle {settings.ca_bundle!r} cannot be used ({reason}): give a readable file of PEM certificates"
        ) from err


def _locations(path: str) -> dict[str, str]:
    return {"capath": path} if Path(path).is_dir() else {"cafile": path}
