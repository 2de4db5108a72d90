"""The tables of docs/assumptions.md, made from the assumptions in the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from airflow_provider_vmanage.client.assumptions.all import ASSUMPTIONS, SUBJECTS
from airflow_provider_vmanage.client.assumptions.table import ACTION, EXPIRY, MARKS, WRITE, Assumption

_SEEN_BY = {WRITE: "`--write`", EXPIRY: "`--expiry`", ACTION: "an action only"}


def assumption_tables() -> str:
    """Return how many assumptions have which mark, and a table for each subject."""
    counts = Counter(one.mark for one in ASSUMPTIONS)
    marks = ["| Mark | Means | Assumptions |", "|---|---|---|"]
    marks += [f"| {mark} | {text} | {counts[mark]} |" for mark, text in MARKS.items()]
    marks.append(f"| | | {len(ASSUMPTIONS)} |")
    return "\n".join([*marks, *(line for title, rows in SUBJECTS.items() for line in _section(title, rows))])


def _section(title: str, rows: Iterable[Assumption]) -> list[str]:
    head = ["", f"## {title}", "", "| Assumption | Mark | Source | If it is otherwise |", "|---|---|---|---|"]
    return head + [_row(one) for one in rows]


def _row(one: Assumption) -> str:
    needs = f" (seen by {_SEEN_BY[one.needs]})" if one.needs in _SEEN_BY else ""
    cells = (f'<a id="{one.id}"></a>{one.sentence}{needs}', one.mark, one.source, one.otherwise)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace('<VM', '&lt;VM') for cell in cells)} |"
