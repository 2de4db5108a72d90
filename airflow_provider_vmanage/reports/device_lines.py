"""Devices and waves of an upgrade as its report shows them: every value is one line of plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_vmanage.client.health import OK, SO_BEFORE, UNKNOWN, WORSE, Finding
from airflow_provider_vmanage.client.versions import same_version
from airflow_provider_vmanage.reports.outcome import Outcome, count_text, counts_text, outcome_of, settled_action
from airflow_provider_vmanage.reports.text_table import cell
from airflow_provider_vmanage.reports.times import duration_text, parse_time

#: characters of a text, and of one of the manager's lines
_MAX_TEXT = 300

#: lines of the manager that are shown for a device
_MAX_LINES = 12

_ROLES = {"vedge": "edges", "vsmart": "controllers", "vbond": "validators", "vmanage": "managers"}

_VERDICTS = (WORSE, UNKNOWN, SO_BEFORE, OK)


@dataclass(frozen=True)
class Step:
    """A part of the work on one device; ``end`` is ``None`` while it goes on."""

    name: str
    begin: datetime
    end: datetime | None


@dataclass(frozen=True)
class DeviceLine:
    """One device of the report.

    :param action: of the row, settled.
    :param state: what it runs and boots, and whether it is unreachable.
    :param lines: the manager's last.
    :param findings: the worst first.
    """

    name: str
    system_ip: str
    site: str
    wave: int | None
    action: str
    outcome: Outcome
    from_version: str
    version: str
    state: str
    reason: str
    lines: tuple[str, ...]
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    begin: datetime | None
    end: datetime | None

    @property
    def is_bad(self) -> bool:
        """Return whether it failed in some way."""
        return self.outcome.kind == "bad"

    @property
    def is_begun(self) -> bool:
        """Return whether anything was done on it, as far as is known."""
        return bool(self.begin or self.steps) or self.action not in ("skipped", "to_come", "unchanged")

    @property
    def duration(self) -> str:
        """Return how long the work on it took."""
        return duration_text(self.begin, self.end)

    @property
    def not_ok(self) -> tuple[Finding, ...]:
        """Return the findings of its health that are not ``ok``."""
        return tuple(one for one in self.findings if one.verdict != OK)


@dataclass(frozen=True)
class WaveLine:
    """One wave of the report; a wave that was not begun has no moments.

    :param number: ``None`` for devices of no wave.
    :param devices: what failed comes first.
    """

    number: int | None
    role: str
    size: int
    counts: str
    begin: datetime | None
    end: datetime | None
    devices: tuple[DeviceLine, ...]

    @property
    def title(self) -> str:
        """Return its number and size, such as ``Wave 2: 10 edges``."""
        name = "In no wave" if self.number is None else f"Wave {self.number}"
        return f"{name}: {self.size} {self.role}" if self.role else f"{name}: {count_text(self.size)}"

    @property
    def duration(self) -> str:
        """Return how long it took."""
        return duration_text(self.begin, self.end)


def text_of(value: Any) -> str:
    """Return a value as one line of plain text that is not too long."""
    text = cell(value)
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def device_line(
    row: Mapping[str, Any], action: str | None = None, *, is_running: bool = False, applied: bool = True
) -> DeviceLine:
    """Return a row as the report shows it.

    :param row: of a result, or of a plan.
    :param action: for a row of a plan, which has none.
    :param is_running: the upgrade goes on.
    :param applied: false in check mode.
    """
    begin, end = parse_time(row.get("started_at")), parse_time(row.get("ended_at"))
    settled = action or settled_action(
        row.get("action"), was_begun=begin is not None, is_running=is_running, applied=applied
    )
    lines = [one for one in row.get("lines") or (row.get("activity"),) if one]
    wave = row.get("wave")
    return DeviceLine(
        name=text_of(row.get("device") or row.get("system_ip") or row.get("device_id")),
        system_ip=text_of(row.get("system_ip")),
        site=text_of(row.get("site_id")),
        wave=wave if isinstance(wave, int) else None,
        action=settled,
        outcome=outcome_of(settled),
        from_version=text_of(row.get("from_version")),
        version=text_of(row.get("version")),
        state=_state(row),
        reason=text_of(row["reason"]) if row.get("reason") else "",
        lines=tuple(map(text_of, lines[-_MAX_LINES:])),
        findings=_findings(row.get("findings") or ()),
        steps=_steps(row.get("steps") or ()),
        begin=begin,
        end=end,
    )


def wave_lines(waves: Iterable[Mapping[str, Any]], devices: Sequence[DeviceLine]) -> tuple[WaveLine, ...]:
    """Return the waves in their order, with their devices; those that the report does not list come from its rows."""
    listed = {wave.get("wave"): wave for wave in waves}
    members: dict[int | None, list[DeviceLine]] = {number: [] for number in listed if isinstance(number, int)}
    for device in devices:
        members.setdefault(device.wave, []).append(device)
    numbers = sorted(members, key=lambda number: (number is None, number or 0))
    return tuple(_wave_line(number, listed.get(number, {}), members[number]) for number in numbers)


def count_actions(devices: Sequence[DeviceLine], given: Any) -> dict[str, int]:
    """Return the devices by action; the counts of the report are only used where it has no rows."""
    if devices:
        return dict(Counter(one.action for one in devices))
    pairs = given.items() if isinstance(given, Mapping) else ()
    return {str(action): count for action, count in pairs if isinstance(count, int)}


def _wave_line(number: int | None, wave: Mapping[str, Any], devices: list[DeviceLine]) -> WaveLine:
    size = len(devices) or wave.get("devices")
    ends = [one.end for one in devices if one.begin]
    end = parse_time(wave.get("ended_at"))
    if end is None and wave.get("started_at") is None and None not in ends:
        end = max((moment for moment in ends if moment), default=None)
    return WaveLine(
        number=number,
        role=_ROLES.get(str(wave.get("role")), "") if size != 1 else "",
        size=size if isinstance(size, int) else 0,
        counts=counts_text(count_actions(devices, wave.get("counts"))),
        begin=parse_time(wave.get("started_at")) or min((one.begin for one in devices if one.begin), default=None),
        end=end,
        devices=tuple(sorted(devices, key=lambda one: not one.is_bad)),
    )


def _state(row: Mapping[str, Any]) -> str:
    running, default, wanted = row.get("running"), row.get("default"), row.get("version")
    parts = [f"runs {text_of(running)}" if running else "running version unknown"]
    if default and not (running and same_version(str(running), str(default))):
        parts.append(f"boots {text_of(default)}")
    if row.get("reachable") is False:
        parts.append("unreachable")
    is_wanted = running and wanted and same_version(str(running), str(wanted))
    return "as planned" if is_wanted and default and len(parts) == 1 else ", ".join(parts)


def _findings(findings: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    known = [Finding(*(text_of(one.get(key)) for key in ("check", "verdict", "before", "after"))) for one in findings]
    return tuple(sorted(known, key=lambda one: _VERDICTS.index(one.verdict) if one.verdict in _VERDICTS else 0))


def _steps(steps: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    read = [(text_of(one.get("step")), parse_time(one.get("started_at")), one.get("ended_at")) for one in steps]
    return tuple(Step(name, begin, parse_time(end)) for name, begin, end in read if begin)
