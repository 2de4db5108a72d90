"""The cookie that is a session, kept apart from the jar of all other cookies.

A manager does not only set a JSESSIONID at a login: also with the response to a password change although the session is
valid (CiscoDevNet/catalystwan issue 294), and one that expired in 1970 (its pull request 500). A jar would replace ours
by the first and delete it for the second, and our session could not be logged out any more.
"""

from __future__ import annotations

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.http.responses import API_ROOT

if TYPE_CHECKING:
    import requests

SESSION_COOKIE = "JSESSIONID"


class NoSessionCookie(DefaultCookiePolicy):
    """Keeps the cookies of load balancers, but no session cookie: that belongs to the credentials of its login."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """Return whether the jar stores the cookie."""
        return cookie.name != SESSION_COOKIE and super().set_ok(cookie, request)


def session_cookies(response: requests.Response) -> list[Cookie]:
    """Return the session cookies that a response sets, the one for ``/dataservice`` first; expired ones set nothing."""
    found = [cookie for cookie in response.cookies if cookie.name == SESSION_COOKIE and cookie.value]
    return sorted(found, key=lambda cookie: (API_ROOT.startswith(cookie.path), len(cookie.path)), reverse=True)
