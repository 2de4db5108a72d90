"""The HTTP connection to one manager: the only place that sends requests, and where they are stopped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.cookies import RequestsCookieJar
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageConfigurationError,
    VManageError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.http.cookies import NoSessionCookie
from airflow_provider_vmanage.client.http.rate_limit import limit_for
from airflow_provider_vmanage.client.http.responses import Call, malformed_redirect, transport_error
from airflow_provider_vmanage.client.http.transport import ManagerAdapter
from airflow_provider_vmanage.client.settings import ManagerSettings

#: seconds a logout may take when the task is killed: Airflow's supervisor allows five in all, and a source that hangs
#: takes up to 1.5 of them
URGENT_LOGOUT_S = 3.0

#: seconds a logout may take otherwise: the task has done its work, and the manager ends an idle session by itself
LOGOUT_S = 10.0


class ManagerConnection:
    """Sends requests to one manager, returns the responses unjudged, and can be stopped from any thread.

    :param settings: how to reach the manager.
    """

    def __init__(self, settings: ManagerSettings) -> None:
        self._base_url = settings.base_url
        self._verify = settings.tls_verify
        self._timeouts = settings.timeouts
        self._limit = limit_for(settings.base_url, settings.requests_per_second)
        self._deadline: float | None = None
        self._stopped = threading.Event()
        self._stopping = threading.RLock()  # a signal handler may stop while this thread holds it
        self._adapter = ManagerAdapter(send_timeout=settings.timeouts.read, stopped=self._stopped)
        self._http = requests.Session()
        self.take_cookies()
        for prefix in ("https://", "http://"):
            self._http.mount(prefix, self._adapter)
        self._http.headers["User-Agent"] = settings.user_agent
        # The environment is read once: requests reads it twice per request otherwise, and ~/.netrc, too.
        self._http.trust_env = False
        self._http.proxies = get_environ_proxies(self._base_url)
        if self._verify is True:
            self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True

    def send(self, call: Call, **options: Any) -> requests.Response:
        """Send one request when the rate limit allows it, and return the response; redirects are not followed.

        :param call: method and path.
        :param options: for ``requests``: headers, cookies, params, json, data, timeout.
        :raises VManageError: there was no complete response.
        """
        self.raise_if_stopped()
        self._raise_if_window_over(call)
        self._await_turn()
        options.setdefault("timeout", self._limits())
        url = self._base_url + call.path + (f"?{call.query}" if call.query else "")
        try:
            response = self._http.request(call.method, url, allow_redirects=False, verify=self._verify, **options)
        except VManageError:
            raise  # from the body that is sent
        except (requests.RequestException, HTTPError) as err:
            self.raise_if_stopped()
            if isinstance(err, requests.RequestException):
                err.request = err.response = None  # ours is chained to it, and their bodies and headers are secrets
            raise transport_error(call, err) from err
        except OSError as err:
            # requests checks the file of the environment by itself, and only whether it exists.
            text = f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE cannot be used ({err}): correct it, or set ca_bundle"
            raise VManageConfigurationError(text, **call.where) from err
        except ValueError as err:
            # Even if redirects are not followed, requests parses their address.
            raise malformed_redirect(call) from err
        except (TypeError, RecursionError) as err:
            if options.get("json") is None:
                raise
            raise VManageConfigurationError(
                f"json cannot be sent ({err}): give plain JSON types", **call.where
            ) from err
        if "charset" not in response.headers.get("Content-Type", "").lower():
            # JSON is UTF-8 (RFC 8259, 8.1), also as text/plain, for which requests assumes Latin-1.
            response.encoding = "utf-8"
        return response

    def _await_turn(self) -> None:
        # A logout does not wait: there is one for each login, which has waited.
        seconds = self._limit.reserve() if self._deadline is None else 0.0
        if seconds > 0.001:
            self.sleep(seconds)

    def _raise_if_window_over(self, call: Call) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise VManageUnavailableError("The manager took too long to end the session", repeat=False, **call.where)

    def _limits(self) -> tuple[float, float]:
        limits = self._timeouts.connect, self._timeouts.read
        if self._deadline is None:
            return limits
        half = max(0.1, (self._deadline - time.monotonic()) / 2)
        return min(half, limits[0]), min(half, limits[1])

    def take_cookies(self) -> RequestsCookieJar:
        """Return all cookies and start with none: those of a dead session must not be sent with the next login."""
        cookies = self._http.cookies
        self._http.cookies = RequestsCookieJar(NoSessionCookie())
        return cookies

    @contextmanager
    def with_cookies(self, jar: RequestsCookieJar | None) -> Iterator[None]:
        """Send these cookies instead of the current ones: a load balancer finds a session's node by them."""
        current = self._http.cookies
        self._http.cookies = current if jar is None else jar
        try:
            yield
        finally:
            self._http.cookies = current

    def drop(self) -> None:
        """Close the idle connections; the next request opens a new one."""
        self._http.close()

    def stop(self) -> None:
        """Interrupt the request in progress, and refuse later ones."""
        with self._stopping:  # a logout in another thread must not lose its connection
            self._stopped.set()
            self._adapter.break_connections()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds.

        :raises VManageCancelledError: stopped meanwhile.
        """
        if self._stopped.wait(seconds):
            self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """Raise an error if :meth:`stop` was called.

        :raises VManageCancelledError: it was.
        """
        if self._stopped.is_set():
            raise VManageCancelledError("Stopped on request; the next try reads the list first")

    @contextmanager
    def logout_window(self, *, urgent: bool = False) -> Iterator[bool]:
        """Allow requests for a short time, even after a stop; yield whether the logout is urgent.

        :param urgent: allow as little time as after a stop.
        """
        with self._stopping:
            was_stopped = self._stopped.is_set()
        urgent = urgent or was_stopped
        seconds = URGENT_LOGOUT_S if urgent else LOGOUT_S
        self._deadline = time.monotonic() + seconds
        # The timeouts of a socket restart with each byte: a response that trickles in never exceeds them.
        end = threading.Timer(seconds, self._adapter.break_connections)
        end.daemon = True
        end.start()
        if was_stopped:
            self._stopped.clear()
        try:
            yield urgent
        finally:
            end.cancel()
            self._deadline = None
            if was_stopped:
                self._stopped.set()
