"""The three ways to log in, each a small object that sends what it must and returns what later requests carry.

Sources: Cisco's authentication page of release 20.16 (session login and its HTML failure page), a live capture of
release 20.18.2.1 (the JSON failure under 200), Cisco's JWT pages of release 20.18 (JWT login, API keys), and sastre
1.28 (how an API key is used). A refused login is never repeated: see :class:`VManageAuthenticationError`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from airflow_provider_vmanage.client.answers import (
    LOGIN_PATHS,
    LOGOUT_PATH,
    Call,
    asked_to_wait,
    raise_if_away,
    raise_if_rate_limited,
    raise_if_session_dead,
)
from airflow_provider_vmanage.client.cookies import SESSION_COOKIE, session_cookies
from airflow_provider_vmanage.client.envelope import error_of, parse_envelope, raise_for_error
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageRejectedError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.retry import retrying
from airflow_provider_vmanage.client.settings import ManagerSettings, is_header_value
from airflow_provider_vmanage.client.urls import masked_url

#: sends one request: (call, options of ``requests``) -> the answer, unjudged
Send = Callable[..., requests.Response]

LOGIN, JWT_LOGIN = (Call("POST", path) for path in LOGIN_PATHS)

#: the release from which logout is a POST (catalystwan 0.41.6 and sastre 1.28 draw the same line)
_POST_LOGOUT = (20, 12)

#: seconds a JWT shall live: long enough for the slowest upload, far below the limit of 604800 (Cisco, JWT login)
JWT_DURATION = 14400


@dataclass(frozen=True)
class Credentials:
    """What an opened login adds to each request.

    :param headers: headers to send.
    :param cookies: cookies to send.
    :param token: XSRF token, where the login itself gives one.
    :param secrets: values that must not show up anywhere.
    :param opened: whether the manager keeps a session that has to be logged out.
    :param unfit: why it must not be used for more than its logout.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    opened: bool = True
    unfit: VManageConfigurationError | None = None


class Login(Protocol):
    """A way to log in."""

    #: whether a dead session can be opened anew with what we have
    renewable: bool

    def open(self, send: Send) -> Credentials:
        """Log in with one attempt.

        :raises VManageAuthenticationError: refused.
        :raises VManageUnavailableError: the manager is busy or restarting; nothing was refused.
        """


class SessionLogin:
    """Cookie login of every release: success is 200, an empty body and a JSESSIONID, all three."""

    renewable = True

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings

    def open(self, send: Send) -> Credentials:
        """Post the form and judge the answer by its body: a refusal is a 200 too, and may set a cookie."""
        form = {"j_username": self._settings.username, "j_password": self._settings.password}
        answer = send(LOGIN, data=form)
        _raise_if_busy(answer, LOGIN)
        _raise_if_redirected(answer, LOGIN)
        if answer.status_code != 200 or answer.text.strip():
            raise _refused(answer, LOGIN, self._settings)
        cookies = session_cookies(answer)
        if not cookies:
            # No success, so not tried again either: nobody knows whether it counts as a failed login.
            raise VManageAuthenticationError(
                "The login was answered with an empty body but no JSESSIONID: is this a vManage?",
                status=answer.status_code,
                **LOGIN.where,
            )
        values = tuple(str(cookie.value) for cookie in cookies)
        unfit = _secure_over_http(self._settings) if cookies[0].secure else None
        return Credentials(cookies={SESSION_COOKIE: values[0]}, secrets=values, unfit=unfit)


class JWTLogin:
    """JSON Web Token login of release 20.18.1 and newer.

    A token that has expired is replaced by a new login: the shape of ``/jwt/refresh`` is not documented.
    """

    renewable = True

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings

    def open(self, send: Send) -> Credentials:
        """Post user and password as JSON and take ``token`` and ``csrf`` from the answer."""
        body = {
            "username": self._settings.username,
            "password": self._settings.password,
            "duration": JWT_DURATION,
        }
        answer = send(JWT_LOGIN, json=body)
        _raise_if_busy(answer, JWT_LOGIN)
        _raise_if_redirected(answer, JWT_LOGIN)
        token, csrf = _jwt_fields(answer.text)
        if answer.status_code != 200 or not token:
            raise _refused(answer, JWT_LOGIN, self._settings)
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
    """Return the way to log in that the settings name."""
    kinds: dict[str, type[Any]] = {"session": SessionLogin, "jwt": JWTLogin, "api_key": ApiKeyLogin}
    login: Login = kinds[settings.auth](settings)
    return login


def log_out(
    send: Send,
    release: tuple[int, int] | None,
    sleep: Callable[[float], Any],
    *,
    repeats: int = 2,
    seconds: float = 10.0,
) -> None:
    """End the session on the manager: POST from release 20.12, GET before; both where the release is unknown.

    :param send: sends a request of the session, unjudged.
    :param release: first two numbers of the release.
    :param sleep: waits that many seconds.
    :param repeats: how often at most a logout is sent again that the manager could not take.
    :param seconds: that all of this may take, waits included.
    :raises SessionDead: there is nothing to end, or the token is stale.
    :raises VManageError: the manager could not be told.
    """
    verbs = ("POST", "GET") if release is None else ("POST",) if release >= _POST_LOGOUT else ("GET",)
    for verb in verbs:
        call = Call(verb, LOGOUT_PATH)
        params = {"nocache": int(time.time())} if verb == "GET" else None
        for attempt in retrying(sleep, repeats=repeats, seconds=seconds):
            with attempt:
                answer = send(call, params=params)
                raise_if_away(call, answer)
        if answer.status_code < 400:
            _raise_unless_done(answer, call)
            return
        raise_if_session_dead(call, answer)
    raise VManageRejectedError("The manager refused the logout", status=answer.status_code, **call.where)


def _raise_unless_done(answer: requests.Response, call: Call) -> None:
    """Raise for ``{"error": ...}`` or cut JSON; where a logout leads differs by release, so any page is good."""
    if answer.status_code < 300 and not answer.text.lstrip().startswith("<"):
        parse_envelope(answer.text, status=answer.status_code, method="POST", path=call.path)


def _secure_over_http(settings: ManagerSettings) -> VManageConfigurationError | None:
    """Return what is wrong where a cookie for TLS only came without: it must not travel so with every call.

    That it goes back once, with the logout, tells a listener nothing that the login's own answer has not.
    """
    if not settings.base_url.startswith("http://"):
        return None
    return VManageConfigurationError(
        "schema is http, but the manager allows its session cookie over TLS only (Secure): set schema to https, and "
        "port to that of https",
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


def _raise_if_busy(answer: requests.Response, call: Call) -> None:
    raise_if_rate_limited(call, answer)
    if answer.status_code < 500:
        return
    raise_for_error({"error": error_of(answer.text)}, status=answer.status_code, **call.where)
    # Whether a 5xx counts towards the lockout is not documented, so the login is not sent again at once.
    seconds, asked = asked_to_wait(answer)
    raise VManageUnavailableError(
        f"The manager could not process the login (restarting?){asked}",
        retry_after=seconds,
        repeat=False,
        status=answer.status_code,
        **call.where,
    )


def _raise_if_redirected(answer: requests.Response, call: Call) -> None:
    if not 300 <= answer.status_code < 400:
        return
    target = masked_url(str(answer.headers.get("Location", "")))
    if "passwordreset" in target.lower():
        raise VManageAuthenticationError(
            "The manager asks for a new password: sign in once in the browser and change it",
            status=answer.status_code,
            **call.where,
        )
    # Whether the password was looked at, and counts as a failure, is not known: it is not posted again.
    raise VManageAuthenticationError(
        f"The login was redirected to {target!r}: correct host, port or schema of the connection, or use a local user "
        "where the manager signs on elsewhere",
        status=answer.status_code,
        **call.where,
    )


def _refused(answer: requests.Response, call: Call, settings: ManagerSettings) -> VManageAuthenticationError:
    error = error_of(answer.text) or {}
    hint = "correct login and password; five refused logins within 15 minutes lock the account"
    if answer.status_code == 404:
        hint = "no such page: correct host and port, this is no vManage"
    if call is JWT_LOGIN and answer.status_code in (404, 405):
        hint = 'JWT login needs release 20.18.1 or newer: set auth to "session"'
    said = str(error.get("message") or "").strip()
    return VManageAuthenticationError(
        f"The manager refused the login of {settings.username!r}{f' ({said})' if said else ''}: {hint}",
        status=answer.status_code,
        code=str(error.get("code") or "").strip() or None,
        details=str(error.get("details") or "").strip() or None,
        **call.where,
    )
