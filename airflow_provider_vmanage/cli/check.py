"""``check``: compare a manager with everything that the package assumes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from airflow_provider_vmanage.cli.connections import settings_for
from airflow_provider_vmanage.cli.errors import FAILED, say
from airflow_provider_vmanage.client.assumptions.report import Report
from airflow_provider_vmanage.client.assumptions.run import check_manager
from airflow_provider_vmanage.client.assumptions.table import AS_ASSUMED, DIFFERS, NOT_SEEN
from airflow_provider_vmanage.reports.text_table import count_of, text_table

#: exit statuses beside FAILED: nothing differs; something differs
OK, DIFFERENT = 0, 3

_QUESTION = "Upload scratch files of 1 MB to {url}, and delete them again? [y/N] "


@dataclass(frozen=True)
class CheckOptions:
    """What the user asked for.

    :param conn_id: connection of Airflow.
    :param uri: connection as URI, instead.
    :param as_json: print the redacted report instead of the table.
    :param write: also try changes.
    :param yes: do not ask before that.
    :param idle_s: seconds to wait for the end of an idle session; ``None`` skips that.
    """

    conn_id: str | None = None
    uri: str | None = None
    as_json: bool = False
    write: bool = False
    yes: bool = False
    idle_s: float | None = None


def check(options: CheckOptions, *, ask: Callable[[str], str] = input, out: TextIO | None = None) -> int:
    """Check, print the report, and return the exit status.

    :param ask: asks the user a question.
    :param out: where the report is printed; the standard output unless given.
    :raises VManageError: nothing could be checked.
    """
    settings = settings_for(options.conn_id, options.uri)
    write = options.write
    if write and not options.yes and not _is_yes(ask, _QUESTION.format(url=settings.base_url)):
        say("Nothing was sent.")
        return FAILED
    report = check_manager(settings, write=write, idle_s=options.idle_s, log=say)
    text = json.dumps(report.as_json(), indent=1) if options.as_json else as_text(report)
    (out or sys.stdout).write(f"{text}\n")
    return DIFFERENT if report.differs else OK


def as_text(report: Report) -> str:
    """Return the report as a table for people: what differs first, then what could not be seen, then the rest."""
    order = (DIFFERS, NOT_SEEN, AS_ASSUMED)
    results = sorted(report.results, key=lambda one: order.index(one.outcome))
    lines = text_table(
        ("Result", "Mark", "Assumption", "Seen"),
        [(one.outcome, one.assumption.mark, one.assumption.sentence, one.seen) for one in results],
        limit=len(results),
    )
    counts = ", ".join(f"{report.counts.get(outcome, 0)} {outcome}" for outcome in (AS_ASSUMED, DIFFERS, NOT_SEEN))
    effects = [f"- {one.assumption.id}: {one.assumption.otherwise}" for one in results if one.outcome == DIFFERS]
    if effects:
        lines += ["", "What the package does where a manager differs:", *effects]
    about = f"release {report.release or 'unknown'}, {count_of(report.requests, 'request')}, {report.seconds:.1f} s"
    return "\n".join([*lines, "", f"{counts} ({about})"])


def _is_yes(ask: Callable[[str], str], question: str) -> bool:
    try:
        return ask(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
