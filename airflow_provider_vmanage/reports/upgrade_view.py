"""The report of an upgrade as its template shows it: facts, counts, devices, and the chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_vmanage.client.health import Finding
from airflow_provider_vmanage.client.urls import masked_url
from airflow_provider_vmanage.reports.chart import Chart, chart_of
from airflow_provider_vmanage.reports.device_lines import (
    DeviceLine,
    WaveLine,
    count_actions,
    device_line,
    text_of,
    wave_lines,
)
from airflow_provider_vmanage.reports.outcome import (
    Outcome,
    Summary,
    common_version,
    count_text,
    ordered_counts,
    outcome_of,
)
from airflow_provider_vmanage.reports.times import Clock, duration_text, moment_text, parse_time

#: pairs of versions that the facts list
_MOST_VERSIONS = 6


@dataclass(frozen=True)
class Fact:
    """A line of the facts.

    :param url: where its value leads, if anywhere.
    """

    name: str
    values: tuple[str, ...]
    url: str = ""


@dataclass(frozen=True)
class UpgradeView:
    """A whole report.

    :param blocked: devices of the plan that could not be in a wave.
    :param unchanged: devices of the plan that needed nothing.
    :param now: the last moment that the report knows of.
    """

    title: str
    summary: Summary
    facts: tuple[Fact, ...]
    devices: tuple[DeviceLine, ...]
    waves: tuple[WaveLine, ...]
    blocked: tuple[DeviceLine, ...]
    unchanged: tuple[DeviceLine, ...]
    warnings: tuple[str, ...]
    clock: Clock
    chart: Chart | None
    day: str
    now: datetime | None

    @property
    def tiles(self) -> list[tuple[int, Outcome]]:
        """Return the numbers under the headline."""
        counted = [(count, outcome_of(action)) for action, count in ordered_counts(self.summary.counts)]
        others = ((len(self.unchanged), "needed no change", "="), (len(self.blocked), "blocked", "⊘"))
        return counted + [(count, Outcome(word, symbol, "other")) for count, word, symbol in others if count]

    @property
    def failures(self) -> list[DeviceLine]:
        """Return devices that failed, were rolled back or whose outcome is unknown."""
        return [one for one in self.devices if one.is_bad]

    @property
    def skipped(self) -> list[DeviceLine]:
        """Return devices that were not begun, or were only prepared."""
        return [one for one in self.devices if one.action in ("skipped", "installed")]

    @property
    def waves_to_come(self) -> list[WaveLine]:
        """Return waves that were not begun."""
        return [wave for wave in self.waves if not wave.begin and wave.number is not None]

    @property
    def remarks(self) -> list[tuple[DeviceLine, Finding]]:
        """Return findings other than ``ok`` on devices that did not fail."""
        return [(one, finding) for one in self.devices if not one.is_bad for finding in one.not_ok]


def view_of(report: Mapping[str, Any]) -> UpgradeView:
    """Return the content of the template; a missing key leaves its place empty."""
    begin, end = parse_time(report.get("started_at")), parse_time(report.get("ended_at"))
    applied, stopped = bool(report.get("applied", True)), report.get("stopped_because")
    is_running = applied and begin is not None and end is None and not stopped
    devices = tuple(device_line(row, is_running=is_running, applied=applied) for row in report.get("devices") or ())
    blocked, unchanged = (
        tuple(device_line(row, action) for row in report.get(action) or ()) for action in ("blocked", "unchanged")
    )
    waves = wave_lines(report.get("waves") or (), devices)
    now, not_after = end or parse_time(report.get("written_at")), parse_time(report.get("not_after"))
    timed: list[DeviceLine | WaveLine] = [*devices, *waves]
    moments = [begin, end, *(moment for one in timed for moment in (one.begin, one.end))]
    clock = Clock.for_moments(moments)
    summary = Summary(
        version=common_version([one.version for one in devices]),
        counts=count_actions(devices, report.get("counts")),
        unchanged=len(unchanged),
        blocked=len(blocked),
        stopped_because=stopped,
        last_wave=max((wave.number or 0 for wave in waves if wave.begin), default=0),
        is_running=is_running,
        applied=applied,
        max_failures=text_of(report.get("max_failures")),
    )
    return UpgradeView(
        title=text_of(report.get("title") or "Upgrade of devices"),
        summary=summary,
        facts=tuple(fact for fact in _facts(report, devices, waves) if fact.values),
        devices=devices,
        waves=waves,
        blocked=blocked,
        unchanged=unchanged,
        warnings=tuple(map(text_of, report.get("warnings") or ())),
        clock=clock,
        chart=chart_of(waves, clock, now=now, not_after=not_after) if applied else None,
        day=_day(moments),
        now=parse_time(report.get("written_at")),
    )


def _facts(report: Mapping[str, Any], devices: Sequence[DeviceLine], waves: Sequence[WaveLine]) -> list[Fact]:
    manager = masked_url(str(report.get("manager") or ""))
    begin, end = parse_time(report.get("started_at")), parse_time(report.get("ended_at"))
    numbered = [wave for wave in waves if wave.number is not None]
    begun = sum(wave.begin is not None for wave in numbered)
    return [
        Fact("Manager", _known(manager), manager if manager.lower().startswith(("https://", "http://")) else ""),
        Fact("Release of the manager", _known(report.get("release"))),
        Fact("Versions", _versions(devices)),
        Fact("Started", (moment_text(begin),) if begin else ()),
        Fact("Ended", (f"{moment_text(end)}, after {duration_text(begin, end)}",) if end else ()),
        Fact("Window ends", _window(parse_time(report.get("not_after")), end)),
        Fact("Approved by", _known(report.get("approved_by")) or ("not recorded",)),
        Fact("Run", _run(report.get("run") or {})),
        Fact("Waves", (f"{begun} of {len(numbered)} begun",) if begun else _known(len(numbered) or None)),
        Fact("Failures allowed", _known(report.get("max_failures"))),
    ]


def _known(value: Any) -> tuple[str, ...]:
    return () if value in (None, "") else (text_of(value),)


def _versions(devices: Sequence[DeviceLine]) -> tuple[str, ...]:
    pairs = Counter((one.from_version, one.version) for one in devices).most_common()
    lines = [f"{old} → {new} ({count_text(count)})" for (old, new), count in pairs[:_MOST_VERSIONS]]
    return (*lines, *([f"and {len(pairs) - _MOST_VERSIONS} more pairs"] if len(pairs) > _MOST_VERSIONS else []))


def _run(run: Mapping[str, Any]) -> tuple[str, ...]:
    parts = [text_of(run[key]) for key in ("dag_id", "run_id", "task_id") if run.get(key)]
    tries = f", try {text_of(run['try_number'])}" if run.get("try_number") is not None else ""
    return (f"{' / '.join(parts)}{tries}",) if parts else ()


def _window(not_after: datetime | None, end: datetime | None) -> tuple[str, ...]:
    if not_after is None:
        return ("no limit was given",)
    if end is None or abs(end - not_after) < timedelta(minutes=1):
        return (moment_text(not_after),)
    relation = "before" if end < not_after else "after"
    spare = duration_text(*sorted((end, not_after)))
    return (f"{moment_text(not_after)}; the run ended {spare} {relation} that",)


def _day(moments: Sequence[datetime | None]) -> str:
    days = sorted({f"{moment:%Y-%m-%d}" for moment in moments if moment})
    return " to ".join(days if len(days) <= 2 else (days[0], days[-1]))
