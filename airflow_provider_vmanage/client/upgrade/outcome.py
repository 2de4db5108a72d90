"""The rows and the result of an upgrade, and what its report is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from airflow_provider_vmanage.client.device_actions.state import fitted_row
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManagePartialError
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import FAILURES, DeviceProgress, UpgradeState
from airflow_provider_vmanage.client.versions import same_version

#: what ends a device as the plan wants it
AS_PLANNED = ("upgraded", "default_set", "unchanged")

_NO_CHANGE = ("unchanged", "failed", "skipped", "pending")

#: why an upgrade has stopped, in the words of an error
_STOPPED = {
    "failures": " (stopped: more have failed than max_failures allows)",
    "window": " (stopped: the next wave could not end by not_after)",
    "killed": " (stopped: the task was killed)",
}


@dataclass(frozen=True)
class UpgradeOutcome:
    """An upgrade that has ended, or goes on.

    :param devices: as last listed, by device id; empty where they could not be listed.
    :param applied: false in check mode.
    """

    plan: PlannedUpgrade
    policy: UpgradePolicy
    state: UpgradeState
    devices: Mapping[str | None, Device]
    applied: bool = True

    @property
    def is_as_planned(self) -> bool:
        """Return whether every device is as the plan wants it."""
        return not self.state.stopped_because and all(self.state.of(row).action in AS_PLANNED for row in self.plan.rows)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row for each device of the waves; at most 800 bytes each as JSON."""
        return list(self._rows)

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return [self._row(row) for row in self.plan.rows]

    def as_result(self) -> dict[str, Any]:
        """Return the result of the operator."""
        rows = self.rows()
        changed = any(row["changed"] for row in rows)
        versions = {row.version for row in self.plan.rows}
        tasks = dict.fromkeys(row["process_id"] for row in rows if row["process_id"])
        return {
            "action": "upgraded" if changed else "unchanged" if self.is_as_planned else "failed",
            "changed": changed,
            "version": versions.pop() if len(versions) == 1 else None,
            "devices": rows,
            "counts": dict(Counter(row["action"] for row in rows)),
            "tasks": list(tasks),
            "applied": self.applied,
            "waves": self.waves(),
            "stopped_because": self.state.stopped_because,
        }

    def waves(self) -> list[dict[str, Any]]:
        """Return a row for each wave, also for those that have not begun."""
        begun = dict(enumerate(self.state.waves))
        return [
            {
                "wave": number + 1,
                "role": rows[0].role if rows else None,
                "devices": len(rows),
                "started_at": moment(begun[number].started_at) if number in begun else None,
                "ended_at": moment(begun[number].ended_at) if number in begun else None,
                "counts": self.state.counts(rows),
            }
            for number, rows in enumerate(self.plan.waves)
        ]

    def report(self, **more: Any) -> dict[str, Any]:
        """Return the input of :func:`~airflow_provider_vmanage.reports.upgrade_report.render_html`.

        :param more: what the Airflow side knows: ``run``, ``approved_by``, ``written_at``, ``max_failures``.
        """
        result = self.as_result()
        details = [self._details(self.state.of(row)) for row in self.plan.rows]
        return {
            "title": f"Upgrade to {result['version'] or 'several versions'}",
            "manager": self.plan.manager,
            "release": self.plan.release,
            "started_at": moment(self.state.started_at),
            "ended_at": None,
            "not_after": moment(self.policy.not_after),
            "stopped_because": result["stopped_because"],
            "applied": self.applied,
            "counts": result["counts"],
            "waves": result["waves"],
            "devices": [{**row, **extra} for row, extra in zip(result["devices"], details, strict=True)],
            "blocked": list(self.plan.blocked),
            "unchanged": list(self.plan.unchanged),
            "warnings": list(self.state.warnings),
            **more,
        }

    def raise_unless_done(self) -> None:
        """Raise unless every device is as planned, or failures within the budget were accepted.

        :raises VManagePartialError: final: a person decides what comes next.
        """
        if self.is_as_planned or (self.policy.accept_failures and not self.state.stopped_because):
            return
        rows = self.rows()
        failed = [row for row in rows if row["action"] in FAILURES]
        left = [row["device"] for row in rows if row["action"] not in (*FAILURES, *AS_PLANNED)]
        shown = "; ".join(f"{row['device']}: {row['reason']}" for row in failed[:10])
        more = f"; and {len(failed) - 10} more" if len(failed) > 10 else ""
        stopped = _STOPPED.get(self.state.stopped_because or "", "")
        raise VManagePartialError(
            f"{len(failed)} of {len(rows)} devices failed, {len(left)} were not upgraded{stopped}"
            + (f": {shown}{more}" if failed else ""),
            done=rows,
            failed=failed[0]["device"] if failed else left[0] if left else "",
            left=left,
            retryable=False,
        )

    def _row(self, row: PlannedRow) -> dict[str, Any]:
        one = self.state.of(row)
        device = self.devices.get(row.device_id)
        times = list(one.times.values())
        started = min((at[0] for at in times), default=None)
        ended = max((at[1] for at in times if at[1] is not None), default=None)
        return fitted_row(
            {
                "device": row.device,
                "device_id": row.device_id,
                "system_ip": row.system_ip,
                "site_id": row.site_id,
                "role": row.role,
                "platform_family": row.platform_family,
                "action": one.action,
                "changed": one.action not in _NO_CHANGE,
                "from_version": row.from_version,
                "version": row.version,
                "running": device and device.running,
                "default": device and device.default,
                "available": list(device.available) if device else [],
                "reachable": device and device.reachable,
                "reason": one.reason,
                "activity": one.activity,
                "process_id": one.process_id,
                "wave": row.wave,
                "started_at": moment(started),
                "ended_at": moment(ended) if one.action != "pending" else None,
                "applied": self.applied,
            }
        )

    @staticmethod
    def _details(one: DeviceProgress) -> dict[str, Any]:
        names = ("check", "verdict", "before", "after")
        return {
            "lines": [one.activity] if one.activity else [],
            "findings": [dict(zip(names, found, strict=True)) for found in one.findings],
            "steps": [
                {"step": step, "started_at": moment(at[0]), "ended_at": moment(at[1])} for step, at in one.times.items()
            ],
        }


def would_be(
    plan: PlannedUpgrade, policy: UpgradePolicy, state: UpgradeState, devices: Mapping[str | None, Device]
) -> UpgradeState:
    """Return the state that an upgrade without failures would end in, for check mode.

    :param devices: as listed now, by id.
    """
    for row in plan.rows:
        device = devices.get(row.device_id)
        boots = device is not None and device.default is not None and same_version(device.default, row.version)
        if row.device_id not in state.found:
            word = "upgraded"
        else:
            word = "default_set" if policy.set_default and not boots else "unchanged"
        state = state.end([row], word, None)
    return state.go("ended")


def moment(seconds: float | None) -> str | None:
    """Return a time in seconds since 1970 as ISO 8601 in UTC, to the second."""
    return None if seconds is None else datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()
