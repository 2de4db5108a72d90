"""The requests whose responses are compared with the assumptions: reads only, one session, bounded in time."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_vmanage.client.assumptions.seen import Observed, Seen
from airflow_provider_vmanage.client.auth import Credentials, login_for
from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageConfigurationError,
    VManageError,
)
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.redaction import Secrets
from airflow_provider_vmanage.client.http.responses import API_ROOT, Call, SessionDead
from airflow_provider_vmanage.client.opened_session import OpenedSession
from airflow_provider_vmanage.client.settings import ManagerSettings

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

#: seconds after which no further read is sent; the logout has some more
READS_S = 50.0

#: the most requests that the reads send
MOST_REQUESTS = 60

#: an id that no task and no image has
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

SOFTWARE = "device/action/software"
_DEVICES = "device/action/install/devices"
_TASKS = "device/action/status"

#: name of the response, path below ``/dataservice``, query
READS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("token", "client/token", {}),
    ("token_json", "client/token", {"json": "true"}),
    ("ready", "client/server/ready", {}),
    ("unknown_path", "vmanage/check/unknown", {}),
    ("software", SOFTWARE, {}),
    ("images", f"{SOFTWARE}/images", {"imageType": "software"}),
    ("count", f"{SOFTWARE}/package/imageCount", {}),
    ("remote_servers", "device/action/remote-server", {}),
    ("edges", f"{_DEVICES}/vedge", {"groupId": "all"}),
    ("controllers", f"{_DEVICES}/controller", {"groupId": "all"}),
    ("managers", f"{_DEVICES}/vmanage", {"groupId": "all"}),
    ("devices", "device", {}),
    ("counters", "device/counters", {}),
    ("tlocs", "device/tloc", {}),
    ("running_tasks", f"{_TASKS}/tasks", {}),
    ("limits", "settings/configuration/softwareMaintenance", {}),
    ("unknown_task", f"{_TASKS}/software_install-{UNKNOWN_ID}", {}),
)

_ID_OF_TENANT = re.compile(r"(?<=/tenant/)[^/]+")

#: errors that are not about the manager's behaviour, and end the check
_BAD_INPUT = (VManageAuthenticationError, VManageConfigurationError)


class Probe:
    """One login, whose responses are all kept; a context manager that logs out.

    :param settings: how to reach the manager, and as whom.
    :param seconds: limit of the reads.
    """

    def __init__(self, settings: ManagerSettings, *, seconds: float = READS_S) -> None:
        self.seen = Seen(
            auth=settings.auth,
            scheme=settings.base_url.partition(":")[0],
            verified=settings.verify and settings.base_url.startswith("https"),
        )
        self.requests = 0
        self._settings = settings
        self._seconds = seconds
        self._connection = ManagerConnection(settings)
        self._secrets = Secrets(settings.password, settings.api_key)
        self._opened: OpenedSession | None = None

    def __enter__(self) -> Probe:
        """Log in.

        :raises VManageError: the login was refused, or the manager is out of reach; it is not repeated.
        """
        try:
            with self._secrets.redacted():
                login = login_for(self._settings)
                credentials: Credentials = login.open(self._recording())
                self._secrets.add(*credentials.secrets)
                send, on_secret = self._recording(), self._secrets.add
                self._opened = OpenedSession(credentials, send, renewable=login.renewable, on_secret=on_secret)
                if credentials.unfit is not None:
                    raise credentials.unfit
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Log out, and close the connections."""
        self.close()

    @property
    def upload_timeout(self) -> tuple[float, float]:
        """Return the timeouts of an upload in seconds: to connect, and to the response."""
        return self._settings.timeouts.connect, self._settings.timeouts.upload_read

    def read_all(self) -> None:
        """Send every read once; a failure is part of what was seen.

        :raises VManageAuthenticationError: an API key is not accepted.
        :raises VManageConfigurationError: there is no such tenant.
        """
        with self._within(self._seconds):
            try:
                with self._secrets.redacted():
                    self._session.get_ready(self._settings.tenant)
            except _BAD_INPUT:
                raise
            except (SessionDead, VManageError) as err:
                self.seen.facts["not ready"] = type(err).__name__
            for name, path, params in READS:
                self.read(name, path, params)
            if self.seen.server.user_mode == "provider":
                self.read("tenants", "tenant")
            image = next(iter(self._ids("software", "data", "versionId")), None)
            self._read_one("metadata", image, f"{SOFTWARE}/package/{{id}}/metadata")
            self._read_one("task", self._running_task(), f"{_TASKS}/{{id}}")

    def read(self, name: str, path: str, params: dict[str, str] | None = None) -> Observed:
        """Send a GET below ``/dataservice`` and keep the response under a name."""
        return self.send(name, "GET", path, params=params)

    def send(self, name: str, method: str, path: str, *, shown: str | None = None, **options: Any) -> Observed:
        """Send a request of the session and keep the response under a name, whatever it is.

        :param path: below ``/dataservice``, or from the root with a leading slash.
        :param shown: the path with placeholders for ids; the path itself unless given.
        :param options: for ``requests``.
        """
        full = path if path.startswith("/") else f"{API_ROOT}/{path}"
        send = self._recording(name, shown=shown and f"{API_ROOT}/{shown}")
        with contextlib.suppress(VManageError):  # kept by the recording
            send(Call(method, full), **self._session.options(**options))
        return self.seen.responses[name]

    def log_out(self) -> None:
        """Log out, then read once with the ended session, to see how the manager refuses it."""
        opened, self._opened = self._opened, None
        if opened is None or not opened.must_be_logged_out:
            return
        with self._connection.logout_window():
            try:
                opened.log_out(self._connection.sleep, repeats=1)
            except (SessionDead, VManageError) as err:
                self.seen.facts["logout"] = type(err).__name__
                if isinstance(err, VManageError):
                    log.warning("Logout failed; the session stays until the manager closes it: %s", err)
            else:
                self._opened = opened
                self.read("after_logout", "device/action/software")
                self._opened = None

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        self._connection.sleep(seconds)

    def close(self) -> None:
        """Log out if that was not done, and close the connections."""
        try:
            self.log_out()
        finally:
            self._connection.drop()

    @property
    def _session(self) -> OpenedSession:
        if self._opened is None:
            raise RuntimeError("the probe is not logged in")
        return self._opened

    def _read_one(self, name: str, found: str | None, path: str) -> None:
        if found is not None:
            self.send(name, "GET", path.format(id=quote(found, safe="")), shown=path)

    def _running_task(self) -> str | None:
        """Return the id of a running action on devices, or else of another running task."""
        ids = self._ids("running_tasks", "runningTasks", "processId")
        starts = tuple(f"{kind.id_prefix}-" for kind in ActionKind)
        return next(iter(sorted(ids, key=lambda one: not one.startswith(starts))), None)

    def _ids(self, name: str, key: str, field: str) -> list[str]:
        body = self.seen.responses[name].body
        rows = body.get(key) if isinstance(body, dict) else None
        ids = [row.get(field) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return [one for one in ids if isinstance(one, str) and one]

    def _recording(self, name: str | None = None, *, shown: str | None = None) -> Callable[..., requests.Response]:
        def send(call: Call, **options: Any) -> requests.Response:
            path = shown or _ID_OF_TENANT.sub("{id}", call.path)
            key = name or {"/j_security_check": "login", "/jwt/login": "login"}.get(call.path, call.path.split("/")[-1])
            began = time.monotonic()
            seconds = 0.0
            self.requests += 1
            try:
                response = self._connection.send(call, **options)
            except VManageError as err:
                seconds = time.monotonic() - began
                failure = type(err).__name__
                self.seen.responses[key] = Observed(call.method, path, failure=failure, seconds=seconds)
                raise
            seconds = time.monotonic() - began
            self.seen.responses[key] = _observed(call, path, response, seconds)
            return response

        return send

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Stop reading after this many seconds; a socket's own timeout restarts with each byte."""
        end = threading.Timer(seconds, self._connection.stop)
        end.daemon = True
        end.start()
        try:
            yield
        finally:
            end.cancel()


def _observed(call: Call, path: str, response: requests.Response, seconds: float) -> Observed:
    return Observed(
        call.method,
        path,
        response.status_code,
        {name.lower(): str(value) for name, value in response.headers.items()},
        response.text,
        _cookies(response),
        seconds=seconds,
        digest=hashlib.sha512(response.content).hexdigest(),
    )


def _cookies(response: requests.Response) -> tuple[str, ...]:
    """Return each ``Set-Cookie`` header; ``requests`` joins them by commas, which dates in them contain."""
    headers = getattr(response.raw, "headers", None)
    return tuple(headers.getlist("Set-Cookie")) if headers is not None else ()
