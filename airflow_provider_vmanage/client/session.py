"""One session with one manager: one request path, with renewal, repetition and logout.

Login is lazy. After it one call, ``/dataservice/client/server``, gives the XSRF token and the release, which decides
how to log out. A dead session is renewed once per call, silently. What was opened is logged out, on errors too: a
manager keeps 100 to 250 sessions (Cisco's documents disagree), and evicts those of others.

That a session is dead is only believed once the new one gets a good response to the same call: where that looks like a
dead session too, the first may be alive, and is logged out as well. A page under 200 proves no death at all: a session
that was retired because of one is logged out in any case, at the latest when this one is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote

from airflow_provider_vmanage.client.auth import login_for
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageError,
    VManageSessionExpiredError,
)
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.envelope import Envelope
from airflow_provider_vmanage.client.http.redaction import Secrets
from airflow_provider_vmanage.client.http.responses import API_ROOT, Call, SessionDead, dead_again, judge
from airflow_provider_vmanage.client.http.retry import retrying
from airflow_provider_vmanage.client.models import ServerInfo
from airflow_provider_vmanage.client.opened_session import OpenedSession
from airflow_provider_vmanage.client.settings import ManagerSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

#: seconds that whoever drops an open session waits for its logout
_DROPPED_SECONDS = 4.0

_STAYS = "Logout failed; the session stays until the manager ends it: %s"


class ManagerSession:
    """Session with a manager; a context manager that logs out at its end.

    Not for several threads at once, but :meth:`abort` may come from anywhere. One that is dropped without an end is
    logged out where Python collects it, with a warning: that can be late, and never where the process is killed.

    :param settings: how to reach the manager, and as whom.
    :param on_secret: told every secret of a login (cookie, tokens) as soon as it is known, for masking.
    """

    def __init__(self, settings: ManagerSettings, *, on_secret: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._secrets = Secrets(settings.password, settings.api_key, on_secret=on_secret)
        self._login = login_for(settings)
        self._connection = ManagerConnection(settings)
        self._refused: VManageError | None = None
        self._current: OpenedSession | None = None
        # by the call (method, path) whose answer spoke against them
        self._given_up: dict[tuple[str, str], OpenedSession] = {}

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

    def __del__(self) -> None:
        """Log out where nobody did; never raises."""
        if sys.is_finalizing() or "_given_up" not in self.__dict__:
            return  # nothing can be sent while the interpreter ends, and a failed __init__ opened nothing
        if any(opened.must_be_logged_out for opened in self._all_opened()):
            with contextlib.suppress(Exception):
                self._log_out_dropped()

    def _log_out_dropped(self) -> None:
        # On a thread, which may have to wait: Python collects anywhere, in the middle of a call that holds a lock or in
        # an event loop. Nobody is told secrets any more: Airflow would send them to its supervisor.
        self._secrets.keep_silent()
        leaving = threading.Thread(target=self._leave, daemon=True, name="vmanage-dropped-session")
        leaving.start()
        if not _in_an_event_loop():
            leaving.join(_DROPPED_SECONDS)

    def _leave(self) -> None:
        log.warning("%r was dropped and is logged out only now: use it, or its hook, in a with statement", self)
        self._close(hasty=True)

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

        def send(opened: OpenedSession) -> Envelope:
            try:
                return judge(call, opened.send(call, params=params, json=json))
            except SessionDead as dead:
                if repeat_after_page or not dead.by_page:
                    raise
                self._note_death(call, dead)
                text = "A change was answered with the login page; whether it was made is not told"
                raise VManageSessionExpiredError(text, repeat=True, status=dead.status, **call.where) from dead

        return self._run(call, send)

    def send_body(self, path: str, body: Any, content_type: str) -> Envelope:
        """POST a body that can be read only once; never repeated here, since nothing would be left to send.

        :param path: path below ``/dataservice``.
        :param body: iterable of bytes with a length.
        :param content_type: of the request.
        :raises VManageSessionExpiredError: the session was dead, or a page came in place of the response: then it may
            be alive and was logged out. The next call opens another. Under status 403 the manager has refused the body
            by name.
        :raises VManageOutcomeUnknownError: no response, or none that comes from the manager.
        :raises VManageError: as any change.
        """
        call = self._call("POST", path)
        opened = self._run(self._call("GET", "client/server"), lambda opened: opened)
        limits = self.settings.timeouts
        options = {"headers": {"Content-Type": content_type}, "timeout": (limits.connect, limits.upload_read)}
        try:
            with self._secrets.hidden():
                envelope = judge(call, opened.send(call, data=body, **options))
            self._settle(call)
            return envelope
        except VManageAuthenticationError as refused:
            self._refuse_from_now_on(refused)
            raise
        except SessionDead as dead:
            self._note_death(call, dead)
            if dead.by_page:  # proves no death, so the session is logged out, on a connection that is not cut short
                self._connection.drop()
                self._end(self._given_up.pop(_key(call), None))
            raise VManageSessionExpiredError(
                f"The session died ({dead.shape})", status=dead.status, **call.where
            ) from dead
        finally:
            # A connection whose request was cut short by an early answer must not serve another one.
            self._connection.drop()

    @property
    def server(self) -> ServerInfo:
        """Return what the manager says of itself; logs in first where needed.

        :raises VManageError: as :meth:`request`.
        """
        return self._run(self._call("GET", "client/server"), lambda opened: opened.server)

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Tell whether a login was made that is not known to be dead."""
        return self._current is not None

    def renew_if_older(self, seconds: float) -> None:
        """Log out where the session was opened longer ago, so that something long begins with a new one.

        :param seconds: age that is still young enough.
        """
        opened = self._current
        if opened is not None and self._login.renewable and time.monotonic() - opened.opened_at > seconds:
            log.info("The session is older than %d s: opening a new one", seconds)
            self._put_away()
            self._end(opened)

    def keep_secret(self, *secrets: str) -> None:
        """Keep what is secret in the next calls out of every error, whatever the manager quotes.

        :param secrets: such as the password in a URL that is sent.
        """
        self._secrets.add(*secrets)

    def close(self) -> None:
        """Log out, where a session is open, and close the connections; a failed logout is only logged."""
        self._close()

    def _close(self, *, hasty: bool = False) -> None:
        opened = self._all_opened()
        self._given_up.clear()
        self._put_away()
        try:
            self._end(*opened, hasty=hasty)
        finally:
            self._connection.drop()

    def abort(self) -> None:
        """Break off whatever is under way; for a signal handler or another thread. Only :meth:`close` works then."""
        self._connection.stop()

    @cached_property
    def sleep(self) -> Callable[[float], None]:
        """Wait that many seconds; raises ``VManageCancelledError`` where :meth:`abort` was called meanwhile."""
        # The connection's own: tenacity keeps it in a reference cycle, and a dropped session would be collected late.
        return self._connection.sleep

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

    def _run(self, call: Call, action: Callable[[OpenedSession], T]) -> T:
        """Do the action in an open session; it is recovered once, whatever it died of."""
        deaths: list[bool] = []  # of each: whether it was only the token that was refused
        for attempt in retrying(self.sleep):
            with attempt, self._secrets.hidden():
                while True:
                    try:
                        result = action(self._ensure_open())
                    except SessionDead as dead:
                        self._recover(call, dead, deaths)
                    except VManageAuthenticationError as refused:
                        self._refuse_from_now_on(refused)
                        raise
                    else:
                        self._settle(call)
                        return result
        raise AssertionError("the last attempt returns or raises")

    def _refuse_from_now_on(self, refused: VManageAuthenticationError) -> None:
        self._secrets.hide_in(refused)
        self._refused = copy(refused)

    def _recover(self, call: Call, dead: SessionDead, deaths: list[bool]) -> None:
        """Note the death; a second one in one call is an error, but where it is found while a new token is asked for.

        :raises VManageSessionExpiredError: it is the second one.
        """
        is_ready = self._current is not None and self._current.is_ready
        self._note_death(call, dead)
        is_first = not deaths or (deaths[-1] and not dead.token_only and not is_ready)
        deaths.append(dead.token_only)
        if not is_first:
            self._end(self._given_up.pop(_key(call), None))
            raise dead_again(call, dead, token_first=deaths[0]) from dead

    # -- one session -----------------------------------------------------------------------------------------------

    def _ensure_open(self) -> OpenedSession:
        if self._current is not None and not self._current.is_ours:
            self._leave_to_parent()
        if self._refused is not None:
            raise copy(self._refused)  # one refused login per session: more of them lock the account
        if self._current is None:
            self._current = self._log_in()
        if not self._current.is_ready:
            self._current.get_ready(self.settings.tenant)
            version = self._current.server.version or "unknown"
            log.info("Session with %s (release %s) is open", self.settings.base_url, version)
        return self._current

    def _leave_to_parent(self) -> None:
        """Begin anew in the child of a fork: two processes on one TLS connection break it for each other."""
        self._put_away()
        self._given_up.clear()
        self._connection.drop()

    def _log_in(self) -> OpenedSession:
        with refused_logins.remembered(self.settings), self._secrets.hidden():
            credentials = self._login.open(self._connection.send)
        self._secrets.add(*credentials.secrets)
        opened = OpenedSession(
            credentials, self._connection.send, renewable=self._login.renewable, on_secret=self._secrets.add
        )
        if credentials.unfit is not None:
            self._refused = credentials.unfit
            self._end(opened)
            raise copy(credentials.unfit)
        return opened

    def _note_death(self, call: Call, dead: SessionDead) -> None:
        if self._current is None:
            return
        if dead.token_only:
            # The session may live: ask for the token before giving it up.
            log.info("The XSRF token is not accepted: asking for it again")
            self._current.forget_token()
            return
        log.info("The session is dead (%s)", dead.shape)
        self._current.may_be_alive = dead.by_page
        doubtful, self._given_up[_key(call)] = self._given_up.get(_key(call)), self._current
        self._put_away()
        self._end(doubtful)  # what spoke against it speaks against a newer one too

    def _settle(self, call: Call) -> None:
        """Believe that the session before is dead: the new one got a good response to the same call.

        Unless only a page spoke against it: that proves no death, so it is logged out as well, later.
        """
        doubtful = self._given_up.get(_key(call))
        if doubtful is not None and not doubtful.may_be_alive:
            del self._given_up[_key(call)]

    def _put_away(self) -> None:
        cookies = self._connection.take_cookies()
        if self._current is not None:
            self._current.cookies = cookies
        self._current = None

    def _all_opened(self) -> list[OpenedSession]:
        current = [self._current] if self._current is not None else []
        return [*current, *self._given_up.values()]

    def _end(self, *sessions: OpenedSession | None, hasty: bool = False) -> None:
        ours = [opened for opened in sessions if opened is not None and opened.must_be_logged_out]
        if ours:
            with self._connection.last_words(hasty=hasty) as hasty:
                for opened in ours:
                    self._log_out(opened, repeats=0 if hasty else 2)

    def _log_out(self, opened: OpenedSession, *, repeats: int) -> None:
        try:
            with self._secrets.hidden(), self._connection.with_cookies(opened.cookies):
                opened.log_out(self.sleep, repeats=repeats)
        except SessionDead as dead:
            if dead.token_only:
                log.warning(_STAYS, dead)
            else:
                log.info("The session had ended before its logout (%s)", dead.shape)
        except VManageError as err:
            log.warning(_STAYS, err)


def _in_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _key(call: Call) -> tuple[str, str]:
    return call.method, call.path
