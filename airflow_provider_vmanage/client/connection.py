"""The HTTP connection to one manager: the only place that sends, and the place to stop it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests

from airflow_provider_vmanage.client.answers import Call, transport_error
from airflow_provider_vmanage.client.errors import VManageCancelledError
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.transport import ManagerAdapter

#: seconds a logout may take when the task is being killed: Airflow's supervisor gives five in all
_HASTY = 2.0


class ManagerConnection:
    """Sends requests to one manager, unjudged, and can be stopped from anywhere.

    :param settings: how to reach the manager.
    """

    def __init__(self, settings: ManagerSettings) -> None:
        self._base_url = settings.base_url
        self._verify = settings.tls_verify
        self._timeouts = settings.timeouts
        self._stopped = threading.Event()
        self._adapter = ManagerAdapter(send_timeout=settings.timeouts.read)
        self._http = requests.Session()
        for prefix in ("https://", "http://"):
            self._http.mount(prefix, self._adapter)
        self._http.headers["User-Agent"] = settings.user_agent
        # With an auth object of its own, requests never looks into ~/.netrc, and still honours proxies.
        self._http.auth = lambda prepared: prepared

    def send(self, call: Call, **options: Any) -> requests.Response:
        """Send one request and return the answer, whatever it is; redirects are not followed.

        :param call: method and path.
        :param options: for ``requests``: headers, params, json, data, timeout.
        :raises VManageError: there was no whole answer.
        """
        self.raise_if_stopped()
        options.setdefault("timeout", (self._timeouts.connect, self._timeouts.read))
        url = self._base_url + call.path
        try:
            return self._http.request(call.method, url, allow_redirects=False, verify=self._verify, **options)
        except requests.RequestException as err:
            self.raise_if_stopped()
            raise transport_error(call, err) from err

    def forget_cookies(self) -> None:
        """Drop all cookies: those of a dead session must not go with the next login."""
        self._http.cookies.clear()

    def drop(self) -> None:
        """Close the idle connections; the next request opens a new one."""
        self._http.close()

    def stop(self) -> None:
        """Break off what is under way, and refuse what comes next."""
        self._stopped.set()
        self._adapter.break_connections()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds.

        :raises VManageCancelledError: stopped meanwhile.
        """
        if self._stopped.wait(seconds):
            self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """Do nothing unless :meth:`stop` was called.

        :raises VManageCancelledError: it was.
        """
        if self._stopped.is_set():
            raise VManageCancelledError("Stopped on request; the next try looks at the list first")

    @contextmanager
    def last_words(self) -> Iterator[None]:
        """Let a request through even after a stop, but with little time."""
        if not self._stopped.is_set():
            yield
            return
        kept = self._timeouts
        self._timeouts = replace(kept, connect=_HASTY, read=_HASTY)
        self._stopped.clear()
        try:
            yield
        finally:
            self._stopped.set()
            self._timeouts = kept
