"""One login, from its success to its logout: what goes with its requests, what it asks first, how it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.auth import Credentials, Send, log_out
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.cookies import session_cookies
from airflow_provider_vmanage.client.http.responses import API_ROOT, Call, SessionDead
from airflow_provider_vmanage.client.models import ServerInfo
from airflow_provider_vmanage.client.server import enter_tenant, read_server, read_token

if TYPE_CHECKING:
    import requests
    from requests.cookies import RequestsCookieJar

#: how many session cookies that are not ours are told as secrets; a manager might set another with every answer
_FOREIGN_TOLD = 10


class OpenedSession:
    """A login that the manager accepted.

    :param credentials: of the login.
    :param send: sends a request, unjudged.
    :param renewable: whether a new login is possible.
    :param on_secret: told the secrets that come up, for masking.
    """

    def __init__(
        self, credentials: Credentials, send: Send, *, renewable: bool, on_secret: Callable[[str], None]
    ) -> None:
        self.server = ServerInfo()
        self.is_ready = False
        self.opened_at = time.monotonic()
        #: of load balancers, once it is put away: they lead to the node that knows it
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
        self._foreign_told = 0

    @property
    def is_ours(self) -> bool:
        """Tell whether this process opened it; a child of a fork shares neither it nor its connection."""
        return self._process == os.getpid()

    @property
    def must_be_logged_out(self) -> bool:
        """Tell whether the manager keeps it for this process."""
        return self._credentials.opened and self.is_ours

    def options(self, **options: Any) -> dict[str, Any]:
        """Return the options of a request (for ``requests``), with the headers and cookies of this session added."""
        return {
            **options,
            "headers": {**self._headers(), **options.get("headers", {})},
            "cookies": self._credentials.cookies,
            "hooks": {"response": self._report_foreign_cookies},
        }

    def send(self, call: Call, **options: Any) -> requests.Response:
        """Send one request of this session and return the response, unjudged."""
        return self._send(call, **self.options(**options))

    def _report_foreign_cookies(self, response: requests.Response, **_: Any) -> None:
        for cookie in session_cookies(response):
            if self._foreign_told < _FOREIGN_TOLD:
                self._foreign_told += 1
                self._on_secret(str(cookie.value))

    def get_ready(self, tenant: str | None) -> None:
        """Ask for what is not known yet: release, XSRF token, and the session as that tenant.

        :raises SessionDead: the login is not known any more.
        :raises VManageError: as any read.
        """
        if not self._knows_server:
            self.server = read_server(self._fetch)
            self._knows_server = True
        if not self._knows_token:
            self._take_token(self._credentials.token or self.server.token or read_token(self._fetch))
        if tenant and not self._tenant_session:
            self._tenant_session = enter_tenant(self._fetch, self.server, tenant)
            self._on_secret(self._tenant_session)
        self.is_ready = True

    def forget_token(self) -> None:
        """Ask for the XSRF token again before the next call, and no longer trust that of the login."""
        self._credentials = replace(self._credentials, token=None)
        self.server = replace(self.server, token=None)
        self._knows_server = self._knows_token = self.is_ready = False

    def log_out(self, sleep: Callable[[float], Any], *, repeats: int) -> None:
        """End it on the manager; what was not asked yet is not asked for that, but for the token a POST needs.

        :raises SessionDead: there is nothing to end, or the token is not accepted.
        :raises VManageError: the manager could not be told.
        """
        asked = not self._knows_token
        if asked:
            self._ask_token()
        try:
            self._say_goodbye(sleep, repeats)
        except SessionDead as dead:
            if asked or not dead.token_only:
                raise
            self._ask_token()
            self._say_goodbye(sleep, repeats)

    def _say_goodbye(self, sleep: Callable[[float], Any], repeats: int) -> None:
        log_out(self.send, self.server.release, sleep, repeats=repeats)

    def _ask_token(self) -> None:
        with contextlib.suppress(SessionDead, VManageError):
            self._take_token(read_token(self._fetch))

    def _take_token(self, token: str | None) -> None:
        self.server = replace(self.server, token=token)
        self._knows_token = True
        if token:
            self._on_secret(token)

    def _fetch(self, method: str, path: str, **options: Any) -> tuple[Call, requests.Response]:
        call = Call(method, f"{API_ROOT}/{path}", renewable=self._renewable)
        return call, self.send(call, **options)

    def _headers(self) -> dict[str, str]:
        headers = dict(self._credentials.headers)
        if self.server.token:
            headers["X-XSRF-TOKEN"] = self.server.token
        if self._tenant_session:
            headers["VSessionId"] = self._tenant_session
        return headers
