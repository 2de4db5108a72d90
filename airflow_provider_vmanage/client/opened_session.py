"""One login, from its success to its logout: its headers and cookies, the calls that prepare it, its logout."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_vmanage.client.auth import Credentials, Send
from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManageError,
    VManageProtocolError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.http.cookies import session_cookies
from airflow_provider_vmanage.client.http.envelope import parse_envelope
from airflow_provider_vmanage.client.http.responses import (
    API_ROOT,
    LOGOUT_PATH,
    Call,
    SessionDead,
    judge,
    raise_if_session_dead,
    raise_if_unavailable,
)
from airflow_provider_vmanage.client.http.retry import retrying
from airflow_provider_vmanage.client.models import ServerInfo, parse_server_info
from airflow_provider_vmanage.client.settings import is_header_value

if TYPE_CHECKING:
    import requests
    from requests.cookies import RequestsCookieJar

#: how many session cookies that are not ours are reported as secrets; a manager might set another with every response
FOREIGN_COOKIES_MAX = 10

#: the release from which logout is a POST (catalystwan 0.41.6 and sastre 1.28 draw the same line)
POST_LOGOUT_RELEASE = (20, 12)

#: sends (method, path below /dataservice, options of ``requests``) and returns the response with its call
Fetch: TypeAlias = "Callable[..., tuple[Call, requests.Response]]"


class OpenedSession:
    """A login that the manager accepted.

    :param credentials: of the login.
    :param send: sends a request and returns the response, unjudged.
    :param renewable: whether a new login is possible.
    :param on_secret: receives the secrets that come up, for masking.
    """

    def __init__(
        self, credentials: Credentials, send: Send, *, renewable: bool, on_secret: Callable[[str], None]
    ) -> None:
        self.server = ServerInfo()
        self.is_ready = False
        self.opened_at = time.monotonic()
        #: of load balancers, once the session is not in use any more: they lead to the node that knows it
        self.cookies: RequestsCookieJar | None = None
        #: retired because of a page, which proves no death
        self.may_be_alive = False
        self._credentials = credentials
        self._send = send
        self._renewable = renewable
        self._on_secret = on_secret
        self._process = os.getpid()
        self._knows_server = self._knows_token = False
        self._tenant_session = ""
        self._foreign_cookies = 0

    @property
    def is_ours(self) -> bool:
        """Return whether this process opened it; a child of a fork shares neither it nor its connection."""
        return self._process == os.getpid()

    @property
    def must_be_logged_out(self) -> bool:
        """Return whether the manager keeps it for this process."""
        return self._credentials.opened and self.is_ours

    def options(self, **options: Any) -> dict[str, Any]:
        """Return the options of a request (for ``requests``), with the headers and cookies of this session added."""
        return {
            **options,
            "headers": {**self._headers(), **options.get("headers", {})},
            "cookies": self._credentials.cookies,
            "hooks": {"response": self._report_foreign_cookies},
        }

    def get_ready(self, tenant: str | None) -> None:
        """Fetch what is not known yet: release, XSRF token, and the session as that tenant.

        :raises SessionDead: the manager does not know the login any more.
        :raises VManageError: as any read.
        """
        if not self._knows_server:
            self.server = read_server(self._fetch)
            self._knows_server = True
        if not self._knows_token:
            self._set_token(self._credentials.token or self.server.token or read_token(self._fetch))
        if tenant and not self._tenant_session:
            self._tenant_session = enter_tenant(self._fetch, self.server, tenant)
            self._on_secret(self._tenant_session)
        self.is_ready = True

    def forget_token(self) -> None:
        """Fetch the XSRF token again before the next call, and no longer trust that of the login."""
        self._credentials = replace(self._credentials, token=None)
        self.server = replace(self.server, token=None)
        self._knows_server = self._knows_token = self.is_ready = False

    def log_out(self, sleep: Callable[[float], Any], *, repeats: int) -> None:
        """Log out on the manager; of what is not known yet, only the token is fetched, which a POST needs.

        :param sleep: waits that many seconds.
        :param repeats: how often at most it is sent again while the manager is unavailable.
        :raises SessionDead: the session had ended, or the token is not accepted.
        :raises VManageError: the manager did not get the logout, or refused it.
        """
        is_token_new = not self._knows_token
        if is_token_new:
            self._fetch_token()
        try:
            log_out(self._send_as_session, self.server.release, sleep, repeats=repeats)
        except SessionDead as dead:
            if is_token_new or not dead.token_only:
                raise
            self._fetch_token()
            log_out(self._send_as_session, self.server.release, sleep, repeats=repeats)

    def _fetch_token(self) -> None:
        with contextlib.suppress(SessionDead, VManageError):
            self._set_token(read_token(self._fetch))

    def _set_token(self, token: str | None) -> None:
        self.server = replace(self.server, token=token)
        self._knows_token = True
        if token:
            self._on_secret(token)

    def _fetch(self, method: str, path: str, **options: Any) -> tuple[Call, requests.Response]:
        call = Call(method, f"{API_ROOT}/{path}", renewable=self._renewable)
        return call, self._send_as_session(call, **options)

    def _send_as_session(self, call: Call, **options: Any) -> requests.Response:
        return self._send(call, **self.options(**options))

    def _headers(self) -> dict[str, str]:
        headers = dict(self._credentials.headers)
        if self.server.token:
            headers["X-XSRF-TOKEN"] = self.server.token
        if self._tenant_session:
            headers["VSessionId"] = self._tenant_session
        return headers

    def _report_foreign_cookies(self, response: requests.Response, **_: Any) -> None:
        for cookie in session_cookies(response):
            if self._foreign_cookies < FOREIGN_COOKIES_MAX:
                self._foreign_cookies += 1
                self._on_secret(str(cookie.value))


def read_server(fetch: Fetch) -> ServerInfo:
    """Return release and tenancy, and the XSRF token if the response has it, as from release 19.2 on.

    :param fetch: sends a request of the session.
    :raises VManageError: as any read.
    """
    try:
        info = parse_server_info(judge(*fetch("GET", "client/server")).record)
    except VManageRejectedError as err:
        if err.status not in (403, 404):
            raise
        return ServerInfo()  # a role or a release without this call still has its token
    return replace(info, token=_check_header(info.token, "XSRF token") if info.token else None)


def enter_tenant(fetch: Fetch, server: ServerInfo, wanted: str) -> str:
    """Return the ``VSessionId`` with which a provider acts as a tenant.

    :param fetch: sends a request of the session.
    :param server: what :func:`read_server` returned.
    :param wanted: exact name, sub-domain or id of the tenant.
    :raises VManageConfigurationError: the user is not a provider user, or not exactly one tenant matches.
    """
    if server.tenancy_mode != "MultiTenant" or server.user_mode != "provider":
        raise VManageConfigurationError(
            f"tenant is {wanted!r}, but this user is not a provider user of a multi-tenant manager "
            f"(tenancyMode {server.tenancy_mode}, userMode {server.user_mode}): leave tenant empty"
        )
    rows = judge(*fetch("GET", "tenant")).rows
    ids = {str(row["tenantId"]) for row in rows if row.get("tenantId") and wanted in _tenant_names(row)}
    if len(ids) != 1:
        raise VManageConfigurationError(
            f"tenant {wanted!r} matches {len(ids)} of {len(rows)} tenants: give one exact name, sub-domain or id"
        )
    entered = judge(*fetch("POST", f"tenant/{ids.pop()}/vsessionid", json={}))
    return _check_header(str(entered.member("VSessionId")), "VSessionId")


def read_token(fetch: Fetch) -> str | None:
    """Return the token of ``/client/token``; 404 before release 19.2 means that there is none.

    Bare text without blanks and ``<``, a JSON string or ``{"token": "…"}``, whatever the content type says.

    :param fetch: sends a request of the session.
    :raises VManageError: as any read.
    """
    call, response = fetch("GET", "client/token")
    if response.status_code == 404:
        return None
    token = _parse_token(response.text.strip()) if response.status_code == 200 else None
    return _check_header(token or str(judge(call, response).member("token")), "XSRF token")


def log_out(
    send: Send,
    release: tuple[int, int] | None,
    sleep: Callable[[float], Any],
    *,
    repeats: int = 2,
    seconds: float = 10.0,
) -> None:
    """End the session on the manager: POST from release 20.12, GET before; both if the release is unknown.

    :param send: sends a request of the session, unjudged.
    :param release: first two numbers of the release.
    :param sleep: waits that many seconds.
    :param repeats: how often at most a logout is sent again while the manager is unavailable.
    :param seconds: limit of all of this, waits included.
    :raises SessionDead: there is nothing to end, or the token is stale.
    :raises VManageError: the manager did not get the logout, or refused it.
    """
    verbs = ("POST", "GET") if release is None else ("POST",) if release >= POST_LOGOUT_RELEASE else ("GET",)
    for verb in verbs:
        call = Call(verb, LOGOUT_PATH)
        params = {"nocache": int(time.time())} if verb == "GET" else None
        for attempt in retrying(sleep, repeats=repeats, seconds=seconds):
            with attempt:
                response = send(call, params=params)
                raise_if_unavailable(call, response)
        if response.status_code < 400:
            _check_logged_out(response, call)
            return
        raise_if_session_dead(call, response)
    raise VManageRejectedError("The manager refused the logout", status=response.status_code, **call.where)


def _check_logged_out(response: requests.Response, call: Call) -> None:
    """Raise for ``{"error": ...}`` or cut JSON; where a logout leads differs by release, so any page is good."""
    if response.status_code < 300 and not response.text.lstrip().startswith("<"):
        parse_envelope(response.text, status=response.status_code, method="POST", path=call.path)


def _parse_token(text: str) -> str | None:
    if "<" in text:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text if text and not any(char.isspace() or char in '{}[]"' for char in text) else None
    if isinstance(body, (int, float)) and not isinstance(body, bool):
        return text  # a token of digits only
    return body if isinstance(body, str) else None


def _check_header(value: str, what: str) -> str:
    if not is_header_value(value):
        raise VManageProtocolError(f"The manager's {what} has characters that no HTTP header can carry")
    return value


def _tenant_names(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("name"), row.get("subDomain"), str(row["tenantId"])  # an id may come as a number
