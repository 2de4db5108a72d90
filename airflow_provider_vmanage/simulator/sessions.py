"""Who is logged in: session cookies, JWTs, the API key, and the account lock."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass
class Session:
    """One login that has not ended: a cookie session, a JWT, or the API key."""

    credential: str
    token: str
    opened: float
    used: float
    ends: float
    bearer: bool = False


class SessionStore:
    """All live logins; the least recently used cookie session goes when there are too many.

    :param maximum: Cookie sessions kept. Cisco docs name 100 in one place and 250 in another.
    :param idle: Seconds without a request after which a session is dead (Cisco docs: 30 minutes).
    :param lifetime: Seconds a cookie session lives at most (Cisco docs: 24 hours).
    """

    def __init__(
        self, maximum: int = 100, idle: float = 1800, lifetime: float = 86400, clock: Clock = time.time
    ) -> None:
        self._maximum, self._idle, self._lifetime, self._clock = maximum, idle, lifetime, clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._server = uuid.uuid4()
        self._lock = threading.Lock()
        self._api_key = self.add_api_key()

    @property
    def api_key(self) -> str:
        """The long-lived key of the one user."""
        return self._api_key.credential

    def open_cookie(self) -> Session:
        """A new cookie session, under an id of the shape seen in live traces (40 characters and a UUID)."""
        session = self._keep(f"{secrets.token_hex(20)}.{self._server}", self._lifetime)
        self._evict()
        return session

    def open_jwt(self, claims: dict[str, object], duration: float) -> Session:
        """A new access token that dies after so many seconds."""
        return self._keep(_jwt(claims), duration, bearer=True)

    def add_api_key(self) -> Session:
        """A key that no logout and no idle time ends."""
        return self._keep(_jwt({"isAPIKey": True, "jti": str(uuid.uuid4())}), 10 * 365 * 86400, bearer=True)

    def find(self, credential: str | None, *, bearer: bool) -> Session | None:
        """The live session under this cookie or bearer token, marked as used now."""
        with self._lock:
            session = self._sessions.get(credential or "")
            if session is None or session.bearer is not bearer:
                return None
            if self._is_over(session):
                del self._sessions[session.credential]
                return None
            session.used = self._clock()
            self._sessions.move_to_end(session.credential)
            return session

    def close(self, session: Session) -> None:
        """End one session, whatever its kind."""
        with self._lock:
            self._sessions.pop(session.credential, None)

    def rotate_token(self, session: Session) -> None:
        """Give a session a new XSRF token, so that the one its client holds is stale."""
        session.token = new_token()

    def expire_all(self) -> None:
        """End every session and JWT; the API key stays."""
        with self._lock:
            for credential in [c for c in self._sessions if c != self.api_key]:
                del self._sessions[credential]

    def count(self) -> int:
        """How many cookie sessions and JWTs are alive; the API key is not a session."""
        with self._lock:
            return sum(not self._is_over(s) for s in self._sessions.values() if s is not self._api_key)

    def _keep(self, credential: str, lifetime: float, bearer: bool = False) -> Session:
        now = self._clock()
        session = Session(credential, new_token(), now, now, now + lifetime, bearer)
        with self._lock:
            self._sessions[credential] = session
        return session

    def _evict(self) -> None:
        with self._lock:
            cookies = [s for s in self._sessions.values() if not s.bearer]
            for session in cookies[: max(0, len(cookies) - self._maximum)]:
                del self._sessions[session.credential]

    def _is_over(self, session: Session) -> bool:
        now = self._clock()
        idle = not session.bearer and now - session.used > self._idle
        return idle or now > session.ends


class Lockout:
    """The lock of an account: five refused logins within 15 minutes, for 15 minutes (Cisco docs, 20.12.1).

    Each user name counts for itself, whether there is such a user or not; old ones are forgotten.
    """

    def __init__(self, enabled: bool, failures: int = 5, window: float = 900, clock: Clock = time.time) -> None:
        self._enabled, self._allowed, self._window, self._clock = enabled, failures, window, clock
        self._failures: dict[str, list[float]] = {}
        self._locked_until: dict[str, float] = {}

    def locks(self, user: str) -> bool:
        """Whether even the right password of this user is refused now."""
        return self._enabled and self._clock() < self._locked_until.get(user, 0.0)

    def note_failure(self, user: str) -> None:
        """Count one refused login; the fifth of a user in a row locks."""
        self._forget_old()
        failures = self._failures.setdefault(user, [])
        failures.append(self._clock())
        if len(failures) >= self._allowed:
            self._locked_until[user] = self._clock() + self._window
            del self._failures[user]

    def note_success(self, user: str) -> None:
        """Forget earlier failures: only consecutive ones count."""
        self._failures.pop(user, None)

    def _forget_old(self) -> None:
        now = self._clock()
        recent = {user: [t for t in times if now - t < self._window] for user, times in self._failures.items()}
        self._failures = {user: times for user, times in recent.items() if times}
        self._locked_until = {user: until for user, until in self._locked_until.items() if now < until}


def new_token() -> str:
    """An XSRF token: about 100 upper-case hex characters (live capture 20.18.2.1)."""
    return secrets.token_hex(50).upper()


def _jwt(claims: dict[str, object]) -> str:
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode())
    # The third part is no real signature: the store, not cryptography, decides what is valid.
    pieces = [*parts, secrets.token_bytes(32)]
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in pieces)
