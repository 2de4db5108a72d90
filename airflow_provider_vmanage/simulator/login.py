"""Log in, log out, and who a request comes from."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.releases import Release
from airflow_provider_vmanage.simulator.sessions import Lockout, Session, SessionStore


@dataclass
class LoginCounts:
    """How often users logged in and out."""

    logins: int = 0
    refused_logins: int = 0
    logouts: int = 0


class Login:
    """The login pages of one manager with one user.

    :param dead_session: Shape of the response to a request without a live session, ``a`` to ``e``.
    """

    def __init__(
        self,
        release: Release,
        sessions: SessionStore,
        lockout: Lockout,
        username: str,
        password: str,
        dead_session: str,
    ) -> None:
        self._release, self._sessions, self._lockout = release, sessions, lockout
        self._user, self._password, self._shape = username, password, dead_session
        self.counts = LoginCounts()

    def session_of(self, headers: dict[str, str]) -> Session | None:
        """The live login behind a request: its bearer token if it carries one, else its cookie."""
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._sessions.find(credential, bearer=True) if self._release.has_jwt else None
        return self._sessions.find(_session_cookie(headers.get("cookie", "")), bearer=False)

    def refusal(self, request: Request, session: Session | None) -> Response | None:
        """Why a request under ``/dataservice`` is not carried out; None if it may pass."""
        if session is None:
            if request.headers.get("authorization", "").lower().startswith("bearer"):
                return responses.unauthorized()
            return responses.dead_session(self._shape, base_url(request))
        return self._token_refusal(request, session)

    async def check(self, request: Request) -> Response:
        """``POST /j_security_check``: 200 either way, and only an empty body means success."""
        form = parse_qs((await request.body()).decode("latin-1"), keep_blank_values=True)
        if not self._accepts(form.get("j_username", [""])[0], form.get("j_password", [""])[0]):
            return self.refuse(secure=request.url.scheme == "https")
        session = self._sessions.open_cookie()
        set_cookie = responses.cookie(session.credential, secure=request.url.scheme == "https")
        return Response(b"", 200, {"set-cookie": set_cookie})

    def refuse(self, *, secure: bool) -> Response:
        """A refused login: still 200, and still a cookie, which belongs to no session (client code)."""
        stray = {"set-cookie": responses.cookie(responses.stray_session_id(), secure=secure)}
        if not self._release.json_login_failure:
            return responses.html(responses.LOGIN_PAGE, headers=stray)
        # Text and the blank lines before it: live capture 20.18.2.1. The content type is invented.
        details = {"message": "Login Error", "code": "Failed to login user ", "details": f" {self._user}"}
        body = "\n\n" + json.dumps({"error": {**details, "type": "Error"}})
        return Response(body, 200, {"content-type": "application/json", **stray})

    def refuse_injected(self, *, secure: bool) -> Response:
        """The refusal of a right password, which a fault asks for; counted like any other."""
        self.counts.refused_logins += 1
        return self.refuse(secure=secure)

    async def jwt(self, request: Request) -> Response:
        """``POST /jwt/login`` (Cisco docs, 20.18.1): keys documented, the refusal's shape invented."""
        if not self._release.has_jwt:
            return responses.not_found()
        try:
            wanted = json.loads(await request.body())
            user, password = wanted["username"], wanted["password"]
            duration = int(wanted.get("duration", 1800))
        except (ValueError, KeyError, TypeError, AttributeError):
            return responses.error(400, "Bad request", "username and password as JSON", "SIM-JWT-REQUEST")
        if not 1 <= duration <= 604800:
            return responses.error(400, "Bad request", "duration is 1 to 604800 seconds", "SIM-JWT-DURATION")
        if not self._accepts(user, password):
            return responses.error(401, "Login Error", "Wrong user name or password", "SIM-JWT-LOGIN")
        return responses.plain_json(self._jwt_response(duration))

    async def logout(self, request: Request) -> Response:
        """End the session: ``GET``, and from 20.12 on ``POST`` too; 302 to the welcome page (live capture)."""
        if request.method == "POST" and self._release.logout_verb == "GET":
            # Invented: no source says what POST gets before clients began to use it. The session goes on.
            page = "<html><head><title>Error</title></head><body>Method Not Allowed</body></html>"
            return responses.html(page, 405, {"allow": "GET"})
        session = self.session_of(dict(request.headers))
        if session is not None:
            refusal = self._token_refusal(request, session)
            if refusal is not None:
                return refusal
            self._end(session)
        target = f"{base_url(request)}/welcome.html?nocache={int(time.time() * 1000)}"
        return Response(b"", 302, {"location": target})

    def _end(self, session: Session) -> None:
        self.counts.logouts += 1
        if session.credential != self._sessions.api_key:
            self._sessions.close(session)

    def _token_refusal(self, request: Request, session: Session) -> Response | None:
        if request.method in ("GET", "HEAD") or not self._release.has_token:
            return None
        if request.headers.get("x-xsrf-token") == session.token:
            return None
        return responses.token_mismatch()

    def _accepts(self, user: object, password: object) -> bool:
        if (user, password) == (self._user, self._password) and not self._lockout.locks(self._user):
            self.counts.logins += 1
            self._lockout.note_success(self._user)
            return True
        self.counts.refused_logins += 1
        self._lockout.note_failure(str(user))
        return False

    def _jwt_response(self, duration: int) -> dict[str, object]:
        expires = int(time.time()) + duration
        claims: dict[str, object] = {"sub": self._user, "iss": "vmanage-simulator", "aud": "vmanage"}
        session = self._sessions.open_jwt({**claims, "exp": expires}, duration)
        # /jwt/refresh is not simulated (its shape is undocumented), so this token leads nowhere.
        more = {"token": session.credential, "refresh": responses.stray_session_id(), "userGroup": ["netadmin"]}
        tenant = {"tenant": "DefaultTenant", "tenantId": "default"}
        times = {"duration": duration, "exp": expires}
        return {**more, **claims, **tenant, **times, "csrf": session.token, "isAPIKey": False}


def base_url(request: Request) -> str:
    """Scheme, host and port as the client wrote them."""
    return f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"


def _session_cookie(header: str) -> str | None:
    # The first one counts, and unknown pairs are skipped: public clients send whole Set-Cookie lines back.
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value for name, _, value in pairs if name == "JSESSIONID"), None)
