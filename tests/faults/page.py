"""The fault matrix as a table of docs/reliability.md: ``python -m tests.faults.page`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.faults.matrix import LEFT_OUT, OPERATIONS, OUTCOMES, ROWS, cells

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- made by `make reliability` from tests/faults/matrix.py: what is changed here is lost -->"
END = "<!-- end of what is made -->"


def with_table(page: str) -> str:
    """Return the page with the table of today in it.

    :raises ValueError: the page has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks the line {BEGIN!r} or {END!r}")
    return "\n".join([before + BEGIN, "", *_lines(), "", END]) + after


def _lines() -> Iterator[str]:
    columns = list(OPERATIONS)
    yield f"{len(cells())} cells of {len(ROWS)} faults and {len(OPERATIONS)} operations are run."
    for group, rows in groupby(ROWS, key=lambda row: row.group):
        yield from ("", f"### {group}", "")
        yield f"| | {' | '.join(columns)} |"
        yield "|---" * (len(columns) + 1) + "|"
        for row in rows:
            outcomes = [_shown(row.expected[name]) for name in OPERATIONS]
            yield f"| {row.name} | {' | '.join(outcomes)} |"
    yield from (
        "",
        "### What is struck",
        "",
        "| column | operation, and the request that the fault strikes |",
        "|---|---|",
    )
    for name, operation in OPERATIONS.items():
        yield f"| {name} | {operation.about}: `{operation.method} {operation.path.removeprefix('/dataservice/')}` |"
    yield from ("", "### What a cell says", "", "| | |", "|---|---|")
    yield from (f"| {name} | {about} |" for name, about in OUTCOMES.items())
    yield "| * | a session may stay open until the manager ends it: it could not be told, or was believed dead |"
    yield from (f"| <sub>{letter}</sub> | left out: {reason} |" for letter, reason in LEFT_OUT.items())


def _shown(outcome: str) -> str:
    return f"<sub>{outcome[1:]}</sub>" if outcome.startswith("-") else outcome.replace("*", "\\*")


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
