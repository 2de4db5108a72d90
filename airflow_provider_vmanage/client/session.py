"""One session with one manager: one request path, with renewal, repetition and logout.

Login is lazy. After it one call, ``/dataservice/client/server``, gives the XSRF token and the release, which decides
how to log out. A dead session is renewed once per call, silently. What was opened is logged out, on errors too: a
manager keeps 100 to 250 sessions (Cisco's documents disagree), and evicts those of others.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from airflow_provider_vmanage.client.answers import API_ROOT, Call, SessionDead, judge
from airflow_provider_vmanage.client.auth import Credentials, log_out, login_for
from airflow_provider_vmanage.client.connection import ManagerConnection
from airflow_provider_vmanage.client.envelope import Envelope
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageError,
    VManageSessionExpiredError,
)
from airflow_provider_vmanage.client.hidden import Secrets
from airflow_provider_vmanage.client.models import ServerInfo
from airflow_provider_vmanage.client.retry import retrying
from airflow_provider_vmanage.client.server import enter_tenant, read_server, read_token
from airflow_provider_vmanage.client.settings import ManagerSettings

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

T = TypeVar("T")

_STAYS = "Logout failed; the session stays until the manager ends it: %s"


class ManagerSession:
    """Session with a manager; a context manager that logs out at its end.

    Not for several threads at once, but :meth:`abort` may come from anywhere.

    :param settings: how to reach the manager, and as whom.
    :param on_secret: told every secret of a login (cookie, tokens) as soon as it is known, for masking.
    """

    def __init__(self, settings: ManagerSettings, *, on_secret: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._secrets = Secrets(settings.password, settings.api_key)
        self._tell = on_secret
        self._login = login_for(settings)
        self._connection = ManagerConnection(settings)
        self._refused: VManageAuthenticationError | None = None
        self._credentials: Credentials | None = None
        self._server = ServerInfo()
        self._tenant_session = ""
        self._opened_at = 0.0
        self._ready = False

    def __enter__(self) -> ManagerSession:
        """Return the session; nothing is sent before the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log out and close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Name manager and user, and no secret."""
        return f"<ManagerSession {self.settings.base_url} as {self.settings.username or self.settings.auth}>"

    # -- calls -----------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        repeat_after_page: bool = True,
    ) -> Envelope:
        """Send one call and return its envelope; logs in first where needed.

        A read is repeated while the manager is unavailable (at most 5 times and 60 s in all), a change only where
        it surely was not received (429, connection refused).

        :param method: HTTP method.
        :param path: path below ``/dataservice``, with or without that and a leading slash.
        :param params: query parameters.
        :param json: body of plain JSON types.
        :param repeat_after_page: false where the caller looks first whether the change was made: a page under 200
            looks like a dead session, but unlike a refusal (401, 403, a redirect) it does not prove one.
        :raises VManageSessionExpiredError: such a page, with ``repeat`` set; the next call opens another session.
        :raises VManageError: one of :mod:`airflow_provider_vmanage.client.errors`.
        """
        call = self._call(method, path)

        def send() -> Envelope:
            try:
                return judge(call, self._send(call, params=params, json=json))
            except SessionDead as dead:
                if repeat_after_page or not dead.by_page:
                    raise
                self._note_death(dead)
                text = "A change was answered with the login page; whether it was made is not told"
                raise VManageSessionExpiredError(text, repeat=True, status=200, **call.where) from dead

        return self._run(call, send)

    def send_body(self, path: str, body: Any, content_type: str) -> Envelope:
        """POST a body that can be read only once; never repeated here, since nothing would be left to send.

        :param path: path below ``/dataservice``.
        :param body: iterable of bytes with a length.
        :param content_type: of the request.
        :raises VManageSessionExpiredError: the session was dead; the next call opens another.
        :raises VManageOutcomeUnknownError: no answer, or none that comes from the manager.
        :raises VManageError: as any change.
        """
        call = self._call("POST", path)
        _ = self.server
        limits = self.settings.timeouts
        options = {"headers": {"Content-Type": content_type}, "timeout": (limits.connect, limits.upload_read)}
        try:
            with self._secrets.hidden():
                return judge(call, self._send(call, data=body, **options))
        except VManageAuthenticationError as refused:
            self._refused = refused
            raise
        except SessionDead as dead:
            self._note_death(dead)
            raise VManageSessionExpiredError(f"The session died ({dead.shape})", **call.where) from dead
        finally:
            # A connection whose request was cut short by an early answer must not serve another one.
            self._connection.drop()

    @property
    def server(self) -> ServerInfo:
        """Return what the manager says of itself; logs in first where needed.

        :raises VManageError: as :meth:`request`.
        """
        return self._run(self._call("GET", "client/server"), lambda: self._server)

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Tell whether a login was made that is not known to be dead."""
        return self._credentials is not None

    def renew_if_older(self, seconds: float) -> None:
        """Log out where the session was opened longer ago, so that something long begins with a new one.

        :param seconds: age that is still young enough.
        """
        if self.is_open and self._login.renewable and time.monotonic() - self._opened_at > seconds:
            log.info("The session is older than %d s: opening a new one", seconds)
            self._end()

    def keep_secret(self, *secrets: str) -> None:
        """Keep what is secret in the next calls out of every error, whatever the manager quotes.

        :param secrets: such as the password in a URL that is sent.
        """
        self._secrets.add(*secrets)
        for secret in secrets:
            self._tell(secret)

    def close(self) -> None:
        """Log out, where a session is open, and close the connections; a failed logout is only logged."""
        try:
            self._end()
        finally:
            self._connection.drop()

    def abort(self) -> None:
        """Break off whatever is under way; for a signal handler or another thread. Only :meth:`close` works then."""
        self._connection.stop()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds.

        :raises VManageCancelledError: :meth:`abort` was called meanwhile.
        """
        self._connection.sleep(seconds)

    def raise_if_aborted(self) -> None:
        """Do nothing unless :meth:`abort` was called.

        :raises VManageCancelledError: it was.
        """
        self._connection.raise_if_stopped()

    # -- one call --------------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str) -> Call:
        if not method.isascii() or not method.isalpha():
            raise VManageConfigurationError(f"method is {method!r}: use one of HTTP, such as GET")
        below, _, query = path.strip().partition("?")
        relative = f"{below.lstrip('/')}/".removeprefix(f"{API_ROOT[1:]}/").removesuffix("/").lstrip("/")
        if not relative or "://" in below or "#" in below or {"..", "."} & set(unquote(below).split("/")):
            raise VManageConfigurationError(f"path is {below!r}: give a path below {API_ROOT}")
        return Call(method.upper(), f"{API_ROOT}/{relative}", renewable=self._login.renewable, query=query)

    def _run(self, call: Call, action: Callable[[], T]) -> T:
        """Do the action in an open session; a death of each kind (session, token) is mended once."""
        deaths: set[bool] = set()
        for attempt in retrying(self.sleep):
            with attempt, self._secrets.hidden():
                while True:
                    try:
                        self._ensure_open()
                        return action()
                    except SessionDead as dead:
                        self._note_death(dead)
                        if dead.token_only in deaths:
                            raise _dead_again(call, dead) from dead
                        deaths.add(dead.token_only)
                    except VManageAuthenticationError as refused:
                        self._refused = refused
                        raise
        raise AssertionError("the last attempt returns or raises")

    def _fetch(self, method: str, path: str, **options: Any) -> tuple[Call, requests.Response]:
        call = self._call(method, path)
        return call, self._send(call, **options)

    def _send(self, call: Call, **options: Any) -> requests.Response:
        options["headers"] = {**self._headers(), **options.get("headers", {})}
        return self._connection.send(call, **options)

    def _headers(self) -> dict[str, str]:
        headers = dict(self._credentials.headers) if self._credentials else {}
        if self._server.token:
            headers["X-XSRF-TOKEN"] = self._server.token
        if self._tenant_session:
            headers["VSessionId"] = self._tenant_session
        return headers

    # -- one session -----------------------------------------------------------------------------------------------

    def _ensure_open(self) -> None:
        if self._refused is not None:
            raise self._refused  # one refused login per session: more of them lock the account
        if self._credentials is None:
            self._log_in()
        if not self._ready:
            self._get_ready()

    def _log_in(self) -> None:
        credentials = self._login.open(self._connection.send)
        self.keep_secret(*credentials.secrets)
        self._credentials, self._opened_at = credentials, time.monotonic()

    def _get_ready(self) -> None:
        own_token = self._credentials.token if self._credentials else None
        self._server = read_server(self._fetch, own_token=own_token)
        if self._server.token:
            self.keep_secret(self._server.token)
        if self.settings.tenant and not self._tenant_session:
            self._tenant_session = enter_tenant(self._fetch, self._server, self.settings.tenant)
            self.keep_secret(self._tenant_session)
        self._ready = True
        log.info("Session with %s (release %s) is open", self.settings.base_url, self._server.version or "unknown")

    def _note_death(self, dead: SessionDead) -> None:
        log.info("The session is dead (%s): opening it anew", dead.shape)
        if dead.token_only and self._credentials is not None:
            # The session may live: ask for the token before giving it up, and no longer trust that of the login.
            self._credentials = replace(self._credentials, token=None)
            self._server = replace(self._server, token=None)
            self._ready = False
        else:
            self._forget()

    def _forget(self) -> None:
        self._credentials = None
        self._server = ServerInfo()
        self._tenant_session = ""
        self._ready = False
        self._connection.forget_cookies()

    def _end(self) -> None:
        try:
            if self._credentials is not None and self._credentials.opened:
                with self._connection.last_words() as hasty:
                    self._say_goodbye(repeats=0 if hasty else 2)
        except SessionDead as dead:
            if dead.token_only:
                log.warning(_STAYS, dead)
            else:
                log.info("The session had ended before its logout (%s)", dead.shape)
        except VManageError as err:
            log.warning(_STAYS, err)
        finally:
            self._forget()

    def _say_goodbye(self, *, repeats: int, with_new_token: bool = False) -> None:
        if not self._ready:
            self._get_ready_to_leave()
        try:
            log_out(self._connection.send, self._headers(), self._server.release, self.sleep, repeats=repeats)
        except SessionDead as dead:
            if not dead.token_only or with_new_token:
                raise
            self._note_death(dead)
            self._say_goodbye(repeats=repeats, with_new_token=True)

    def _get_ready_to_leave(self) -> None:
        """Ask for the token, which a POST logout needs, in both ways before giving up."""
        try:
            with self._secrets.hidden():
                self._get_ready()
        except VManageError as err:
            log.debug("What a logout needs to know could not be asked: %s", err)
            with contextlib.suppress(VManageError):
                self._server = replace(self._server, token=self._server.token or read_token(self._fetch))


def _dead_again(call: Call, dead: SessionDead) -> VManageSessionExpiredError:
    return VManageSessionExpiredError(
        f"The session was opened anew and is dead again ({dead.shape}): is another client logging this user out, or "
        "does a load balancer spread the calls over several managers?",
        **call.where,
    )
