"""An invented upgrade of a simulated fleet, as its report is written: for the picture in the docs, and for tests."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import Target
from airflow_provider_vmanage.client.device_actions.state import DeviceWork
from airflow_provider_vmanage.client.devices import Device, parse_device
from airflow_provider_vmanage.client.upgrade.plan import PlannedDevice
from airflow_provider_vmanage.client.upgrade.waves import make_waves, parse_wave_sizes
from airflow_provider_vmanage.simulator.devices.fleet import add_fleet
from airflow_provider_vmanage.simulator.devices.store import DeviceStore

VERSION = "17.12.04.0.6740"
BEGIN = datetime(2026, 11, 26, 1, 0, tzinfo=timezone.utc)
IMAGE = "c8000v-universalk9.17.12.04.SPA.bin"

#: by kind of failure: reason, last lines of the manager, findings that are worse
FAILURES: dict[str, tuple[str, list[str], list[tuple[str, str, str]]]] = {
    "download": (
        f"Failed to download {IMAGE}",
        ["Device: Connection to the image server lost", f"Failed to download {IMAGE}"],
        [],
    ),
    "health": (
        "bfd worse: 8 before, 3 now; colour worse: biz-internet 4 before, biz-internet 0 now",
        ["vManage: Sending upgrade-confirm to device", "Operation status verification done."],
        [("bfd", "8", "3"), ("colour", "biz-internet 4", "biz-internet 0")],
    ),
    "lost": (
        "Device did not come back within 30 minutes",
        [
            "Rebooting device to other partition. Device may take up to 30 minutes before it comes online",
            "(60/60) Operation status being verified by vManage",
            "Device did not come back within 30 minutes",
        ],
        [("reachable", "yes", "no")],
    ),
}
_CHECKS = (("reachable", "yes"), ("control", "3 of 3"), ("omp", "2"), ("bfd", "8"), ("certificate", "Valid"))


def sample_report(
    count: int = 24,
    *,
    failures: Mapping[int, str] | None = None,
    waves_begun: int | None = None,
    wave_sizes: Sequence[Any] = (1, "25%", "50%"),
    rollback: bool = True,
    **fields: Any,
) -> dict[str, Any]:
    """Return a report; the same arguments make the same one.

    :param count: devices of the fleet.
    :param failures: by number of the device in the order of the waves: a key of ``FAILURES``.
    :param waves_begun: how many waves; the devices of the others are skipped. ``None`` is all.
    :param rollback: a device whose health failed is rolled back.
    :param fields: of the report, in place of the invented ones.
    """
    devices = _fleet(count)
    planned = [one for one in devices if one.role == "vedge" and one.platform_family != "vedge-x86"]
    blocked = [one for one in devices if one.platform_family == "vedge-x86" and one.role == "vedge"]
    story = _Story(dict(failures or {}), rollback)
    waves, rows, begin = [], [], BEGIN
    for number, wave in enumerate(make_waves(planned, parse_wave_sizes(wave_sizes)), start=1):
        begun = waves_begun is None or number <= waves_begun
        new = [story.row(device, number, begin if begun else None) for device in wave]
        ended = max((row["ended_at"] for row in new if row["ended_at"]), default=None)
        moments = {"started_at": begin.isoformat() if begun else None, "ended_at": ended}
        counts = dict(Counter(row["action"] for row in new))
        waves.append({"wave": number, "role": "vedge", "devices": len(new), **moments, "counts": counts})
        rows += new
        begin = datetime.fromisoformat(ended) + timedelta(minutes=2) if ended else begin
    why = f"the repository has no image of {VERSION} for vedge-x86"
    return {
        "title": f"Upgrade to {VERSION}",
        "manager": "https://vmanage.example.com",
        "release": "20.12.4",
        "run": {
            "dag_id": "upgrade_devices",
            "run_id": "manual__2026-11-26T00:45:00+00:00",
            "task_id": "upgrade",
            "try_number": 1,
        },
        "approved_by": "n.okafor, 2026-11-25 16:10 UTC",
        "started_at": BEGIN.isoformat(),
        "ended_at": begin.isoformat(),
        "not_after": (BEGIN + timedelta(hours=2)).isoformat(),
        "written_at": begin.isoformat(),
        "stopped_because": None if waves_begun is None else "window",
        "max_failures": "10%",
        "applied": True,
        "counts": dict(Counter(row["action"] for row in rows)),
        "waves": waves,
        "devices": rows,
        "blocked": [PlannedDevice(one, VERSION, reason=why).as_row() for one in blocked],
        "unchanged": [],
        "warnings": [],
        **fields,
    }


def _fleet(count: int) -> list[Device]:
    store = DeviceStore("20.12.4")
    add_fleet(store, count)
    return [parse_device(device.record) for device in store.all]


class _Story:
    """What happens to each device.

    :param failures: by number of the device.
    """

    def __init__(self, failures: Mapping[int, str], rollback: bool) -> None:
        self.failures, self.rollback, self.count = failures, rollback, 0
        self.random = random.Random(VERSION)  # noqa: S311 - the same report every time

    def row(self, device: Device, wave: int, begin: datetime | None) -> dict[str, Any]:
        kind = self.failures.get(self.count, "")
        self.count += 1
        work = DeviceWork(device, (VERSION,), Target(device.device_id or "", ""), from_version=device.running)
        if begin is None:
            skipped = replace(work, action="skipped", reason="the wave could not end within the window")
            return {**skipped.as_row(applied=True), "wave": wave, "lines": [], "findings": [], "steps": []}
        steps = self._steps(kind, begin)
        reason, lines, worse = FAILURES[kind] if kind else (None, ["Operation status verification done."], [])
        action = {"": "upgraded", "health": "rolled_back"}.get(kind, "failed") if self.rollback else "failed"
        new = device.running if action == "rolled_back" or kind == "download" else VERSION
        after = replace(
            device,
            running=None if kind == "lost" else new,
            default=device.running if kind else VERSION,
            reachable=kind != "lost",
        )
        end = datetime.fromisoformat(steps[-1]["ended_at"])
        done = replace(work, device=after, action=action, reason=reason, activity=_line(end, lines[-1]))
        times = {"started_at": begin.isoformat(), "ended_at": end.isoformat(), "process_id": f"software_install-{wave}"}
        activity = [_line(end - timedelta(seconds=20 * back), one) for back, one in enumerate(reversed(lines))]
        row = {**done.as_row(applied=True), **times, "wave": wave, "lines": activity[::-1], "steps": steps}
        return {**row, "findings": [] if kind == "download" else _findings(worse)}

    def _steps(self, kind: str, begin: datetime) -> list[dict[str, Any]]:
        lengths = [("install", 4.5, 1.5), ("activate", 9.0, 3.0), ("health", 2.0, 1.5), ("set_default", 0.6, 0.4)]
        if kind == "download":
            lengths = [("install", 3.0, 1.0)]
        elif kind == "lost":
            lengths[1:] = [("activate", 30.0, 1.0)]
        elif kind == "health":
            lengths[2:] = [("health", 12.0, 2.0), *([("roll_back", 10.0, 2.0)] if self.rollback else [])]
        steps = []
        for name, shortest, more in lengths:
            end = begin + timedelta(seconds=round(60 * (shortest + more * self.random.random())))
            steps.append({"step": name, "started_at": begin.isoformat(), "ended_at": end.isoformat()})
            begin = end
        return steps


def _findings(worse: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    found = [{"check": one, "verdict": "worse", "before": old, "after": new} for one, old, new in worse]
    if any(one == "reachable" for one, _, _ in worse):
        return found
    known = {one for one, _, _ in worse}
    return found + [
        {"check": one, "verdict": "ok", "before": value, "after": value} for one, value in _CHECKS if one not in known
    ]


def _line(moment: datetime, text: str) -> str:
    return f"[{moment:%d-%b-%Y %H:%M:%S} UTC] {text}"
