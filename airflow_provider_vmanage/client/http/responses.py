"""What a response, or its absence, means: the one place that maps HTTP to our errors."""

from __future__ import annotations

import html
import re
import ssl
from dataclasses import dataclass, field
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http.envelope import (
    MAX_QUOTED_CHARS,
    Envelope,
    error_of,
    parse_envelope,
    raise_for_error,
)
from airflow_provider_vmanage.client.http.retry import parse_retry_after
from airflow_provider_vmanage.client.urls import masked_url

API_ROOT = "/dataservice"
LOGOUT_PATH = "/logout"
LOGIN_PATHS = ("/j_security_check", "/jwt/login")

#: statuses that a server or proxy gives while it is busy or unavailable
TRANSIENT_STATUSES = (408, 500, 502, 503, 504)

#: OpenSSL's names (they differ by release) for a response to the handshake that is not TLS
_NOT_TLS_REASONS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)

_ADDRESS_ERRORS = (
    requests.exceptions.InvalidURL,  # and InvalidProxyURL
    requests.exceptions.InvalidSchema,  # a SOCKS proxy without PySocks
    requests.exceptions.MissingSchema,
    LocationValueError,  # a name that DNS cannot carry
)

_HINTS = {
    401: "the credentials are not accepted",
    403: "the user lacks a role: reading needs Software Upgrade (read), changing needs Software Upgrade (write)",
    404: "no such path: is the host a vManage, and does its release know this call?",
    413: "a proxy in front of the manager limits the size of uploads",
}


class SessionDead(Exception):
    """The manager does not know our session any more. Internal: callers get an error of :mod:`.errors`.

    :param shape: of the response, in words.
    :param status: HTTP status of the response.
    :param token_only: perhaps only the XSRF token is stale.
    :param by_page: only presumed, from a page under 200; the request may have been carried out.
    """

    def __init__(self, shape: str, status: int, *, token_only: bool = False, by_page: bool = False) -> None:
        super().__init__(shape)
        self.shape = shape
        self.status = status
        self.token_only = token_only
        self.by_page = by_page


@dataclass(frozen=True)
class Call:
    """The part of a request that its response is judged by.

    :param method: HTTP method.
    :param path: path from the root of the manager, without a query.
    :param renewable: whether a new login is possible; with an API key it is not, so a 401 is final.
    :param query: the part after ``?``; sent, but not shown in errors.
    """

    method: str
    path: str
    renewable: bool = True
    query: str = field(default="", repr=False)

    @property
    def is_read(self) -> bool:
        """Return whether it is safe to send it twice."""
        return self.method in ("GET", "HEAD") or self.path == LOGOUT_PATH or self.path.endswith("/vsessionid")

    @property
    def where(self) -> dict[str, Any]:
        """Return the fields that every error of this call carries."""
        return {"method": self.method, "path": self.path}


def judge(call: Call, response: requests.Response) -> Envelope:
    """Return the envelope of a good response; raise an error for any other.

    :raises SessionDead: in any of the shapes that managers have shown.
    :raises VManageError: see the table in the docs on reliability.
    """
    status = response.status_code
    where = {**call.where, "status": status}
    if status == 401 and not call.renewable:
        raise VManageAuthenticationError("The API key is not accepted: create a new one", **where)
    try:
        raise_if_session_dead(call, response)
    except SessionDead as dead:
        if call.renewable or dead.token_only:
            raise
        raise _no_session_to_renew(dead, where) from None
    raise_if_rate_limited(call, response)
    if status >= 300:
        _raise_for_bad_status(call, response, where)
    return parse_envelope(response.text, status=status, method=call.method, path=call.path)


def _no_session_to_renew(dead: SessionDead, where: dict[str, Any]) -> VManageProtocolError:
    return VManageProtocolError(
        f"The manager responded to the API key as to a client that is not logged in ({dead.shape}); a key has no "
        "session that could be renewed: is it the user's current key, and is the release 20.18 or newer?",
        **where,
    )


def dead_again(call: Call, dead: SessionDead, *, token_first: bool) -> VManageSessionExpiredError:
    """Return the error for a session that died twice within one call.

    :param token_first: the first time, only the XSRF token was refused.
    """
    happened = "The session was renewed and is dead again"
    if token_first:
        happened = "The XSRF token was renewed, and the call is refused again"
    return VManageSessionExpiredError(
        f"{happened} ({dead.shape}): is another client logging this user out, or does a load balancer spread the "
        "calls over several managers?",
        status=dead.status,
        **call.where,
    )


def raise_if_session_dead(call: Call, response: requests.Response) -> None:
    """Raise an error if the response shows that the session is not known (any more).

    Sources: live captures of 20.18.2.1 (200 with the login page; 403 SessionTokenFilter), of 2023 (200 with a fresh
    cookie) and client code (a cookie that expires in 1970, a redirect to the welcome page, 401). HTML under any
    other status is not about the session, and a new cookie alone proves nothing.
    """
    status, body = response.status_code, response.text.lstrip()
    if status == 401:
        raise SessionDead("401", status)
    if 300 <= status < 400 and "welcome.html" in str(response.headers.get("Location", "")):
        raise SessionDead("redirect to the welcome page", status)
    if status == 200 and call.path.startswith(API_ROOT) and body.startswith("<"):
        raise SessionDead("login page instead of data", status, by_page=True)
    if status == 403 and "SessionTokenFilter" in body:
        raise SessionDead("XSRF token not accepted", status, token_only=True)


def raise_if_rate_limited(call: Call, response: requests.Response) -> None:
    """Raise for a 429: the request was not processed, so it may be sent again, whatever it is."""
    if response.status_code == 429:
        raise _unavailable("The manager limits the rate of requests", call, response)


def raise_if_unavailable(call: Call, response: requests.Response) -> None:
    """Raise for a status that a server or a proxy gives while it is busy or unavailable."""
    raise_if_rate_limited(call, response)
    if response.status_code in TRANSIENT_STATUSES:
        raise _unavailable("The manager is busy, restarting or out of reach behind its proxy", call, response)


def transport_error(call: Call, err: requests.RequestException | HTTPError) -> VManageError:
    """Return the error for a failure below HTTP: for a change, mostly that its outcome is unknown."""
    causes = list(_causes(err))
    reason = _reason(causes)
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return VManageConfigurationError(
            f"TLS verification failed ({certificate.verify_message or reason}): set ca_bundle to the file of the "
            "authority that signed the manager's certificate, and host to the name in it",
            **call.where,
        )
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS_REASONS for cause in causes):
        return VManageConfigurationError(
            f"The port does not speak TLS ({reason}): correct port; only for a manager without TLS write the host as "
            "http://…",
            **call.where,
        )
    if isinstance(err, _ADDRESS_ERRORS):  # before any connection
        return VManageConfigurationError(
            f"The address cannot be used ({reason}): correct host, or the proxy of the environment", **call.where
        )
    if isinstance(err, requests.exceptions.InvalidJSONError):
        return VManageConfigurationError(f"json cannot be sent ({reason}): give plain JSON types", **call.where)
    if any(isinstance(cause, (NewConnectionError, ConnectTimeoutError)) for cause in causes):
        return VManageUnavailableError(f"The manager cannot be reached ({reason})", **call.where)
    if call.path in LOGIN_PATHS:
        # A login changes nothing. Whether it counted as a failed one is not known, so it is not sent again at once.
        return VManageUnavailableError(
            f"The manager gave no response to the login ({reason})", repeat=False, **call.where
        )
    if call.path == LOGOUT_PATH and isinstance(err, requests.Timeout):
        # Only a task that has done its work waits for a logout.
        return VManageUnavailableError(f"The manager gave no response ({reason})", repeat=False, **call.where)
    if not call.is_read:
        return VManageOutcomeUnknownError(f"The response to a change was lost ({reason})", **call.where)
    if isinstance(err, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return VManageProtocolError(f"The manager's response broke off ({reason})", **call.where)
    return VManageUnavailableError(f"The manager gave no response ({reason})", **call.where)


def malformed_redirect(call: Call) -> VManageError:
    """Return the error for a redirect to a malformed address; a login is not sent again inside the call."""
    text = "The manager redirects to an address that is malformed"
    if call.path in LOGIN_PATHS:
        return VManageUnavailableError(text, repeat=False, **call.where)
    return VManageProtocolError(text, **call.where)


def _raise_for_bad_status(call: Call, response: requests.Response, where: dict[str, Any]) -> None:
    status = response.status_code
    if status < 400:
        target = masked_url(str(response.headers.get("Location", "")))
        raise VManageProtocolError(
            f"The manager redirects to {target!r}, which is not followed: correct host (with http:// or https://) and "
            "port",
            **where,
        )
    error = error_of(response.text)
    if error is not None:
        raise_for_error({"error": error}, **where)
    if (status == 408 or status >= 500) and not call.is_read:  # proxies have more of them: 520, 524, …
        seconds, asked = asked_to_wait(response)
        raise VManageOutcomeUnknownError(
            f"The response to a change was lost on its way{asked}", retry_after=seconds, **where
        )
    raise_if_unavailable(call, response)
    text = _HINTS.get(status, "no reason given")
    refused = VManageRejectedError(
        f"The manager refused the request: {text}", details=_plain_text(response.text) or None, **where
    )
    refused.is_page = True
    raise refused


def _unavailable(text: str, call: Call, response: requests.Response) -> VManageUnavailableError:
    seconds, asked = asked_to_wait(response)
    return VManageUnavailableError(text + asked, retry_after=seconds, status=response.status_code, **call.where)


def asked_to_wait(response: requests.Response) -> tuple[float | None, str]:
    """Return the seconds that ``Retry-After`` asks for, if it does, and the text for an error."""
    seconds = parse_retry_after(response.headers.get("Retry-After"), date=response.headers.get("Date"))
    return seconds, f"; the manager asked to wait {seconds:g} s" if seconds is not None else ""


def _plain_text(body: str) -> str:
    """Return the text of a page, shortened."""
    words = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", body[:4000], flags=re.DOTALL | re.IGNORECASE)
    return " ".join(html.unescape(words).split())[:MAX_QUOTED_CHARS]


def reason_of(err: BaseException) -> str:
    """Return why a connection failed, by the innermost of its causes."""
    return _reason(list(_causes(err)))


def _causes(err: BaseException) -> Any:
    """Yield the error and its causes, innermost last.

    requests and urllib3 keep a cause in ``args``, ``reason`` or ``__cause__``.
    """
    seen: set[int] = set()
    waiting: list[Any] = [err]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]


def _reason(causes: list[BaseException]) -> str:
    """Return the text of the innermost operating system error, or of the innermost error."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return cause.strerror.lower()
    text = str(causes[-1]).strip()
    return (text or type(causes[-1]).__name__)[:MAX_QUOTED_CHARS]
