"""The cookie that is a session, kept apart from the jar of all other cookies.

A manager sets a JSESSIONID not only at a login: with the answer to a password change although the session is valid
(CiscoDevNet/catalystwan issue 294), and one that expired in 1970 (its pull request 500). A jar would take the first
for ours and throw ours away for the second, and nobody could log it out any more.
"""

from __future__ import annotations

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.http.responses import API_ROOT

if TYPE_CHECKING:
    import requests

SESSION_COOKIE = "JSESSIONID"


class NoSessionCookie(DefaultCookiePolicy):
    """Keeps the cookies of load balancers, and no session's: that goes with the credentials of its login."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """Tell whether the jar takes the cookie."""
        return cookie.name != SESSION_COOKIE and super().set_ok(cookie, request)


def session_cookies(answer: requests.Response) -> list[Cookie]:
    """Return the session cookies that an answer sets, the one for ``/dataservice`` first; expired ones set nothing."""
    found = [cookie for cookie in answer.cookies if cookie.name == SESSION_COOKIE and cookie.value]
    return sorted(found, key=lambda cookie: (API_ROOT.startswith(cookie.path), len(cookie.path)), reverse=True)
