"""The report of an upgrade of a fleet: a page for a change board, and a short text for chat."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from airflow_provider_vmanage.reports.device_lines import DeviceLine
from airflow_provider_vmanage.reports.text_table import markdown_cell
from airflow_provider_vmanage.reports.upgrade_view import UpgradeView, view_of

#: characters of the text for chat
MAX_MARKDOWN = 3000

#: failed devices that the page shows in full; the others with their reason and the manager's last line
_FULL_FAILURES = 100

#: rows of a table that is open when the page is
_OPEN_ROWS = 60

#: findings that are listed for devices that did not fail
_MOST_REMARKS = 200

#: characters of a failed device in the text for chat
_MAX_FAILURE = 250


def render_html(report: Mapping[str, Any]) -> str:
    """Return the report as one HTML page that loads nothing.

    Every text is escaped. Counts come from ``devices``; ``counts`` is only used where there are no rows.

    :param report: plain JSON: ``title``, ``manager``, ``release``, ``run`` (``dag_id``, ``run_id``, ``task_id``,
        ``try_number``), ``approved_by``, ``started_at``, ``ended_at`` (``None`` while the upgrade goes on),
        ``not_after``, ``written_at``, ``stopped_because``, ``max_failures``, ``applied``, ``counts``; ``waves``;
        ``devices``: rows of a result, each with ``lines``, ``findings`` and ``steps``; ``blocked`` and ``unchanged``:
        rows of a plan; ``warnings``. Times are ISO 8601. Any key may be missing.
    """
    view = view_of(report)
    return _template().render(
        view=view,
        summary=view.summary,
        chart=view.chart,
        clock=view.clock,
        full_failures=_FULL_FAILURES,
        open_rows=_OPEN_ROWS,
        most_remarks=_MOST_REMARKS,
    )


def render_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown for a chat or a notification, at most 3,000 characters.

    :param report: as for :func:`render_html`.
    """
    view = view_of(report)
    badge, _ = view.summary.badge()
    head = [f"**{markdown_cell(view.title)}: {markdown_cell(badge)}**", markdown_cell(view.summary.sentence())]
    if remark := view.summary.remark():
        head.append(markdown_cell(remark))
    tail = [
        f"{name}: {markdown_cell('; '.join(fact.values))}"
        for fact in view.facts
        if (name := fact.name) in ("Manager", "Approved by", "Run", "Started", "Ended", "Window ends")
    ]
    return _fitted(view, "\n\n".join(head), "  \n".join(tail))


def _fitted(view: UpgradeView, head: str, tail: str) -> str:
    """Return the text with as many failures as it has room for."""
    lines = [_failure_line(one) for one in view.failures]
    room = MAX_MARKDOWN - len(head) - len(tail) - len("\n\n\n\n- and 1000000 more failures")
    shown = 0
    while shown < len(lines) and room >= len(lines[shown]) + 1:
        room -= len(lines[shown]) + 1
        shown += 1
    more = [f"- and {len(lines) - shown} more"] if shown < len(lines) else []
    text = "\n\n".join(part for part in (head, "\n".join(lines[:shown] + more), tail) if part)
    return text if len(text) <= MAX_MARKDOWN else f"{text[: MAX_MARKDOWN - 1]}…"


def _failure_line(device: DeviceLine) -> str:
    wave = f", wave {device.wave}" if device.wave is not None else ""
    words = f"{device.name} (site {device.site}{wave}) {device.outcome.word}: {device.reason or 'no reason is known'}"
    return f"- {markdown_cell(words[:_MAX_FAILURE])}"


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("upgrade_report.html")
