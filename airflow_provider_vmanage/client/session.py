"""One session with one manager: sends calls, retries them, renews the session and logs out.

Login is lazy. After it one call, ``/dataservice/client/server``, returns the XSRF token and the release, which decides
how to log out. A dead session is renewed once per call, silently. Which sessions are open, and who logs them out, is
in :mod:`.session_pool`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote

from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageSessionExpiredError,
)
from airflow_provider_vmanage.client.http.clock import Clock
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.envelope import Envelope
from airflow_provider_vmanage.client.http.file_body import FileBody, judge_file
from airflow_provider_vmanage.client.http.redaction import Secrets
from airflow_provider_vmanage.client.http.responses import API_ROOT, Call, SessionDead, judge
from airflow_provider_vmanage.client.http.retry import retrying
from airflow_provider_vmanage.client.models import ServerInfo
from airflow_provider_vmanage.client.opened_session import OpenedSession
from airflow_provider_vmanage.client.session_pool import Renewed, SessionPool
from airflow_provider_vmanage.client.settings import ManagerSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

#: seconds that the garbage collection of an open session waits for its logout
DROPPED_LOGOUT_S = 4.0


class ManagerSession:
    """Session with a manager; a context manager that logs out when it exits.

    Not for several threads at once, but :meth:`abort` may be called from any thread. A session that is dropped without
    :meth:`close` is logged out when Python collects it, with a warning: that may be late, and does not happen if the
    process is killed.

    :param settings: how to reach the manager, and as whom.
    :param on_secret: receives every secret of a login (cookie, tokens) as soon as it is known, for masking.
    :param clock: by which timeouts and deadlines of waits in this session are reckoned.
    """

    def __init__(
        self, settings: ManagerSettings, *, on_secret: Callable[[str], None] = lambda _: None, clock: Clock = time
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._secrets = Secrets(settings.password, settings.api_key, on_secret=on_secret)
        self._connection = ManagerConnection(settings)
        self._pool = SessionPool(settings, self._connection, self._secrets)

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
        """Log out if :meth:`close` was not called; never raises."""
        if sys.is_finalizing() or "_pool" not in self.__dict__:
            return  # nothing can be sent while the interpreter ends, and a failed __init__ opened nothing
        if self._pool.must_be_logged_out:
            with contextlib.suppress(Exception):
                # No more secrets are reported: Airflow would send them to its supervisor.
                self._secrets.stop_reporting()
                _log_out_dropped(self._pool, repr(self))

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
        """Send one call and return its envelope; log in first if necessary.

        A read is repeated while the manager is unavailable (at most 5 times and 60 s in all), a change only if the
        manager cannot have received it (429, connection refused).

        :param method: HTTP method.
        :param path: path below ``/dataservice``, with or without that and a leading slash.
        :param params: query parameters.
        :param json: body of plain JSON types.
        :param repeat_after_page: false if the caller checks first whether the change was made: a page under 200
            suggests a dead session, but unlike a refusal (401, 403, a redirect) it does not prove one.
        :raises VManageSessionExpiredError: such a page, with ``repeat`` set; the next call opens another session.
        :raises VManageError: one of :mod:`airflow_provider_vmanage.client.errors`.
        """
        call = self._call(method, path)

        def send(opened: OpenedSession) -> Envelope:
            return judge(call, self._connection.send(call, **opened.options(params=params, json=json)))

        return self._run(call, send, repeat_after_page=repeat_after_page)

    def open_file(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> FileBody:
        """GET a file, and return its body unread; repeated and renewed as any read until the body begins.

        The session has to stay open until the body is closed.

        :param path: path below ``/dataservice``.
        :param params: query parameters.
        :param headers: such as ``Range``.
        :raises VManageProtocolError: something else came in place of a file.
        :raises VManageError: as any read.
        """
        call = self._call("GET", path)
        asked = {"Accept-Encoding": "identity", **(headers or {})}

        def send(opened: OpenedSession) -> FileBody:
            options = opened.options(params=params, headers=asked)
            return judge_file(call, self._connection.send(call, stream=True, **options))

        return self._run(call, send)

    def send_body(self, path: str, body: Any, content_type: str) -> Envelope:
        """POST a body that can be read only once; never repeated here, since nothing would be left to send.

        :param path: path below ``/dataservice``.
        :param body: iterable of bytes with a length.
        :param content_type: of the request.
        :raises VManageSessionExpiredError: the session was dead, or a page came in place of the response: then it may
            be alive and was logged out. The next call opens another. Under status 403 the manager has refused the body
            explicitly.
        :raises VManageOutcomeUnknownError: no response, or none that comes from the manager.
        :raises VManageError: as any change.
        """
        call = self._call("POST", path)
        opened = self._open()
        limits = self.settings.timeouts
        options = opened.options(headers={"Content-Type": content_type})
        try:
            with self._secrets.redacted():
                response = self._connection.send(
                    call, data=body, timeout=(limits.connect, limits.upload_read), **options
                )
                envelope = judge(call, response)
            self._pool.confirm(call)
            return envelope
        except VManageAuthenticationError as refused:
            self._pool.refuse(refused)
            raise
        except SessionDead as dead:
            self._pool.retire(call, dead)
            if dead.by_page:  # proves no death, so the session is logged out, on a connection that is not cut short
                self._connection.drop()
                self._pool.log_out_retired(call)
            raise VManageSessionExpiredError(
                f"The session died ({dead.shape})", status=dead.status, **call.where
            ) from dead
        finally:
            # A connection whose request was cut short by an early response must not be used again.
            self._connection.drop()

    @property
    def server(self) -> ServerInfo:
        """Return release and tenancy of the manager; log in first if necessary.

        :raises VManageError: as :meth:`request`.
        """
        return self._open().server

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Return whether a session is open, as far as is known."""
        return self._pool.current is not None

    def renew_if_older(self, seconds: float) -> None:
        """Log out if the session was opened longer ago, so that a long transfer starts with a new one.

        :param seconds: greatest age at which the session is kept.
        """
        self._pool.log_out_older_than(seconds)

    def keep_secret(self, *secrets: str) -> None:
        """Redact these in every later error, whatever the manager echoes.

        :param secrets: such as the password in a URL that is sent.
        """
        self._secrets.add(*secrets)

    def close(self) -> None:
        """Log out if a session is open, and close the connections; a failed logout is only logged."""
        self._pool.close()

    def abort(self) -> None:
        """Interrupt the call in progress; for a signal handler or another thread. Only :meth:`close` works then."""
        self._connection.stop()

    @cached_property
    def sleep(self) -> Callable[[float], None]:
        """Wait that many seconds; raises ``VManageCancelledError`` if :meth:`abort` is called meanwhile."""
        # The connection's own: tenacity keeps it in a reference cycle, and a dropped session would be collected late.
        return self._connection.sleep

    def raise_if_aborted(self) -> None:
        """Raise an error if :meth:`abort` was called.

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
        return Call(method.upper(), f"{API_ROOT}/{relative}", renewable=self._pool.is_renewable, query=query)

    def _open(self) -> OpenedSession:
        """Return an open session that is ready for a call."""
        return self._run(self._call("GET", "client/server"), lambda opened: opened)

    def _run(self, call: Call, send: Callable[[OpenedSession], T], *, repeat_after_page: bool = True) -> T:
        """Return the result of ``send`` with an open session; open, renew and repeat as the call allows."""
        renewed = Renewed.NOTHING
        for attempt in retrying(self.sleep):
            with attempt, self._secrets.redacted():
                while True:
                    try:
                        result = send(self._pool.open())
                    except SessionDead as dead:
                        renewed = self._pool.recover(call, dead, renewed, repeat_after_page=repeat_after_page)
                    except VManageAuthenticationError as refused:
                        self._pool.refuse(refused)
                        raise
                    else:
                        self._pool.confirm(call)
                        return result
        raise AssertionError("the last attempt returns or raises")


def _log_out_dropped(pool: SessionPool, session: str) -> None:
    """Log out on a thread of its own, which may have to wait.

    Python collects anywhere, in the middle of a call that holds a lock or in an event loop.
    """

    def log_out() -> None:
        log.warning("%s was dropped and is logged out only now: use it, or its hook, in a with statement", session)
        pool.close(urgent=True)

    thread = threading.Thread(target=log_out, daemon=True, name="vmanage-dropped-session")
    thread.start()
    if not _is_in_event_loop():
        thread.join(DROPPED_LOGOUT_S)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
