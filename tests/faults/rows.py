"""The rows of the fault matrix: what every operation shall make of every fault. The table is only here.

Each expectation was decided from the rules that README.md and docs/uploads.md promise, before it was run.
"""

from __future__ import annotations

from typing import Any

from tests.faults.matrix import ON_DEVICES, OPERATIONS, Row


def _row(repository: str, devices: str, group: str, name: str, fault: str, **more: Any) -> Row:
    """Return a row from its outcomes, in the order of OPERATIONS; a poll of the trigger ends as a poke does.

    :param repository: one outcome for all operations on the repository, or one for each.
    :param devices: likewise.
    """
    login, listed, poke, *others = _each(repository, len(OPERATIONS) - len(ON_DEVICES) - 1)
    outcomes = [login, listed, poke, poke, *others, *_each(devices, len(ON_DEVICES))]
    own = {key: more.pop(key) for key in ("times", "on_data", "extra", "says", "large", "again") if key in more}
    return Row(group, name, fault, dict(zip(OPERATIONS, outcomes, strict=True)), options=more, **own)


def _each(outcomes: str, count: int) -> list[str]:
    given = outcomes.split()
    return given * count if len(given) == 1 else given


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
_DEVICES = "The device, or somebody else"

# fmt: off
ROWS: tuple[Row, ...] = (
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      final   differs",
         _DEAD, "200 and the login page (shape A), once", "expired_a"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   final   differs",
         _DEAD, "200 and the login page (shape A), always", "expired_a", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      -a      -f",
         _DEAD, "login page with a fresh cookie (B), once", "expired_b"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _DEAD, "login page with a fresh cookie (B), always", "expired_b", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      -a      -f",
         _DEAD, "login page with a cookie of 1970 (C), once", "expired_c"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _DEAD, "login page with a cookie of 1970 (C), always", "expired_c", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      differs",
         _DEAD, "302 to the welcome page (D), once", "expired_d"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   retry   retry   retry   wait    retry   retry   retry   differs",
         _DEAD, "302 to the welcome page (D), always", "expired_d", times=None),
    _row("-s      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      -a      -f",
         _DEAD, "401 (E), once", "expired_e"),
    _row("-s      retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   retry   retry   retry   wait    retry   retry   -a      -f",
         _DEAD, "401 (E), always", "expired_e", times=None),
    _row("-s      -t      -t      -t      ok      ok      ok      -t      ok      -t",
         "ok      ok      ok      ok      -t      -t      -t      ok      -t",
         _DEAD, "403 SessionTokenFilter (shape F), once", "expired_f"),
    _row("-s      -t      -t      -t      retry   retry   retry   -t      ok*     -t",
         "retry   retry   retry   retry   -t      -t      -t      retry   -t",
         _DEAD, "403 SessionTokenFilter (shape F), always", "expired_f", times=None),
    _row("-s      -t      -t      -t      ok      ok      ok      -t      ok      -t",
         "ok      ok      ok      ok      -t      -t      -t      ok      -t",
         _DEAD, "403 SessionTokenFilter, and the session is dead", "expired_f", killed=True),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u",
         "-u",
         _DEAD, "in the middle of the body, with response F", "session_death_in_upload", large=True),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u",
         "-u",
         _DEAD, "in the middle of the body, with response A", "session_death_in_upload", large=True, shape="a"),
    _row("-u      -u      -u      -u      -u      retry   -u      -u      -u      -u",
         "-u",
         _DEAD, "in the middle of each body", "session_death_in_upload", times=None, large=True),
    _row("-s      final   final   no      final   final   final   final   ok      final",
         "final   final   final   final   final   final   final   final   differs",
         _DEAD, "and the login that renews it is refused", "dead_and_refused"),
    _row("-s      ok*     ok*     ok*     ok*     ok*     ok*     ok*     ok*     ok*",
         "retry*  final*  retry*  retry*  ok*     ok*     ok*     final*  differs*",
         _DEAD, "another node responds from here on, which does not know it", "other_node"),
    _row("final   retry*  retry*  no*     retry*  retry*  retry*  retry*  -p      retry*",
         "retry*  final*  retry*  retry*  wait*   retry*  retry*  final*  differs*",
         _DEAD, "each call by a node that does not know it", "html_200", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _BUSY, "429, once", "http_429"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   retry   retry   retry   wait    retry   retry   retry   ok",
         _BUSY, "429, always", "http_429", times=None),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      -a      -f",
         _BUSY, "429 with `Retry-After: 1`, once", "http_429", retry_after=1),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   retry   retry   retry   ok      retry   retry   ok      ok",
         _BUSY, "429 with `Retry-After: 120`", "http_429", says="120 s", retry_after=120),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      final   ok",
         _BUSY, "503, once", "http_503"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   final   retry   retry   wait    retry   retry   final   ok",
         _BUSY, "503, always", "http_503", times=None),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      -a      -f",
         _BUSY, "503 with `Retry-After: 1`, once", "http_503", retry_after=1),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   final   retry   retry   ok      retry   retry   -a      ok",
         _BUSY, "503 with `Retry-After: 120`", "http_503", says="120 s", retry_after=120),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      -a      differs",
         _BUSY, "500 and a page, once", "http_500"),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      -a      ok",
         _BUSY, "502 of a proxy, once", "http_502"),
    _row("-n      -n      -n      -n      -n      retry   -n      -n      -n      -n",
         "retry   final   retry   retry   ok      -n      -n      final   -n",
         _BUSY, "504 of a proxy after all bytes, and nothing was kept", "gateway_timeout_not_stored"),
    _row("-n      -n      -n      -n      -n      ok      -n      -n      -n      -n",
         "-n",
         _BUSY, "504 of a proxy after all bytes, and the manager works on", "gateway_timeout_stored", lists=6),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      differs",
         _BUSY, "504 of a proxy, and it was done", "gateway_timeout_stored"),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _LINE, "refused, then back", "down_for_a_while"),
    _row("retry   retry*  retry*  no*     retry*  retry*  retry*  retry*  ok*     retry*",
         "retry*  retry*  retry*  retry*  wait*   retry*  retry*  retry*  ok*",
         _LINE, "refused from here on", "down", times=None),
    _row("retry   ok      ok      ok      retry   ok      retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      final   ok",
         _LINE, "reset before anything is done, once", "reset_before", large=True),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   final   retry   retry   wait    retry   retry   final   ok",
         _LINE, "reset before anything is done, always", "reset_before", times=None),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u",
         "-u",
         _LINE, "reset in the middle of the body, once", "reset_during_upload", large=True),
    _row("-u      -u      -u      -u      -u      retry   -u      -u      -u      -u",
         "-u",
         _LINE, "reset in the middle of each body", "reset_during_upload", times=None, large=True),
    _row("-b      -b      -b      -b      -b      retry   -b      -b      -b      -b",
         "-b",
         _LINE, "reset after the body, nothing done, once", "reset_after_body"),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _LINE, "reset after it was done, once", "reply_lost"),
    _row("retry*  retry   retry   no      ok      ok      ok      retry   ok      retry",
         "ok      ok      ok      ok      wait    retry   retry   ok      ok",
         _LINE, "reset after it was done, always", "reply_lost", times=None),
    _row("retry*  retry   retry   no      ok      ok      ok      ok      ok      retry",
         "ok      ok      ok      ok      ok      retry   retry   ok      ok",
         _LINE, "the response breaks off, it was done, once", "short_body"),
    _row("-u      -u      -u      -u      -u      -u      -u      -u      -u      retry",
         "-u",
         _LINE, "a download breaks off, once", "cut_download", says="broke off"),
    _row("retry   ok      ok      ok      retry   retry   retry   ok      ok      ok",
         "retry   final   retry   retry   ok      ok      ok      final   ok*",
         _LINE, "the manager restarts: refused, then 503, and its sessions are gone", "restart"),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("final   final   final   no      final   final   final   -c      -c      final",
         "final   final   final   final   final   final   final   -a      no",
         _TLS, "certificate of another authority", "other_authority"),
    _row("final   final   final   no      final   final   final   -c      -c      final",
         "final   final   final   final   final   final   final   -a      no",
         _TLS, "the port does not speak TLS", "no_tls"),
    _row("retry   retry   retry   no      retry   retry   retry   -c      -c      retry",
         "retry   retry   retry   retry   wait    retry   retry   retry   no",
         _TLS, "the handshake is broken off, always", "broken_handshake", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("final   retry   retry   no      retry   retry   retry   ok      ok*     retry",
         "retry   final   retry   retry   ok      retry   retry   final   differs",
         _RESPONSE, "truncated JSON, nothing done, once", "status", **_CUT),
    _row("final   retry   retry   no      retry   retry   retry   retry   ok*     retry",
         "retry   final   retry   retry   wait    retry   retry   -a      differs",
         _RESPONSE, "truncated JSON, nothing done, always", "status", times=None, **_CUT),
    _row("final   ok      ok      ok      ok      ok      ok      ok      -p      ok",
         "retry   final   retry   retry   ok      ok      ok      final   differs",
         _RESPONSE, "HTML with 200, the session lives, nothing done, once", "html_200"),
    _row("-u      -u      -u      -u      -u      ok      -u      -u      -u      -u",
         "ok      ok      ok      ok      -u      -u      -u      ok      -u",
         _RESPONSE, "HTML with 200 in place of the response to all bytes, and it was done", "html_200", done=True),
    _row("final   final   final   no      final   final   final   final   ok*     final",
         "final   final   final   final   ok      final   final   final   differs",
         _RESPONSE, "`{error}` with 200", "error_200", says="Simulated failure"),
    _row("retry   final   final   no      final   final   final   final   ok*     final",
         "final   final   final   final   ok      final   final   -a      differs",
         _RESPONSE, "`{error}` with 400", "error_4xx", says="Simulated failure"),
    _row("retry   retry   retry   no      retry   retry   retry   ok      ok      retry",
         "retry   final   retry   retry   ok      retry   retry   -a      differs",
         _RESPONSE, "`{error}` with 500", "error_500", says="Simulated failure"),
    _row("retry   final   final   no      final   final   final   final   ok*     final",
         "final   final   final   final   ok      final   final   final   differs",
         _RESPONSE, "403 and a page: a role is missing", "forbidden"),
    _row("final   -g      -g      -g      -g      -g      -g      -g      -g      -g",
         "-g",
         _RESPONSE, "the login is refused", "login_refused", times=None),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      -d",
         "retry   retry   retry   retry   ok      retry   retry   retry   differs",
         _RESPONSE, "`data` is null, once", "data_null", on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   retry   -d      -d",
         "retry   retry   retry   retry   wait    retry   retry   retry   differs",
         _RESPONSE, "`data` is null, always", "data_null", times=None, on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      -d",
         "retry   retry   retry   retry   ok      retry   retry   -a      differs",
         _RESPONSE, "`data` is missing, once", "data_missing", on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -d      -d",
         "retry   retry   retry   retry   ok      retry   retry   retry   differs",
         _RESPONSE, "`data` has another type, once", "data_wrong_type", on_data=True),
    _row("retry   retry   retry   no      retry   retry   retry   ok      -p      retry",
         "retry   final   retry   retry   ok      retry   retry   final   differs",
         _RESPONSE, "a redirect to another site, once", "redirect"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   -p      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      differs",
         _RESPONSE, "a redirect to another site, always", "redirect", times=None),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      retry",
         "ok      ok      ok      ok      ok      ok      ok      -a      ok",
         _RESPONSE, "compressed with gzip, always", "gzip", times=None),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   final   differs",
         _START, "the session is dead, and the login is 404", "dead_and_starting", says="starting", status=404),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _START, "… and the login is 403", "dead_and_starting", says="starting", status=403),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _START, "… and the login redirects", "dead_and_starting", says="starting", status=302),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _START, "… and the login is a page, and the manager is not ready", "dead_and_starting",
         says="starting", status=200, body="<html>login</html>"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   ok      retry",
         "retry   final   retry   retry   wait    retry   retry   -a      -f",
         _START, "… and the login gives no cookie", "dead_and_starting", says="starting", status=200),
    _row("-e      -v      wait    -v      -v      -v      -v      -v      -e      -v",
         "-v      -v      -v      -v      ok      final   -v      -v      -v",
         _START, "a valid, empty list, once", "status", status=200, body={"data": []},
         content_type="application/json"),
    _row("retry   retry   retry   no      retry   retry   retry   retry   retry   retry",
         "retry   retry   retry   retry   wait    retry   retry   retry   no",
         _START, "the secrets backend fails", "no_lookup", says="could not be looked up"),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -e      differs",
         _RECORDS, "a record with one field only", "record", versionId="7"),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -e      differs",
         _RECORDS, "a record with unknown fields", "record",
         versionId="7", availableFiles="b.bin", colour={"red": [1]}),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -a      differs",
         _RECORDS, "a record with wrong types beside its name", "record",
         versionId=7, availableFiles="b.bin", updatedOn="soon", platformFamily=5),
    _row("-e      ok      ok      ok      ok      ok      retry   -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -e      differs",
         _RECORDS, "a record whose file name is a number", "record", versionId="7", availableFiles=7),
    _row("-e      ok      ok      ok      ok      ok      retry   -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -e      differs",
         _RECORDS, "a record whose version is an object", "record", versionId="7", versionName={"a": 1}),
    _row("-e      ok      ok      ok      ok      ok      ok      -l      -e      -e",
         "ok      -e      -e      -e      -e      -e      ok      -e      differs",
         _RECORDS, "10,000 records", "many_records"),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("-n      -n      wait    -n      ok      ok      -o      -n      -n      -n",
         "-n      -n      -n      -n      -n      -n      -n      -n      -n",
         _TIME, "listed late", "late_listing", lists=3),
    _row("-n      -n      wait    -n      retry   retry   retry   -n      -n      -n",
         "-n      -n      -n      -n      -n      -n      -n      -n      -n",
         _TIME, "never listed; a delete without effect", "never_listing"),
    _row("ok      ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _TIME, "a slow response", "slow", delay=0.2),
    _row("retry*  ok      ok      ok      ok      ok      ok      ok      ok      ok",
         "ok      ok      ok      ok      ok      ok      ok      ok      ok",
         _TIME, "a response after the timeout, once", "slow", extra=_SLOW, delay=60),
    _row("retry*  retry   retry   no      ok      ok      ok      -w      ok      retry",
         "ok      ok      ok      ok      -w      retry   retry   ok      ok",
         _TIME, "each response after the timeout", "slow", times=None, extra=_SLOW, delay=60),
    _row("-m      -m      -m      -m      -m      final   -m      -m      -m      -m",
         "-m      -m      -m      -m      -m      -m      -m      final   -m",
         _TIME, "the window ends before the upload, or the wave, could", "short_window", says="not_after"),
    #    login   list    poke    test    add     upload  delete  confirm logout  download
    #    install activ.  default remove  task    version plan    upgrade check
    _row("-i",
         "final   final   final   final   -x      wait    blocked final   ok",
         _DEVICES, "the manager cannot reach the device", "unreachable", says="cannot reach it"),
    _row("-i",
         "final   final   final   final   -x      ok      blocked final   -x",
         _DEVICES, "a task of another user works on it", "busy", says="of somebody is at work on it"),
    _row("-i",
         "ok      ok      ok      ok      ok      -x      -x      ok      -x",
         _DEVICES, "the manager's task shows no device for two polls", "no_rows"),
    _row("-i",
         "retry   final   retry   retry   -k      -x      -x      final   -x",
         _DEVICES, "the manager reports success, and nothing was done", "lies",
         says="reports success, but", again=True),
    _row("-i",
         "-r      final   -r      -r      -k      -x      -x      final   -x",
         _DEVICES, "it does not come back from its reload", "stays_down"),
    _row("-i",
         "-h      -h      -h      -h      -h      -h      -h      final   -h",
         _DEVICES, "its health is worse after the reload", "worse_health", says="colour worse"),
)
# fmt: on


def cells() -> list[tuple[Row, str]]:
    """Every cell that is run, in the order of the table."""
    return [(row, name) for row in ROWS for name, outcome in row.expected.items() if not outcome.startswith("-")]
