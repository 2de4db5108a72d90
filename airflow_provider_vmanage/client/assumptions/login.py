"""Assumptions about login, token, release, errors and the end of a session."""

from __future__ import annotations

from airflow_provider_vmanage.client.assumptions.fields import SERVER, odd_types, unknown_fields
from airflow_provider_vmanage.client.assumptions.seen import Observed, Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import EXPIRY, Table
from airflow_provider_vmanage.client.http.envelope import error_of
from airflow_provider_vmanage.client.settings import is_header_value

LOGIN = Table()

_AUTHENTICATION = "Cisco, authentication page of release 20.16; live capture of 20.18.2.1"
_TOKEN_RELEASE = (19, 2)

#: words that a report shows for the ways in which managers show that a session has ended
EXPIRED_SHAPES = {
    "page": "200 and a page",
    "page with a cookie": "200, a page and a new cookie",
    "redirect": "a redirect to the welcome page",
    "401": "401",
}


def _session_login(seen: Seen) -> Observed:
    if seen.auth != "session":
        raise Unseen(f"the login method is {seen.auth}")
    return seen.response("login")


@LOGIN.add(
    "D",
    "Cisco, getting started with the API",
    otherwise="Over HTTP, or without verification, everything works and the password can be read on the way.",
)
def tls_is_verified(seen: Seen) -> str | None:
    """The manager is reached over TLS, under a certificate that can be verified."""
    if seen.scheme != "https":
        return "plain HTTP"
    if not seen.verified:
        raise Unseen("verify is false in the connection")
    return None


@LOGIN.add(
    "L",
    _AUTHENTICATION,
    otherwise="The login counts as refused, and no task runs.",
)
def good_login_is_empty(seen: Seen) -> str | None:
    """A good login is status 200 without a body."""
    found = _session_login(seen)
    return None if found.status == 200 and not found.text else found.kind


@LOGIN.add(
    "L",
    _AUTHENTICATION,
    otherwise="Without the cookie the login counts as refused; of several, the one for /dataservice is used.",
)
def login_sets_one_session_cookie(seen: Seen) -> str | None:
    """A good login sets one cookie named JSESSIONID."""
    count = sum(cookie.startswith("JSESSIONID=") for cookie in _session_login(seen).cookies)
    return None if count == 1 else f"{count} such cookies"


@LOGIN.add(
    "L",
    "live capture of 20.18.2.1",
    otherwise="A Secure cookie over HTTP stops the login with an error; other attributes are ignored.",
)
def session_cookie_has_known_attributes(seen: Seen) -> str | None:
    """The session cookie has path=/ and HttpOnly, no Expires, and Secure exactly under TLS."""
    cookie = next((one for one in _session_login(seen).cookies if one.startswith("JSESSIONID=")), None)
    if cookie is None:
        raise Unseen("no such cookie")
    found = {piece.strip().lower() for piece in cookie.split(";")[1:]}
    names = {piece.partition("=")[0] for piece in found}
    problems = [f"no {one}" for one in ("httponly", "path=/") if one not in found]
    if ("secure" in names) is not (seen.scheme == "https"):
        problems.append("Secure over HTTP" if "secure" in names else "not Secure")
    return ", ".join([*problems, *(f"{one} is set" for one in ("expires", "max-age") if one in names)])


@LOGIN.add(
    "D",
    "Cisco, OpenAPI of release 26.1; catalystwan 0.41.6 and sastre 1.28 depend on it",
    otherwise="403 and 404 leave the release unknown; anything else fails every task.",
)
def server_information_is_an_object(seen: Seen) -> str | None:
    """GET /client/server is 200 and an object in data."""
    found = seen.response("server")
    is_object = isinstance(found.body, dict) and isinstance(found.body.get("data"), dict)
    return None if found.status == 200 and is_object else found.kind


@LOGIN.add(
    "L",
    "values 20.12.0-144-li, 20.9.0.02-li and 20.18.2.1 in client code and a live capture",
    otherwise="The release is unknown: logout is tried by POST and by GET, and hints on releases are left out.",
)
def platform_version_names_the_release(seen: Seen) -> str | None:
    """The platformVersion begins with the two numbers of the release."""
    seen.ok("server")
    return None if seen.release else "no two numbers"


@LOGIN.add(
    "D",
    "Cisco, OpenAPI of release 26.1",
    otherwise="A connection with a tenant is refused; others are not affected.",
)
def tenancy_has_known_words(seen: Seen) -> str | None:
    """The tenancyMode is SingleTenant or MultiTenant, and userMode is tenant or provider."""
    seen.ok("server")
    server = seen.server
    odd = [
        name
        for name, value, known in (
            ("tenancyMode", server.tenancy_mode, ("SingleTenant", "MultiTenant")),
            ("userMode", server.user_mode, ("tenant", "provider")),
        )
        if value not in known
    ]
    return f"another {' and '.join(odd)}" if odd else None


@LOGIN.add(
    "C",
    "catalystwan 0.41.6 and sastre 1.28",
    otherwise="A connection with a tenant is refused, unless its name, sub-domain or id is there.",
)
def tenants_have_ids_and_names(seen: Seen) -> str | None:
    """A provider's list of tenants has tenantId, name and subDomain in each row."""
    if seen.server.user_mode != "provider":
        raise Unseen("the user is not a provider user")
    rows = seen.some_rows("tenants")
    odd = sum(not all(row.get(name) for name in ("tenantId", "name", "subDomain")) for row in rows)
    return f"not so in {odd} of {len(rows)}" if odd else None


def _server_row(seen: Seen) -> list[dict[str, object]]:
    found = seen.ok("server")
    data = found.body.get("data") if isinstance(found.body, dict) else None
    if not isinstance(data, dict):
        raise Unseen(f"{found.label}: no object in data")
    return [data]


@LOGIN.add(
    "D",
    "Cisco, OpenAPI of release 26.1",
    otherwise="Numbers are read as text; a list or object in a field that is used fails every task.",
)
def server_fields_have_known_types(seen: Seen) -> str | None:
    """The fields of /client/server have the documented types."""
    return odd_types(_server_row(seen), SERVER)


@LOGIN.add(
    "I",
    "Cisco, OpenAPI of release 26.1",
    otherwise="Unknown fields are ignored.",
)
def server_fields_are_known(seen: Seen) -> str | None:
    """/client/server has no fields beside the known ones."""
    return unknown_fields(_server_row(seen), SERVER)


@LOGIN.add(
    "C",
    "sastre 1.28 uses the first, catalystwan 0.41.6 the second; Cisco, cross-site request forgery prevention",
    otherwise="CSRFToken is used; without it, /client/token; with neither, changes are sent without a token.",
)
def both_tokens_are_the_same(seen: Seen) -> str | None:
    """From release 19.2 on, CSRFToken of /client/server and the text of /client/token are the same token."""
    seen.ok("server")
    token = seen.server.token
    if seen.release is not None and seen.release < _TOKEN_RELEASE:
        return "CSRFToken before release 19.2" if token else None
    if token is None:
        return "no CSRFToken"
    if not is_header_value(token):
        return "characters that no HTTP header can carry"
    return None if seen.ok("token").text == token else "another token, or other characters around it"


@LOGIN.add(
    "D",
    "Cisco, cross-site request forgery prevention; python-viptela takes a 404 for an older release",
    otherwise="Text, JSON text and an object are all read; a page fails every change.",
)
def token_is_bare_text(seen: Seen) -> str | None:
    """/client/token is bare text, and with json=true an object with token; before release 19.2 it is 404."""
    found = seen.response("token")
    if seen.release is not None and seen.release < _TOKEN_RELEASE:
        return None if found.status == 404 else found.kind
    if found.status != 200 or found.is_page or not found.text or any(one.isspace() for one in found.text):
        return found.kind
    body = seen.ok("token_json").body
    return None if isinstance(body, dict) and isinstance(body.get("token"), str) else "json=true: no object with token"


@LOGIN.add(
    "C",
    "catalystwan 0.41.6 polls it after a restart",
    otherwise="A manager without it counts as started, so a page in response to a login counts as a refusal.",
)
def readiness_is_an_object(seen: Seen) -> str | None:
    """/client/server/ready is an object with isServerReady."""
    found = seen.response("ready")
    is_object = isinstance(found.body, dict) and isinstance(found.body.get("isServerReady"), bool)
    return None if found.status == 200 and is_object else found.kind


@LOGIN.add(
    "I",
    "Cisco, statuses of the API; 404 for a path without the prefix in a live capture of 20.18.2.1",
    otherwise="A page under 200 counts as an ended session: the call is repeated once after a new login, then fails.",
)
def unknown_path_is_404(seen: Seen) -> str | None:
    """A path that the release does not have is 404 and not a page under 200."""
    found = seen.response("unknown_path")
    return None if found.status == 404 else found.kind


@LOGIN.add(
    "D",
    "Cisco, OpenAPI: x-roles-required of releases 2022 and 26.1",
    otherwise="Images count as in use if device lists or tasks are forbidden; health values stay unknown.",
)
def no_read_is_forbidden(seen: Seen) -> str | None:
    """No read that the package sends is forbidden (403) for this user."""
    reads = [one for name, one in seen.responses.items() if one.method == "GET" and name != "after_logout"]
    return ", ".join(sorted({one.label for one in reads if one.status == 403}))


@LOGIN.add(
    "C",
    "catalystwan 0.41.6 compares it with cookies and fails without it",
    otherwise="Nothing: the package does not read it.",
)
def responses_have_a_date(seen: Seen) -> str | None:
    """Responses carry a Date header."""
    found = [one for one in seen.responses.values() if one.failure is None]
    missing = sum("date" not in one.headers for one in found)
    return f"missing in {missing} of {len(found)}" if missing else None


@LOGIN.add(
    "L",
    "live capture of 20.18.2.1; catalystwan 0.41.6 and sastre 1.28 draw the same line",
    otherwise="Any page or redirect counts as logged out; a refused logout is logged, and the session stays open.",
)
def logout_leads_to_the_welcome_page(seen: Seen) -> str | None:
    """Logout redirects to /welcome.html; by POST from release 20.12 on, by GET before."""
    found = seen.response("logout")
    is_welcome = "welcome.html" in found.headers.get("location", "")
    return None if found.status in (301, 302, 303, 307) and is_welcome else found.kind


def shape_of_end(found: Observed) -> str | None:
    """Return the name of the way in which a manager shows that a session has ended, or ``None``."""
    if found.status == 401:
        return "401"
    if found.status is not None and 300 <= found.status < 400 and "welcome.html" in found.headers.get("location", ""):
        return "redirect"
    if found.status == 200 and found.is_page:
        return "page with a cookie" if found.cookies else "page"
    return None


@LOGIN.add(
    "L",
    "live captures of 20.18.2.1 and of 2023; client code for the redirect and 401",
    otherwise="The session is not recognised as ended, and the task fails with what the manager sent.",
)
def ended_session_has_a_known_shape(seen: Seen) -> str | None:
    """A session that was logged out gets a page under 200, a redirect to the welcome page, or 401."""
    found = seen.response("after_logout")
    return None if shape_of_end(found) else found.kind


@LOGIN.add(
    "D",
    "Cisco, authentication page (30 minutes); the shape is inferred",
    otherwise="As for a session that was logged out.",
    needs=EXPIRY,
)
def idle_session_ends_in_a_known_shape(seen: Seen) -> str | None:
    """A session that is idle for 30 minutes ends in one of the shapes of a session that was logged out."""
    found = seen.response("after_idle")
    return None if shape_of_end(found) else found.kind


def is_error(found: Observed) -> bool:
    """Return whether a response is a refusal with an error object."""
    return found.status is not None and found.status >= 400 and error_of(found.text) is not None
