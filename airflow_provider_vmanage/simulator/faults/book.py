"""Everything that can go wrong on purpose: the table of faults, and the book of those switched on."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_vmanage.simulator.faults import connection, downloads, responses
from airflow_provider_vmanage.simulator.faults.context import FaultContext

Act = Callable[[FaultContext], Awaitable[None]]

WRITE_METHODS = ("POST", "PUT", "DELETE")
API = ("/dataservice/*",)
UPLOADS = ("/dataservice/device/action/software/package", "/dataservice/device/action/software/package/*")
DOWNLOADS = "/dataservice/device/action/software/package/*"
LOGINS = ("/j_security_check", "/dataservice/j_security_check", "/jwt/login")
TOKENS = ("/dataservice/client/token", "/dataservice/client/server")
# What belongs to a login and is hit only by a fault that asks for it by path.
LOGIN_RELATED = (*LOGINS, *TOKENS, "/dataservice/client/about", "/dataservice/client/server/*")
_EVERYWHERE = ("method", "path", "delay")


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault.

    :param about: What happens, in one line.
    :param act: Carries it out.
    :param methods: Methods it hits by default; none named means all.
    :param paths: Patterns of paths it hits by default.
    :param needs_session: Passes over requests that have no live session to begin with.
    :param options: What ``add`` takes besides ``method``, ``path`` and ``delay``, with the defaults.
    """

    about: str
    act: Act
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = API
    options: dict[str, Any] = field(default_factory=dict)
    needs_session: bool = False

    def takes(self, method: str) -> bool:
        """Whether requests of this method are hit."""
        return not self.methods or method in self.methods

    def hits(self, method: str, path: str) -> bool:
        """Whether a request is one of those that the kind hits by default."""
        if not self.takes(method):
            return False
        login_related = path in LOGIN_RELATED or path.startswith("/dataservice/client/server/")
        return any(fnmatchcase(path, p) for p in self.paths) and (self.paths != API or not login_related)


def _upload(about: str, act: Act, **options: Any) -> FaultKind:
    return FaultKind(about, act, ("POST",), UPLOADS, options)


def _download(about: str, act: Act, **options: Any) -> FaultKind:
    return FaultKind(about, act, ("GET",), (DOWNLOADS,), options)


def _read(about: str, act: Act, **options: Any) -> FaultKind:
    return FaultKind(about, act, ("GET",), options=options)


def _any(about: str, act: Act, **options: Any) -> FaultKind:
    return FaultKind(about, act, options=options)


def _expired(about: str, shape: str) -> FaultKind:
    return FaultKind(about, responses.expired(shape), needs_session=True)


_ERROR = {"message": "Simulated failure", "details": "Switched on as a fault", "code": "SIM-FAULT", "done": False}

FAULTS: dict[str, FaultKind] = {
    "expired_a": _expired("session dead: 200 and the HTML login page", "a"),
    "expired_b": _expired("session dead: 200, login page and a fresh JSESSIONID", "b"),
    "expired_c": _expired("session dead: login page and a JSESSIONID that expired in 1970", "c"),
    "expired_d": _expired("session dead: 302 to /welcome.html", "d"),
    "expired_e": _expired("session dead: 401 and JSON", "e"),
    "expired_f": FaultKind(
        "token stale: 403 SessionTokenFilter page; killed=True ends the session too",
        responses.expired("f"),
        WRITE_METHODS,
        options={"killed": False},
        needs_session=True,
    ),
    "http_429": _any("429; retry_after= seconds or HTTP date", responses.status(429), retry_after=None),
    "http_503": _any("503; retry_after= seconds or HTTP date", responses.status(503), retry_after=None),
    "http_500": _any("500 with an HTML body", responses.status(500)),
    "http_502": _any("502 with an HTML body, as a proxy writes it", responses.status(502)),
    "http_504": _any("504 with an HTML body; the manager never saw the request", responses.status(504)),
    "status": _any(
        "any status= with body= and content_type=",
        responses.free_status,
        status=500,
        body="",
        content_type="text/html;charset=UTF-8",
        retry_after=None,
    ),
    "error_200": _any("an {error} under status 200; nothing done unless done=True", responses.error(200), **_ERROR),
    "error_4xx": _any(
        "an {error} under status= (400); nothing done unless done=True", responses.error(400), status=400, **_ERROR
    ),
    "error_500": _any("an {error} under status 500; nothing done unless done=True", responses.error(500), **_ERROR),
    "forbidden": _any("403 with an HTML body: the role is missing", responses.forbidden),
    "html_200": _any(
        "200 with an HTML page although the session is alive; nothing done unless done=True",
        responses.html_200,
        done=False,
    ),
    "redirect": _any("302 to location=", responses.redirect, location="https://sso.example.invalid/login"),
    "empty_body": _any("the request is carried out, the response is 200 without a body", responses.empty_body),
    "gzip": _any("the response is compressed with gzip", responses.gzipped),
    "stray_cookie": _any(
        "carried out, the response sets a JSESSIONID of no session; expired=True: one of 1970; cookie=: that cookie",
        responses.stray_cookie,
        expired=False,
        cookie="",
    ),
    "slow": _any("the request is carried out, the response comes after delay= seconds", responses.slow, delay=1.0),
    "trickle": _any(
        "the request is carried out, the response has size= blanks, one every pause= seconds",
        connection.trickle,
        size=60,
        pause=0.5,
    ),
    "interim": _any(
        "an interim response of status= (102) at once and before the response; the request is carried out",
        connection.interim,
        status=102,
    ),
    "truncated_json": _read("JSON cut in half, with a matching Content-Length", responses.truncated_json),
    "data_null": _read("an envelope with data: null", responses.data_null),
    "data_missing": _read("an envelope without data", responses.data_missing),
    "data_wrong_type": _read("an envelope whose data has the wrong type", responses.data_wrong_type),
    "short_body": _read("a Content-Length larger than what is sent, then close", connection.short_body),
    "reset_before": _any("connection reset on receipt, nothing done", connection.reset_before),
    "reply_lost": FaultKind(
        "the request is carried out, the connection reset without a response",
        connection.reply_lost,
        WRITE_METHODS,
    ),
    "reset_during_upload": _upload(
        "connection reset after_bytes= into the body, nothing stored",
        connection.reset_during_upload,
        after_bytes=65536,
    ),
    "reset_after_body": _upload("the whole body is read, then a reset; nothing stored", connection.reset_after_body),
    "session_death_in_upload": _upload(
        "session killed after_bytes= into the body, early response of shape=",
        connection.session_death,
        after_bytes=65536,
        shape="f",
        linger=2.0,
    ),
    "early_403": _upload("403 page before the body is read, then close", connection.early_403, linger=2.0),
    "early_response": _upload(
        "any status= with body= and content_type= before the body is read, then close",
        connection.early_response,
        status=200,
        body="",
        content_type="application/json",
        linger=2.0,
    ),
    "error_stored": _upload(
        "the image is stored, the response is an {error} under status= (500)",
        responses.error_stored,
        status=500,
        **_ERROR,
    ),
    "gateway_timeout_stored": _upload(
        "the response is a proxy's 504 page; the image is stored, and listed after lists= list calls or seconds=",
        responses.gateway_timeout_stored,
        lists=None,
        seconds=None,
    ),
    "gateway_timeout_not_stored": _upload(
        "the body is read, nothing stored, the response is a proxy's 504 page", responses.status(504)
    ),
    "late_listing": _upload(
        "the image is stored and listed only after lists= list calls or seconds=",
        responses.late_listing,
        lists=None,
        seconds=None,
    ),
    "never_listing": _upload("the upload succeeds and no list ever shows the image", responses.never_listing),
    "cut_download": _download(
        "the download ends after_bytes= and pause= seconds, and the connection is closed",
        downloads.cut,
        after_bytes=65536,
        pause=0.0,
    ),
    "download_without_length": _download("the download has no Content-Length", downloads.without_length),
    "login_refused": FaultKind("a right password is refused", responses.login_refused, ("POST",), LOGINS),
    "secure_cookie": FaultKind(
        "the cookie of a good login is Secure over plain http too", responses.secure_cookie, ("POST",), LOGINS
    ),
    "no_token": FaultKind(
        "/client/token is 404, /client/server has no CSRFToken", responses.no_token, ("GET",), TOKENS
    ),
}


@dataclass(frozen=True)
class Fault:
    """A fault that is switched on.

    :param left: How many requests it will still hit; None means every one.
    """

    name: str
    left: int | None
    options: dict[str, Any]

    @property
    def kind(self) -> FaultKind:
        """What it does."""
        return FAULTS[self.name]

    def hits(self, method: str, path: str) -> bool:
        """Whether it hits this request; the options ``method`` and ``path`` each replace a default."""
        method_wanted, pattern = self.options.get("method"), self.options.get("path")
        methods = (method_wanted.upper(),) if method_wanted else self.kind.methods
        kind = replace(self.kind, methods=methods)
        if pattern is None:
            return kind.hits(method, path)
        patterns = (pattern, "/dataservice/" + pattern.lstrip("/"))
        return kind.takes(method) and any(fnmatchcase(path, p) for p in patterns)


class FaultBook:
    """The faults that are switched on; the first added that fits a request hits it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, name: str, times: int | None = 1, **options: Any) -> None:
        """Switch a fault on for the next requests it fits.

        :param name: One of ``FAULTS``.
        :param times: How many requests it hits; None means until ``clear``.
        :param options: ``method`` and ``path`` (a pattern, with or without ``/dataservice``) choose other
            requests than the default ones; ``delay`` waits so many seconds first; others per fault.
        :raises ValueError: Unknown name or option.
        """
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}; there are: {', '.join(FAULTS)}")
        known = FAULTS[name].options
        for option in options:
            if option not in known and option not in _EVERYWHERE:
                raise ValueError(f"fault {name} takes {', '.join([*_EVERYWHERE, *known])}, not {option!r}")
        if times is not None and times < 1:
            raise ValueError("times must be at least 1, or None for every request")
        with self._lock:
            self._faults.append(Fault(name, times, {**known, **options}))

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    @property
    def pending(self) -> list[Fault]:
        """The faults that are still switched on."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str, *, has_session: bool) -> Fault | None:
        """The fault that hits this request, used up by one; None if there is none."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.hits(method, path) and (has_session or not fault.kind.needs_session):
                    self._faults[place : place + 1] = _rest(fault)
                    return fault
        return None


def _rest(fault: Fault) -> list[Fault]:
    if fault.left is None:
        return [fault]
    return [replace(fault, left=fault.left - 1)] if fault.left > 1 else []
