"""The three ways to log in: each sends its login and returns the credentials of later requests.

Sources: Cisco's authentication page of release 20.16 (session login and its HTML failure page), a live capture of
release 20.18.2.1 (the JSON failure under 200), Cisco's JWT pages of release 20.18 (JWT login, API keys), and sastre
1.28 (how an API key is used). A refused login is never repeated: see :class:`VManageAuthenticationError`.

A manager that starts responds to a login with 404, 403, a redirect or a page for a while. So only the response of a
running manager is a refusal; any other means unavailable, is not repeated inside the call, and a later try may succeed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageConfigurationError,
    VManageError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http.cookies import SESSION_COOKIE, session_cookies
from airflow_provider_vmanage.client.http.envelope import error_of
from airflow_provider_vmanage.client.http.responses import (
    API_ROOT,
    LOGIN_PATHS,
    TRANSIENT_STATUSES,
    Call,
    asked_to_wait,
    raise_if_rate_limited,
)
from airflow_provider_vmanage.client.settings import ManagerSettings, is_header_value
from airflow_provider_vmanage.client.urls import masked_url

#: sends one request: (call, options of ``requests``) -> the response, unjudged
Send = Callable[..., requests.Response]

LOGIN, JWT_LOGIN = (Call("POST", path) for path in LOGIN_PATHS)

#: polled without a login by clients that wait for a restart (catalystwan 0.41.6): ``{"isServerReady": true}``
READY = Call("GET", f"{API_ROOT}/client/server/ready")

#: seconds for which a JWT is valid: enough for the slowest upload, far below the limit of 604800 (Cisco, JWT login)
JWT_LIFETIME_S = 14400


_REASONS = {
    200: "neither a session nor a refusal by a manager that is ready",
    403: "forbidden",
    404: "no login page",
}


@dataclass(frozen=True)
class Credentials:
    """What a login adds to each request.

    :param headers: headers to send.
    :param cookies: cookies to send.
    :param token: XSRF token, if the response to the login contains one.
    :param secrets: values that must not appear in logs or errors.
    :param opened: whether the manager keeps a session that has to be logged out.
    :param unfit: the error to raise if it may only be used for its logout.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    opened: bool = True
    unfit: VManageConfigurationError | None = None


class Login(Protocol):
    """A way to log in."""

    #: whether a dead session can be replaced by another login
    renewable: bool

    def open(self, send: Send) -> Credentials:
        """Log in with one attempt.

        :raises VManageAuthenticationError: refused. A retry counts towards the lock of the account.
        :raises VManageUnavailableError: the manager is busy or starting; nothing was refused. A retry is safe.
        """


class _PasswordLogin:
    """Shared by both logins with a password: but for the first, none is sent while the manager reports that it starts.

    Whether a login counts towards the lock of the account while the manager starts is not known. A session that has
    died may have died of a restart, and a login page that is sent shortly before the manager is ready would count as a
    refusal.
    """

    renewable = True

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._checks_readiness = False

    def open(self, send: Send) -> Credentials:
        """Log in with one attempt; after one that was accepted or unavailable, only once the manager is ready."""
        if self._checks_readiness and is_starting(send):
            text = "The manager is still starting, so the login was not sent again"
            raise VManageUnavailableError(text, repeat=False, **READY.where)
        try:
            credentials = self._log_in(send)
        except VManageUnavailableError as err:
            self._checks_readiness = self._checks_readiness or not err.repeat
            raise
        self._checks_readiness = True
        return credentials

    def _log_in(self, send: Send) -> Credentials:
        raise NotImplementedError


class SessionLogin(_PasswordLogin):
    """Cookie login of every release: success is 200, an empty body and a JSESSIONID, all three."""

    def _log_in(self, send: Send) -> Credentials:
        """Post the form and judge the response by its body: a refusal is a 200 too, and may set a cookie."""
        form = {"j_username": self._settings.username, "j_password": self._settings.password}
        response = send(LOGIN, data=form)
        raise_if_rate_limited(LOGIN, response)
        cookies = session_cookies(response)
        if response.status_code != 200 or response.text.strip() or not cookies:
            raise _login_error(send, response, LOGIN, self._settings)
        values = tuple(str(cookie.value) for cookie in cookies)
        unfit = _secure_over_http(self._settings) if cookies[0].secure else None
        return Credentials(cookies={SESSION_COOKIE: values[0]}, secrets=values, unfit=unfit)


class JWTLogin(_PasswordLogin):
    """JSON Web Token login of release 20.18.1 and newer.

    A token that has expired is replaced by a new login: the shape of ``/jwt/refresh`` is not documented.
    """

    def _log_in(self, send: Send) -> Credentials:
        """Post user and password as JSON and read ``token`` and ``csrf`` from the response."""
        body = {
            "username": self._settings.username,
            "password": self._settings.password,
            "duration": JWT_LIFETIME_S,
        }
        response = send(JWT_LOGIN, json=body)
        raise_if_rate_limited(JWT_LOGIN, response)
        token, csrf = _jwt_fields(response.text)
        if response.status_code != 200 or not token:
            raise _login_error(send, response, JWT_LOGIN, self._settings)
        return Credentials(_bearer(token), token=csrf or None, secrets=tuple(filter(None, (token, csrf))))


class ApiKeyLogin:
    """Bearer key of release 20.18 and newer: nothing is opened, so nothing is renewed or logged out."""

    renewable = False

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings

    def open(self, send: Send) -> Credentials:
        """Send nothing: the key goes with each request."""
        key = self._settings.api_key or ""
        return Credentials(_bearer(key), secrets=(key,), opened=False)


def login_for(settings: ManagerSettings) -> Login:
    """Return the login of the method in the settings (``auth``)."""
    kinds: dict[str, type[Any]] = {"session": SessionLogin, "jwt": JWTLogin, "api_key": ApiKeyLogin}
    login: Login = kinds[settings.auth](settings)
    return login


def _secure_over_http(settings: ManagerSettings) -> VManageConfigurationError | None:
    """Return an error if a cookie for TLS only came over HTTP: it must not be sent over HTTP with every call.

    Sending it once more, with the logout, reveals nothing that the response to the login has not.
    """
    if not settings.base_url.startswith("http://"):
        return None
    return VManageConfigurationError(
        "The connection uses http, but the manager allows its session cookie over TLS only (Secure): write the host as "
        "https://…, clear schema, and correct port",
        **LOGIN.where,
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _jwt_fields(text: str) -> tuple[str, str]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    token, csrf = body.get("token"), body.get("csrf")
    return (str(token) if is_header_value(token) else "", str(csrf) if is_header_value(csrf) else "")


def _login_error(
    send: Send, response: requests.Response, call: Call, settings: ManagerSettings
) -> VManageAuthenticationError | VManageUnavailableError:
    """Return the error of a failed login: refused only if a running manager refused it.

    A 401 is no documented response to the session login; it counts as a refusal, since repeating a refused login may
    lock the account.
    """
    if "passwordreset" in _redirect_target(response).lower():
        return VManageAuthenticationError(
            "The manager asks for a new password: sign in once in the browser and change it",
            status=response.status_code,
            **call.where,
        )
    if response.status_code == 401 or (_is_refusal(call, response) and not is_starting(send)):
        return _refused(response, call, settings)
    return _unavailable(response, call)


def _is_refusal(call: Call, response: requests.Response) -> bool:
    """Return whether the response is a refusal, provided that the manager is ready.

    No source shows how a JWT login is refused, so any 4xx with ``{"error": …}`` counts: a repeat may lock the account.
    A JWT login that does not exist (404) is no refusal of the password, but no retry helps either.
    """
    status = response.status_code
    if call is JWT_LOGIN:
        has_reason = error_of(response.text) is not None
        return status in (200, 404, 405) or (400 <= status < 500 and status != 408 and has_reason)
    return status == 200 and bool(response.text.strip())


def is_starting(send: Send) -> bool:
    """Return whether the manager reports that it is still starting, or is unavailable.

    The call needs no credentials. A release that does not have it counts as started.

    :param send: sends a request, unjudged.
    """
    try:
        response = send(READY)
    except VManageCancelledError:
        raise
    except VManageError:
        return True
    if response.status_code in TRANSIENT_STATUSES:
        return True
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.get("isServerReady") in (False, "false")


def _redirect_target(response: requests.Response) -> str:
    is_redirect = 300 <= response.status_code < 400
    return masked_url(str(response.headers.get("Location", ""))) if is_redirect else ""


def _unavailable(response: requests.Response, call: Call) -> VManageUnavailableError:
    """Return the error of a login that was neither accepted nor refused; it is not sent again inside the call."""
    status = response.status_code
    error = error_of(response.text) or {}
    seconds, asked_text = asked_to_wait(response)
    message = str(error.get("message") or "").strip()
    reason = message or _REASONS.get(status, f"HTTP {status}")
    if 300 <= status < 400:
        reason = f"redirected to {_redirect_target(response)!r}"
    return VManageUnavailableError(
        f"The manager could not process the login ({reason}): it may still be starting; if this lasts, correct host "
        f"(with http:// or https://) and port of the connection{asked_text}",
        retry_after=seconds,
        repeat=False,
        status=status,
        code=str(error.get("code") or "").strip() or None,
        details=str(error.get("details") or "").strip() or None,
        **call.where,
    )


def _refused(response: requests.Response, call: Call, settings: ManagerSettings) -> VManageAuthenticationError:
    error = error_of(response.text) or {}
    hint = "correct login and password; five refused logins within 15 minutes lock the account"
    if call is JWT_LOGIN and response.status_code in (404, 405):
        hint = 'JWT login needs release 20.18.1 or newer: set auth to "session"'
    message = str(error.get("message") or "").strip()
    return VManageAuthenticationError(
        f"The manager refused the login of {settings.username!r}{f' ({message})' if message else ''}: {hint}",
        status=response.status_code,
        code=str(error.get("code") or "").strip() or None,
        details=str(error.get("details") or "").strip() or None,
        **call.where,
    )
