"""A plan of an upgrade for the person who approves it: a Markdown page, and the lines of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_vmanage.reports.text_table import count_of, markdown_cell

#: rows that the page shows of a wave, and of what is blocked
ROWS_SHOWN = 20

#: waves that the page shows with their devices
WAVES_SHOWN = 10

#: columns of the log's table: the key of the row
LOG_COLUMNS = ("wave", "device", "site_id", "role", "from_version", "version", "step", "reason")

_STEPS = "*install+activate* and *activate* reboot a device, *set\\_default* does not."
_WAVE = {"device": "device", "site": "site_id", "running": "from_version", "wanted": "version", "step": "step"}
_BLOCKED = {**dict(list(_WAVE.items())[:-1]), "reason": "reason"}


def count_plan(plan: Mapping[str, Any]) -> str:
    """Return the summary of a plan: ``7 devices in 3 waves, 2 unchanged, 1 blocked``."""
    devices = sum(map(len, plan["waves"]))
    waves = f" in {count_of(len(plan['waves']), 'wave')}" if devices else ""
    return f"{count_of(devices, 'device')}{waves}, {len(plan['unchanged'])} unchanged, {len(plan['blocked'])} blocked"


def plan_rows(plan: Mapping[str, Any]) -> list[list[Any]]:
    """Return the rows of :data:`LOG_COLUMNS`: what is blocked, and then the waves."""
    rows = [*plan["blocked"], *(row for wave in plan["waves"] for row in wave)]
    return [[row[name] for name in LOG_COLUMNS] for row in rows]


def render_upgrade_plan(plan: Mapping[str, Any]) -> str:
    """Return a plan as a Markdown page of bounded length; what others named is escaped.

    :param plan: of :func:`.plan_result`.
    """
    warnings = [*plan["warnings"], *(f"the health is not known in full: {text}" for text in plan["baseline_problems"])]
    parts = [
        f"**Manager:** {markdown_cell(plan['manager'])}, release {markdown_cell(plan['release'])}",
        f"**{count_plan(plan)}**" + (f". {_STEPS}" if plan["waves"] else ""),
        "\n".join(f"- **Warning:** {markdown_cell(text)}" for text in warnings),
        *_waves(plan["waves"]),
        *_blocked(plan["blocked"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _waves(waves: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    parts = []
    for number, wave in enumerate(waves[:WAVES_SHOWN], start=1):
        role = markdown_cell(wave[0]["role"])
        title = f"**Wave {number} of {len(waves)}**: {count_of(len(wave), 'device')}, role {role}"
        parts += [title, _table(_WAVE, wave)]
    rest = waves[WAVES_SHOWN:]
    if rest:
        devices = count_of(sum(map(len, rest)), "device")
        parts.append(f"and {count_of(len(rest), 'more wave')} with {devices}: see the result of the task")
    return parts


def _blocked(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"**Blocked**, not changed: {count_of(len(rows), 'device')}", _table(_BLOCKED, rows)] if rows else []


def _table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(markdown_cell(row[key]) for key in columns.values()) for row in rows[:ROWS_SHOWN]]
    table = "\n".join(f"| {line} |" for line in lines)
    return table + (f"\n\nand {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else "")
