"""Check every assumption against one manager."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_vmanage.client.assumptions.all import ASSUMPTIONS
from airflow_provider_vmanage.client.assumptions.gather import READS_S, Probe
from airflow_provider_vmanage.client.assumptions.report import Report
from airflow_provider_vmanage.client.assumptions.scratch import try_changes
from airflow_provider_vmanage.client.assumptions.seen import Seen
from airflow_provider_vmanage.client.assumptions.table import ACTION, EXPIRY, READ, WRITE, judge
from airflow_provider_vmanage.client.errors import VManageAuthenticationError
from airflow_provider_vmanage.client.http.envelope import error_of
from airflow_provider_vmanage.client.settings import ManagerSettings


def check_manager(
    settings: ManagerSettings,
    *,
    write: bool = False,
    idle_s: float | None = None,
    reads_s: float = READS_S,
    log: Callable[[str], None] = lambda _: None,
) -> Report:
    """Return the findings of one session; reads only, below 60 requests and within a minute, unless more is asked for.

    :param settings: how to reach the manager, and as whom.
    :param write: also upload and delete scratch files of 1 MB under random names.
    :param idle_s: also wait that many seconds without a request, and see how the session ends.
    :param reads_s: seconds after which no further read is sent.
    :param log: receives a line for what takes long.
    :raises VManageAuthenticationError: the login was refused; it was sent once. A response that is no known refusal
        becomes the report instead, with everything else not seen.
    :raises VManageError: the manager is out of reach.
    """
    began = time.monotonic()
    needs = {READ, ACTION}
    probe = Probe(settings, seconds=reads_s)
    try:
        with probe:
            probe.read_all()
            if write:
                needs.add(WRITE)
                try_changes(probe, log)
            if idle_s is not None:
                needs.add(EXPIRY)
                log(f"Waiting {idle_s:.0f} s without a request")
                probe.sleep(idle_s)
                probe.read("after_idle", "device/action/software")
            probe.log_out()
    except VManageAuthenticationError:
        if not _is_unknown_login(probe.seen):
            raise
        log("The login was sent once, and its response is neither a known success nor a known refusal")
    results = judge((one for one in ASSUMPTIONS if one.needs in needs), probe.seen)
    return Report(results, probe.seen, probe.requests, time.monotonic() - began)


def _is_unknown_login(seen: Seen) -> bool:
    """Return whether a login by session got 200 and a body that is neither a page nor an error: no known refusal."""
    found = seen.responses.get("login")
    if seen.auth != "session" or found is None or found.status != 200:
        return False
    return bool(found.text.strip()) and not found.is_page and error_of(found.text) is None
