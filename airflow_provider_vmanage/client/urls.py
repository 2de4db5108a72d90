"""URLs as users write them: the address of a manager, and repository URLs."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageProtocolError

#: schemes of a repository URL; whether the manager or its devices open it, no source says
REPOSITORY_SCHEMES = ("http", "https", "ftp", "scp", "sftp", "tftp")

_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "scp": 22, "sftp": 22, "tftp": 69}

MASK = "***"

#: a user name in a URL with at least so many characters is taken for a token
_TOKEN_MIN_CHARS = 20

#: a name or an address in brackets, with an optional port
_NETLOC = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+(%[\w.-]+)?\])(:\d*)?")


def check_repository_url(url: str, *, field: str = "version_url") -> str:
    """Return a repository URL, checked before anything is sent.

    :param url: such as ``https://images.example.com/20.12/``.
    :param field: name of the argument, for the error.
    :raises VManageConfigurationError: it has another scheme, no host, or contains blanks.
    """
    shown = masked_url(url)
    if not url or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise VManageConfigurationError(f"{field} {shown!r} is empty or has blanks in it: give one URL")
    parts = _split(url, field, shown)
    if parts.scheme.lower() not in REPOSITORY_SCHEMES:
        raise VManageConfigurationError(
            f"{field} {shown!r} has the scheme {parts.scheme!r}: use one of {', '.join(REPOSITORY_SCHEMES)}"
        )
    if not parts.hostname:
        raise VManageConfigurationError(f"{field} {shown!r} has no host: write scheme://host/path")
    return url


def same_url(one: str, other: str) -> bool:
    """Return whether two URLs are equal but for the case of scheme and host, a default port and a trailing slash.

    A manager may list a URL in another spelling than it was sent; what is sent is never changed.
    """
    return one == other or _normalised(one) == _normalised(other)


def _normalised(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    scheme = parts.scheme.lower()
    shown = "" if port in (None, _DEFAULT_PORTS.get(scheme)) else str(port)
    user = parts.netloc.rpartition("@")[0]
    return (scheme, user, parts.hostname or "", shown, parts.path.rstrip("/"), parts.query, parts.fragment)


def masked_url(url: str) -> str:
    """Return the URL with ``***`` for its user information, query, fragment and what follows a ``;`` in its path.

    A servlet container writes a session's cookie there (``;jsessionid=…``). What is not a URL becomes ``***``.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    try:
        _ = parts.port
    except ValueError:
        if "@" in url:  # not a number: more likely the first half of a password that contains a slash
            return MASK
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else parts.netloc
    path = re.sub(r";[^/]*", f";{MASK}", parts.path)
    masked = [MASK if part else "" for part in (parts.query, parts.fragment)]
    return urlunsplit((parts.scheme, netloc, path, *masked))


def without_file_prefix(text: str) -> str:
    """Return the URL or path of a list of checksums (``file:https://…``), or any other text as it is."""
    text = text.strip()
    is_list = text.lower().startswith("file:") and not text.lower().startswith("file://")
    return text[len("file:") :] if is_list else text


def secrets_in_url(url: str) -> list[str]:
    """Return the parts of a URL that may be secret: password (as written and decoded), query, and the values in it.

    A user name too if it may be a token: alone before the ``@`` of an ``http(s)`` URL, or as long as a token. In a URL
    of an object store it is the id of an Airflow connection, which has to stay readable.
    """
    try:
        parts = urlsplit(url)
        password, _ = parts.password or "", parts.port
    except ValueError:
        return [url]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    token = _token_in(parts)
    found = [
        token,
        unquote(token),
        password,
        unquote(password),
        parts.query,
        unquote(parts.query),
        *values,
        *map(unquote, values),
    ]
    found.append(parts.fragment)
    return [secret for secret in dict.fromkeys(found) if secret]


def _token_in(parts: SplitResult) -> str:
    user, scheme = parts.username or "", parts.scheme.lower()
    alone = scheme in ("http", "https") and not parts.password
    return user if alone or (scheme in REPOSITORY_SCHEMES and len(user) >= _TOKEN_MIN_CHARS) else ""


def manager_url(host: str, port: int | None = None, schema: str | None = None) -> str:
    """Return the base URL of a manager, from the fields of a connection.

    :param host: a name, ``name:port``, an IPv4 or IPv6 address (with or without brackets), or a URL without a path.
    :param port: the port field; 443 if neither field names one (80 for ``http``).
    :param schema: ``https`` (default) or ``http``.
    :return: ``scheme://host:port``, with the port.
    :raises VManageConfigurationError: naming the field, its value and the fix; nothing was sent.
    """
    host = (host or "").strip()
    if not host:
        raise VManageConfigurationError("host is empty: give the name or address of the manager")
    if "@" in host:  # checked first: a password may contain a slash, a colon or a question mark
        shown = f"{MASK}@{host.rpartition('@')[2]}"
        raise VManageConfigurationError(f"host {shown!r} has credentials in it: use the login and password fields")
    scheme = _scheme(host, (schema or "").strip().lower().removesuffix("://"))
    parts = _host_parts(host)
    name = parts.hostname or ""
    used = _one_port(parts.port, port) or (80 if scheme == "http" else 443)
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{used}"


def _scheme(host: str, schema: str) -> str:
    given = host.partition("://")[0].lower() if "://" in host else ""
    for field, value in (("host", given), ("schema", schema)):
        if value not in ("", "http", "https"):
            raise VManageConfigurationError(f"{field} names the scheme {value!r}: use https (or http)")
    if given and schema and given != schema:
        raise VManageConfigurationError(f"host says {given!r} and schema says {schema!r}: give one of them")
    return given or schema or "https"


def _host_parts(host: str) -> SplitResult:
    text = host.partition("://")[2] if "://" in host else host
    if _is_ipv6(text.rstrip("/")):
        text = f"[{text.rstrip('/')}]"
    shown = masked_url(f"//{text}").removeprefix("//")
    parts = _split(f"//{text}", "host", shown)
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise VManageConfigurationError(f"host {shown!r} has a query in it: give only name and port")
    if parts.path not in ("", "/"):
        raise VManageConfigurationError(f"host {shown!r} has a path in it: give only name and port")
    if not _NETLOC.fullmatch(parts.netloc) or not (parts.hostname or "").strip("."):
        raise VManageConfigurationError(f"host {shown!r} is not a host name or address")
    return parts


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _one_port(in_host: int | None, in_field: int | None) -> int | None:
    for field, port in (("host", in_host), ("port", in_field)):
        if port is not None and not 1 <= port <= 65535:
            raise VManageConfigurationError(f"{field} names the port {port}: use a number from 1 to 65535")
    if in_host and in_field and in_host != in_field:
        raise VManageConfigurationError(f"host says port {in_host} and port says {in_field}: give one of them")
    return in_host or in_field


def _split(url: str, field: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        # Not chained, here and below: Python's message may quote half of a password.
        raise VManageConfigurationError(f"{field} {shown!r} is not a URL: check its brackets") from None
    try:
        _ = parts.port
    except ValueError:
        text = f"{field} {shown!r} has a port that is not a number from 1 to 65535"
        raise VManageConfigurationError(text) from None
    return parts


def build_path(path: str, listed_id: str) -> str:
    """Return the path of a listed id, whatever characters it contains.

    :raises VManageProtocolError: the id would lead to another path.
    """
    if {".", ".."} & set(listed_id.split("/")):
        raise VManageProtocolError(
            f"The manager lists the id {listed_id!r}, which cannot be part of a path; nothing was changed"
        )
    return f"{path}/{quote(listed_id, safe='')}"
