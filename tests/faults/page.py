"""The fault matrix as the tables of docs/fault-matrix.md, which ``make pages`` writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from tests.faults.matrix import LEFT_OUT, ON_DEVICES, OPERATIONS, OUTCOMES, Row
from tests.faults.rows import ROWS, cells

#: how a reader knows the columns
COLUMNS = {
    "list": "list",
    "poke": "sensor",
    "trigger": "deferred sensor",
    "test": "connection test",
    "add": "add URL",
    "confirm": "confirming list",
    "activate": "activate, deferred",
    "default": "set default",
    "task": "wait for a task",
    "version": "version sensor",
    "upgrade": "upgrade, one wave",
}

#: an outcome as a cell shows it
SHOWN = {
    "ok": "🟢 success",
    "retry": "🟡 retry",
    "final": "🔴 fails",
    "wait": "🔵 waits",
    "no": "🟡 reports it",
    "differs": "🟡 differs",
    "blocked": "🟡 blocked",
}

#: why a cell is left out, in a few words; the legend has the sentence
NOT_RUN = {
    "s": "no session yet",
    "t": "no token sent",
    "u": "no long body",
    "b": "small request",
    "c": "checked at login",
    "p": "any page is fine",
    "d": "no data read",
    "e": "no list read",
    "l": "see add, upload",
    "n": "nothing to list",
    "o": "not simulated",
    "g": "logged in before",
    "v": "trusts one list",
    "a": "as activate",
    "f": "same shape",
    "i": "no device",
    "x": "does not matter",
    "k": "trusts the manager",
    "r": "no reload",
    "h": "no health compared",
    "m": "no window",
    "w": "too slow to run",
}


def fault_tables() -> str:
    """Return the legend, a table for each group of faults, and a table of the operations."""
    return "\n".join([*_legend(), *_groups(), *_operations()])


def _legend() -> Iterator[str]:
    yield f"The tests run {len(cells())} cells: {len(ROWS)} faults, {len(OPERATIONS)} operations."
    yield from ("", "| A cell says | Meaning |", "|---|---|")
    yield from (f"| {SHOWN[name]} | {about} |" for name, about in OUTCOMES.items())
    yield "| \\* | a session may stay open until the manager closes it; a log line or the error says so |"
    yield from (f"| ⚪ {_reason(letter)} | not run: {reason} |" for letter, reason in LEFT_OUT.items())


def _groups() -> Iterator[str]:
    repository = [name for name in OPERATIONS if name not in ON_DEVICES]
    for group, members in groupby(ROWS, key=lambda row: row.group):
        rows = list(members)
        yield from ("", f"## {group}", "")
        if on_images := [row for row in rows if not all(row.expected[name].startswith("-") for name in repository)]:
            yield from _table(repository, on_images)
        if on_devices := [row for row in rows if not all(row.expected[name].startswith("-") for name in ON_DEVICES)]:
            if on_images:
                yield ""
            yield from _table(ON_DEVICES, on_devices)


def _table(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    yield f"| Fault | {' | '.join(COLUMNS.get(name, name) for name in columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for row in rows:
        yield f"| {row.name} | {' | '.join(_shown(row.expected[name]) for name in columns)} |"


def _operations() -> Iterator[str]:
    yield from ("", "## Which request fails", "", "| Column | Operation | Request |", "|---|---|---|")
    for name, operation in OPERATIONS.items():
        request = f"`{operation.method} {operation.path.removeprefix('/dataservice/')}`"
        yield f"| {COLUMNS.get(name, name)} | {operation.about} | {request} |"


def _shown(outcome: str) -> str:
    if outcome.startswith("-"):
        return f"⚪ {_reason(outcome[1:])}"
    return SHOWN[outcome.rstrip("*")] + ("\\*" if outcome.endswith("*") else "")


def _reason(letter: str) -> str:
    return NOT_RUN.get(letter, f"not run ({letter})")
