"""The fault matrix: what every operation shall make of every fault. This table is the only place where that stands.

Each expectation was decided from the rules that README.md and docs/uploads.md promise, before it was run.
tests/faults/test_matrix.py runs every cell; ``make pages`` writes the table into docs/fault-matrix.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

API = "/dataservice"
ACTION = f"{API}/device/action"
SOFTWARE = f"{ACTION}/software"


@dataclass(frozen=True)
class Operation:
    """One column.

    :param about: what is done, for the page.
    :param method: of the request that the fault affects.
    :param path: pattern of its path.
    :param nth: which such request it affects first (1-based).
    :param read: the request of a fault that only a response with data can have.
    """

    about: str
    method: str
    path: str
    nth: int = 1
    read: tuple[str, str] | None = None


LIST = ("GET", SOFTWARE)
DEVICES = ("GET", f"{ACTION}/install/devices/vedge")
STATUS = ("GET", f"{ACTION}/status/change_partition-*")

OPERATIONS = {
    "login": Operation(
        "the first call of a task logs in", "POST", "/j_security_check", read=("GET", f"{API}/client/server")
    ),
    "list": Operation("`ListImagesOperator`", *LIST, read=LIST),
    "poke": Operation("`ImageVersionSensor`: one poke", *LIST, read=LIST),
    "trigger": Operation("`ImageVersionTrigger`: one poll, the last one that may fail", *LIST, read=LIST),
    "test": Operation("the connection's *Test*", *LIST, read=LIST),
    "add": Operation("`AddRepoOperator`: the change itself", "POST", SOFTWARE, read=LIST),
    "upload": Operation("`UploadImageOperator`: the transfer", "POST", f"{SOFTWARE}/package", read=LIST),
    "delete": Operation("`DeleteImageOperator`: the change itself", "DELETE", f"{SOFTWARE}/*", read=LIST),
    "confirm": Operation("`AddRepoOperator`: the list that confirms the change", *LIST, nth=2, read=LIST),
    "logout": Operation("the end of a task that has done its work", "POST", "/logout"),
    "install": Operation("`InstallSoftwareOperator`: the action itself", "POST", f"{ACTION}/install", read=DEVICES),
    "activate": Operation(
        "`ActivateSoftwareOperator`, deferred: the action itself", "POST", f"{ACTION}/changepartition", read=DEVICES
    ),
    "task": Operation("`DeviceTaskTrigger`: a poll of the manager's task", *STATUS, read=STATUS),
    "download": Operation("`DownloadImageOperator`: the transfer", "GET", f"{SOFTWARE}/package/*", read=LIST),
}

#: what an outcome means; a star behind it: a session may stay open until the manager ends it
OUTCOMES = {
    "ok": "the task succeeds, and the manager's list, or the device, shows the effect",
    "retry": "the task fails; Airflow's retry can succeed, and does nothing twice",
    "final": "the task fails at once, without retry",
    "wait": "the wait goes on: the image is not listed yet, or there is no news of the manager's task",
    "no": "the connection test fails and gives the reason",
}

#: why a cell is left out
LEFT_OUT = {
    "s": "before the login there is no session that could expire",
    "t": "a manager expects no XSRF token with a read",
    "u": "only an upload or a download has a body long enough to be interrupted",
    "b": "the server reads a small request as a whole before it resets: see *reset before anything is done*",
    "c": "the connection and the certificate were accepted at the login",
    "p": "releases differ in where a logout leads, so any page or redirect counts as success",
    "d": "the response to a logout carries no data",
    "e": "the operation reads no list of images",
    "l": "the list before the change would fail first: see *add URL* and *upload*",
    "n": "the operation adds nothing that could be listed late",
    "o": "the simulator never lists an image that is deleted",
    "g": "the login before it succeeded",
    "v": "the operation trusts one list: an empty list is a list without the image",
    "w": "each poll would take seconds of real time: *reset, always* covers the same code",
}


@dataclass(frozen=True)
class Row:
    """One fault.

    :param group: heading it stands under.
    :param name: what happens.
    :param fault: name of a fault of the simulator, or of one of tests/faults/fault_injection.py.
    :param expected: outcome or reason to leave it out (``-`` and its letter), by operation.
    :param times: how many requests it affects; None: every one.
    :param options: of the fault.
    :param on_data: whether it affects the request that has data in its response instead.
    :param extra: extras of the connection.
    :param says: what the error must name.
    :param large: whether the upload is larger than what the kernel buffers.
    """

    group: str
    name: str
    fault: str
    expected: dict[str, str]
    times: int | None = 1
    options: dict[str, Any] = field(default_factory=dict)
    on_data: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    large: bool = False


def _row(expected: str, group: str, name: str, fault: str, **more: Any) -> Row:
    """Return a row from its outcomes, in the order of OPERATIONS; a poll of the trigger ends as a poke does."""
    login, listed, poke, *others = expected.split()
    outcomes = [login, listed, poke, poke, *others]
    own = {key: more.pop(key) for key in ("times", "on_data", "extra", "says", "large") if key in more}
    return Row(group, name, fault, dict(zip(OPERATIONS, outcomes, strict=True)), options=more, **own)


_CUT: dict[str, Any] = {"status": 200, "body": '{"header": {"generatedOn": 1', "content_type": "application/json"}
_SLOW = {"read_timeout": 0.5, "upload_read_timeout": 0.5}
_DEAD = "The session dies"
_BUSY = "The manager is busy"
_LINE = "The connection breaks"
_TLS = "TLS fails"
_RESPONSE = "The response is not what it should be"
_START = "The manager is starting, or the connection cannot be read"
_RECORDS = "The list holds surprises"
_TIME = "It takes time"

# fmt: off
ROWS: tuple[Row, ...] = (
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      retry   final   ok      ok",
         _DEAD, "200 and the login page (shape A), once", "expired_a"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _DEAD, "200 and the login page (shape A), always", "expired_a", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      retry   final   ok      ok",
         _DEAD, "login page with a fresh cookie (B), once", "expired_b"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _DEAD, "login page with a fresh cookie (B), always", "expired_b", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      retry   final   ok      ok",
         _DEAD, "login page with a cookie of 1970 (C), once", "expired_c"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _DEAD, "login page with a cookie of 1970 (C), always", "expired_c", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _DEAD, "302 to the welcome page (D), once", "expired_d"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry   retry   wait    retry",
         _DEAD, "302 to the welcome page (D), always", "expired_d", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _DEAD, "401 (E), once", "expired_e"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry   retry   wait    retry",
         _DEAD, "401 (E), always", "expired_e", times=None),
    _row("-s      -t      -t      -t      ok      ok      ok      -t      ok      ok      ok      -t      -t",
         _DEAD, "403 SessionTokenFilter (shape F), once", "expired_f"),
    _row("-s      -t      -t      -t      retry   retry   retry   -t      ok*     retry   retry   -t      -t",
         _DEAD, "403 SessionTokenFilter (shape F), always", "expired_f", times=None),
    _row("-s      -t      -t      -t      ok      ok      ok      -t      ok      ok      ok      -t      -t",
         _DEAD, "403 SessionTokenFilter, and the session is dead", "expired_f", killed=True),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u      -u      -u      -u",
         _DEAD, "in the middle of the body, with response F", "session_death_in_upload", large=True),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u      -u      -u      -u",
         _DEAD, "in the middle of the body, with response A", "session_death_in_upload", large=True, shape="a"),
    _row("-u      -u      -u      -u      -u      retry   -u      -u      -u      -u      -u      -u      -u",
         _DEAD, "in the middle of each body", "session_death_in_upload", times=None, large=True),
    _row("-s      final   final   no      final   final   final   final   ok      final   final   final   final",
         _DEAD, "and the login that renews it is refused", "dead_and_refused"),
    _row("-s      ok*     ok*     ok*     ok*     ok*     ok*     ok*     ok*     retry*  final*  ok*     ok*",
         _DEAD, "another node responds from here on, which does not know it", "other_node"),
    _row("final   retry*  retry*  no*     retry*  retry*  retry*  retry*  -p      retry*  final*  wait*   retry*",
         _DEAD, "each call by a node that does not know it", "html_200", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _BUSY, "429, once", "http_429"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry   retry   wait    retry",
         _BUSY, "429, always", "http_429", times=None),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _BUSY, "429 with `Retry-After: 1`, once", "http_429", retry_after=1),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry   retry   ok      retry",
         _BUSY, "429 with `Retry-After: 120`", "http_429", says="120 s", retry_after=120),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      retry   final   ok      ok",
         _BUSY, "503, once", "http_503"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry   final   wait    retry",
         _BUSY, "503, always", "http_503", times=None),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      retry   final   ok      ok",
         _BUSY, "503 with `Retry-After: 1`, once", "http_503", retry_after=1),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry   final   ok      retry",
         _BUSY, "503 with `Retry-After: 120`", "http_503", says="120 s", retry_after=120),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      retry   final   ok      ok",
         _BUSY, "500 and a page, once", "http_500"),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      retry   final   ok      ok",
         _BUSY, "502 of a proxy, once", "http_502"),
    _row("-n      -n      -n      -n      -n      retry   -n      -n      -n      retry   final   ok      -n",
         _BUSY, "504 of a proxy after all bytes, and nothing was kept", "gateway_timeout_not_stored"),
    _row("-n      -n      -n      -n      -n      ok      -n      -n      -n      -n      -n      -n      -n",
         _BUSY, "504 of a proxy after all bytes, and the manager works on", "gateway_timeout_stored", lists=6),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _BUSY, "504 of a proxy, and it was done", "gateway_timeout_stored"),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _LINE, "refused, then back", "down_for_a_while"),
    _row("retry   retry*  retry*  no*     retry*  retry*  retry*  retry*  ok*     retry*  retry*  wait*   retry*",
         _LINE, "refused from here on", "down", times=None),
    _row("retry   ok      ok      ok      retry   ok      retry   ok      ok      retry   final   ok      ok",
         _LINE, "reset before anything is done, once", "reset_before", large=True),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry   final   wait    retry",
         _LINE, "reset before anything is done, always", "reset_before", times=None),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u      -u      -u      -u",
         _LINE, "reset in the middle of the body, once", "reset_during_upload", large=True),
    _row("-u      -u      -u      -u      -u      retry   -u      -u      -u      -u      -u      -u      -u",
         _LINE, "reset in the middle of each body", "reset_during_upload", times=None, large=True),
    _row("-b      -b      -b      -b      -b      retry   -b      -b      -b      -b      -b      -b      -b",
         _LINE, "reset after the body, nothing done, once", "reset_after_body"),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _LINE, "reset after it was done, once", "reply_lost"),
    _row("retry*  retry   retry   no      ok      ok      ok      retry   ok      ok      ok      wait    retry",
         _LINE, "reset after it was done, always", "reply_lost", times=None),
    _row("retry*  retry   retry   no      ok      ok      ok      ok      ok      ok      ok      ok      retry",
         _LINE, "the response breaks off, it was done, once", "short_body"),
    _row("-u      -u      -u      -u      -u      -u      -u      -u      -u      -u      -u      -u      retry",
         _LINE, "a download breaks off, once", "cut_download", says="broke off"),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("final   final   final   no      final   final   final   -c      -c      final   final   final   final",
         _TLS, "certificate of another authority", "other_authority"),
    _row("final   final   final   no      final   final   final   -c      -c      final   final   final   final",
         _TLS, "the port does not speak TLS", "no_tls"),
    _row("retry   retry   retry   no      retry   retry   retry   -c      -c      retry   retry   wait    retry",
         _TLS, "the handshake is broken off, always", "broken_handshake", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("final   retry   retry   no      retry   retry   retry   ok      ok*     retry   final   ok      retry",
         _RESPONSE, "truncated JSON, nothing done, once", "status", **_CUT),
    _row("final   retry   retry   no      retry   retry   retry   retry   ok*     retry   final   wait    retry",
         _RESPONSE, "truncated JSON, nothing done, always", "status", times=None, **_CUT),
    _row("final   ok      ok      ok      ok      ok      ok      ok      -p      retry   final   ok      ok",
         _RESPONSE, "HTML with 200, the session lives, nothing done, once", "html_200"),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      ok      ok      -u      -u",
         _RESPONSE, "HTML with 200 in place of the response to all bytes, and it was done", "html_200", done=True),
    _row("final   final   final   no      final   final   final   final   ok*     final   final   ok      final",
         _RESPONSE, "`{error}` with 200", "error_200", says="Simulated failure"),
    _row("retry   final   final   no      final   final   final   final   ok*     final   final   ok      final",
         _RESPONSE, "`{error}` with 400", "error_4xx", says="Simulated failure"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   ok      retry",
         _RESPONSE, "`{error}` with 500", "error_500", says="Simulated failure"),
    _row("retry   final   final   no      final   final   final   final   ok*     final   final   ok      final",
         _RESPONSE, "403 and a page: a role is missing", "forbidden"),
    _row("final   -g      -g      -g      -g      -g      -g      -g      -g      -g      -g      -g      -g",
         _RESPONSE, "the login is refused", "login_refused", times=None),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      retry   retry   ok      -d",
         _RESPONSE, "`data` is null, once", "data_null", on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   retry   -d      retry   retry   wait    -d",
         _RESPONSE, "`data` is null, always", "data_null", times=None, on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      retry   retry   ok      -d",
         _RESPONSE, "`data` is missing, once", "data_missing", on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      retry   retry   ok      -d",
         _RESPONSE, "`data` has another type, once", "data_wrong_type", on_data=True),
    _row("retry   retry   retry   no      retry   ok      retry   ok      -p      retry   final   ok      retry",
         _RESPONSE, "a redirect to another site, once", "redirect"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   -p      retry   final   wait    retry",
         _RESPONSE, "a redirect to another site, always", "redirect", times=None),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      retry",
         _RESPONSE, "compressed with gzip, always", "gzip", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _START, "the session is dead, and the login is 404", "dead_and_starting", says="starting", status=404),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _START, "… and the login is 403", "dead_and_starting", says="starting", status=403),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _START, "… and the login redirects", "dead_and_starting", says="starting", status=302),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _START, "… and the login is a page, and the manager is not ready", "dead_and_starting",
         says="starting", status=200, body="<html>login</html>"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry   final   wait    retry",
         _START, "… and the login gives no cookie", "dead_and_starting", says="starting", status=200),
    _row("-e      -v      wait    -v      -v      -v      -v      -v      -e      -v      -v      ok      -v",
         _START, "a valid, empty list, once", "status", status=200, body={"data": []},
         content_type="application/json"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   retry   retry   retry   wait    retry",
         _START, "the secrets backend fails", "no_lookup", says="could not be looked up"),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      ok      -e      -e      -e",
         _RECORDS, "a record with one field only", "record", versionId="7"),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      ok      -e      -e      -e",
         _RECORDS, "a record with unknown fields", "record",
         versionId="7", availableFiles="b.bin", colour={"red": [1]}),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      ok      -e      -e      -e",
         _RECORDS, "a record with wrong types beside its name", "record",
         versionId=7, availableFiles="b.bin", updatedOn="soon", platformFamily=5),
    _row("-e      ok      ok      ok      ok      ok      retry   -l      -e      ok      -e      -e      -e",
         _RECORDS, "a record whose file name is a number", "record", versionId="7", availableFiles=7),
    _row("-e      ok      ok      ok      ok      ok      retry   -l      -e      ok      -e      -e      -e",
         _RECORDS, "a record whose version is an object", "record", versionId="7", versionName={"a": 1}),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      ok      -e      -e      -e",
         _RECORDS, "10,000 records", "many_records"),
    #    login   list    poke    test    add     upload  delete  confirm logout  install activate task   download
    _row("-n      -n      wait    -n      ok      ok      -o      -n      -n      -n      -n      -n      -n",
         _TIME, "listed late", "late_listing", lists=3),
    _row("-n      -n      wait    -n      retry   retry   retry   -n      -n      -n      -n      -n      -n",
         _TIME, "never listed; a delete without effect", "never_listing"),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _TIME, "a slow response", "slow", delay=0.2),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _TIME, "a response after the timeout, once", "slow", extra=_SLOW, delay=60),
    _row("retry*  retry   retry   no      ok      ok      ok      -w      ok      ok      ok      -w      retry",
         _TIME, "each response after the timeout", "slow", times=None, extra=_SLOW, delay=60),
)
# fmt: on


def cells() -> list[tuple[Row, str]]:
    """Every cell that is run, in the order of the table."""
    return [(row, name) for row in ROWS for name, outcome in row.expected.items() if not outcome.startswith("-")]
