"""Tables and counts for people: as plain text for logs and consoles, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

#: rows that a log shows; the rest is counted
ROWS_SHOWN = 50

#: what a cell shows where a value is not known
UNKNOWN = "\N{EN DASH}"


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, limit: int = ROWS_SHOWN) -> list[str]:
    """Return the lines of a table: a header, a rule, one line a row, and how many rows were left out.

    :param columns: names.
    :param rows: one value for each column; see :func:`cell`.
    :param limit: number of rows to show.
    """
    shown = [[*columns], *([cell(value) for value in row] for row in rows[:limit])]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return lines + ([f"and {len(rows) - limit} more"] if len(rows) > limit else [])


def cell(value: Any) -> str:
    """Return a value as one line of text: a list joined by commas, a dash for what is not known."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = " ".join(str("" if value is None else value).split())
    return "".join(one for one in text if one.isprintable()) or UNKNOWN


def markdown_cell(value: object) -> str:
    """Return a value as one line that Markdown shows as it is; an underscore inside a word has no meaning there."""
    return re.sub(r"[\\`*\[\]<>|~&#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", cell(value))


def count_of(number: int, noun: str) -> str:
    """Return a count as a person says it: ``1 image``, ``3 images``, ``no images``."""
    return f"1 {noun}" if number == 1 else f"{number or 'no'} {noun}s"


def size_of(number: int | None) -> str | None:
    """Return a number of bytes in a readable unit, or ``None`` where it is not known."""
    if number is None:
        return None
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000  # type: ignore[assignment]
    return f"{number:.1f} GB"
