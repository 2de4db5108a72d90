"""The logins of one :class:`.ManagerSession`: which is in use, which was refused or retired, and who logs them out.

A manager keeps 100 or 250 sessions (Cisco's documents differ; the one with 100 says that the least recently used one is
evicted), so every session that was opened is logged out, on errors too.

A session is retired when a response suggests that it is dead. That is only believed once a new session gets a good
response to the same call; if the new one seems dead too, the first may be alive and is logged out. A page under status
200 proves nothing: a session that was retired because of one is always logged out, at the latest by :meth:`close`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from copy import copy
from enum import Enum, auto

from airflow_provider_vmanage.client.auth import login_for
from airflow_provider_vmanage.client.errors import VManageError, VManageSessionExpiredError
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.redaction import Secrets
from airflow_provider_vmanage.client.http.responses import Call, SessionDead, dead_again
from airflow_provider_vmanage.client.opened_session import OpenedSession
from airflow_provider_vmanage.client.settings import ManagerSettings

log = logging.getLogger(__name__)

_LOGOUT_FAILED = "Logout failed; the session stays until the manager closes it: %s"

#: how often a logout is repeated while the manager is unavailable
_LOGOUT_REPEATS = 2


class Renewed(Enum):
    """What one call has renewed so far."""

    NOTHING = auto()
    TOKEN = auto()
    SESSION = auto()


class SessionPool:
    """Opens a session when one is needed, and logs out every session that it opened.

    :param settings: how to reach the manager, and as whom.
    :param connection: sends the requests.
    :param secrets: are given the cookies and tokens of each login.
    """

    def __init__(self, settings: ManagerSettings, connection: ManagerConnection, secrets: Secrets) -> None:
        #: the session in use
        self.current: OpenedSession | None = None
        #: waits between two attempts to log out
        self.sleep: Callable[[float], None] = connection.sleep
        self._settings = settings
        self._connection = connection
        self._secrets = secrets
        self._login = login_for(settings)
        self._refusal: VManageError | None = None
        #: by the call (method, path) whose response made us retire the session
        self._retired: dict[tuple[str, str], OpenedSession] = {}

    @property
    def is_renewable(self) -> bool:
        """Return whether a dead session can be replaced: not with an API key."""
        return self._login.renewable

    @property
    def is_ready(self) -> bool:
        """Return whether the session in use has its token: what fails then is the call, not its preparation."""
        return self.current is not None and self.current.is_ready

    @property
    def must_be_logged_out(self) -> bool:
        """Return whether the manager may still keep a session of this process."""
        return any(opened.must_be_logged_out for opened in self._all_opened())

    def open(self) -> OpenedSession:
        """Return the session in use; log in if there is none.

        :raises SessionDead: the session died while it was prepared.
        :raises VManageError: the login was refused, now or before, or failed.
        """
        if self.current is not None and not self.current.is_ours:
            self._leave_to_parent()
        if self._refusal is not None:
            raise copy(self._refusal)  # one refused login per session: more of them lock the account
        if self.current is None:
            self.current = self._log_in()
        if not self.current.is_ready:
            self.current.get_ready(self._settings.tenant)
            version = self.current.server.version or "unknown"
            log.info("Session with %s (release %s) is open", self._settings.base_url, version)
        return self.current

    def refuse(self, refusal: VManageError) -> None:
        """Raise this error for every later :meth:`open`: a refused login is not repeated."""
        self._secrets.redact(refusal)
        self._refusal = copy(refusal)

    def recover(self, call: Call, dead: SessionDead, renewed: Renewed, *, repeat_after_page: bool) -> Renewed:
        """Retire the session or its token, and return the part that the next attempt renews.

        One renewal per call, with one exception: a session that turns out to be dead when its token is asked for again.

        :raises VManageSessionExpiredError: it was renewed before, or the caller has to check the change first.
        """
        was_ready = self.is_ready
        self.retire(call, dead)
        if dead.by_page and was_ready and not repeat_after_page:
            text = "The response to a change was the login page; the outcome of the change is unknown"
            raise VManageSessionExpiredError(text, repeat=True, status=dead.status, **call.where) from dead
        died_without_token = renewed is Renewed.TOKEN and not dead.token_only and not was_ready
        if renewed is not Renewed.NOTHING and not died_without_token:
            self.log_out_retired(call)
            raise dead_again(call, dead, token_first=renewed is Renewed.TOKEN) from dead
        return Renewed.TOKEN if dead.token_only else Renewed.SESSION

    def retire(self, call: Call, dead: SessionDead) -> None:
        """Stop using the session, or only its token if that alone was refused; the next :meth:`open` renews it."""
        if self.current is None:
            return
        if dead.token_only:
            # The session may be alive: ask for a new token before it is retired.
            log.info("The XSRF token is not accepted: asking for it again")
            self.current.forget_token()
            return
        log.info("The session is dead (%s)", dead.shape)
        self.current.may_be_alive = dead.by_page
        suspect, self._retired[_key(call)] = self._retired.get(_key(call)), self.current
        self._set_aside()
        self._log_out(suspect)  # a newer session got the same response, so this one may be alive

    def confirm(self, call: Call) -> None:
        """Take the session that this call retired for dead: a newer one got a good response.

        A session that was retired because of a page is kept, to be logged out later: a page proves no death.
        """
        suspect = self._retired.get(_key(call))
        if suspect is not None and not suspect.may_be_alive:
            del self._retired[_key(call)]

    def log_out_retired(self, call: Call) -> None:
        """Log out the session that this call retired."""
        self._log_out(self._retired.pop(_key(call), None))

    def log_out_older_than(self, seconds: float) -> None:
        """Log out the session in use if it was opened longer ago, so that the next call opens a new one."""
        opened = self.current
        if opened is not None and self.is_renewable and time.monotonic() - opened.opened_at > seconds:
            log.info("The session is older than %d s: opening a new one", seconds)
            self._set_aside()
            self._log_out(opened)

    def close(self, *, urgent: bool = False) -> None:
        """Log out every session and close the connections; a failed logout is only logged.

        :param urgent: the process is about to end, so there is little time.
        """
        opened = self._all_opened()
        self._retired.clear()
        self._set_aside()
        try:
            self._log_out(*opened, urgent=urgent)
        finally:
            self._connection.drop()

    def _log_in(self) -> OpenedSession:
        with refused_logins.remembered(self._settings), self._secrets.redacted():
            credentials = self._login.open(self._connection.send)
        self._secrets.add(*credentials.secrets)
        opened = OpenedSession(
            credentials, self._connection.send, renewable=self.is_renewable, on_secret=self._secrets.add
        )
        if credentials.unfit is not None:
            self._refusal = credentials.unfit
            self._log_out(opened)
            raise copy(credentials.unfit)
        return opened

    def _leave_to_parent(self) -> None:
        """Start with nothing in the child of a fork: two processes break one TLS connection for each other."""
        self._set_aside()
        self._retired.clear()
        self._connection.drop()

    def _set_aside(self) -> None:
        """Stop using the current session; it keeps its cookies for its logout."""
        cookies = self._connection.take_cookies()
        if self.current is not None:
            self.current.cookies = cookies
        self.current = None

    def _all_opened(self) -> list[OpenedSession]:
        current = [self.current] if self.current is not None else []
        return [*current, *self._retired.values()]

    def _log_out(self, *sessions: OpenedSession | None, urgent: bool = False) -> None:
        ours = [opened for opened in sessions if opened is not None and opened.must_be_logged_out]
        if ours:
            with self._connection.logout_window(urgent=urgent) as is_urgent:
                for opened in ours:
                    self._log_out_one(opened, repeats=0 if is_urgent else _LOGOUT_REPEATS)

    def _log_out_one(self, opened: OpenedSession, *, repeats: int) -> None:
        try:
            with self._secrets.redacted(), self._connection.with_cookies(opened.cookies):
                opened.log_out(self.sleep, repeats=repeats)
        except SessionDead as dead:
            if dead.token_only:
                log.warning(_LOGOUT_FAILED, dead)
            else:
                log.info("The session had ended before its logout (%s)", dead.shape)
        except VManageError as err:
            log.warning(_LOGOUT_FAILED, err)


def _key(call: Call) -> tuple[str, str]:
    return call.method, call.path
