"""Checks that every list of the manager shares: its envelope, the types of its fields, unknown fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_vmanage.client.assumptions.fields import Fields, odd_types, unknown_fields
from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import Check, Table


def add_list(
    table: Table,
    name: str,
    responses: tuple[str, ...],
    fields: Fields,
    *,
    what: str,
    mark: str,
    source: str,
    broken: str,
    key: str = "data",
    absent: Callable[[Seen], str] = lambda _: "",
) -> None:
    """Add the three assumptions about a list.

    :param name: beginning of their ids.
    :param responses: names of the responses that are such lists.
    :param what: the list, for the sentences.
    :param broken: what the code does if the list has another shape.
    :param key: member of the response that holds the rows.
    :param absent: returns why the release has no such list; empty if it should have one.
    """

    def envelope(seen: Seen) -> str | None:
        if reason := absent(seen):
            raise Unseen(reason)
        problems = (_no_list(seen, one, key) for one in responses)
        return "; ".join(problem for problem in problems if problem)

    def types(seen: Seen) -> str | None:
        return odd_types(all_rows(seen, responses, key), fields)

    def unknown(seen: Seen) -> str | None:
        return unknown_fields(all_rows(seen, responses, key), fields)

    def add(end: str, sentence: str, mark: str, otherwise: str, check: Check) -> None:
        check.__name__, check.__doc__ = f"{name}_{end}", sentence
        table.add(mark, source, otherwise=otherwise)(check)

    kept = "Text and numbers are read as each other; a record that cannot be read is kept, and matches nothing."
    add("are_a_list", f"{what} is 200 and a list of objects in {key}.", mark, broken, envelope)
    add("have_known_types", f"{what}: the fields of every record have the documented types.", mark, kept, types)
    add("have_known_fields", f"{what}: no record has other fields.", "I", "Unknown fields are ignored.", unknown)


def all_rows(seen: Seen, responses: tuple[str, ...], key: str = "data") -> list[dict[str, Any]]:
    """Return the rows of several lists, without responses that are no list: another check reports those.

    :raises Unseen: no list has any row.
    """
    rows: list[dict[str, Any]] = []
    problems = []
    for one in responses:
        try:
            rows += seen.rows(one, key)
        except Unseen as err:
            problems.append(str(err))
    if not rows:
        raise Unseen("; ".join(problems) or f"{seen.ok(responses[0]).label}: the list is empty")
    return rows


def _no_list(seen: Seen, name: str, key: str) -> str | None:
    found = seen.response(name)
    rows = found.body.get(key) if isinstance(found.body, dict) else None
    if found.status == 200 and isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return None
    return f"{found.label}: {found.kind if found.status != 200 or rows is None else f'{key} is not a list of objects'}"
