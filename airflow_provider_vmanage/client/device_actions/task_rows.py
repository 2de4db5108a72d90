"""The rows of a task that has ended, by the manager's words alone. Pure: nothing is read or sent here."""

from __future__ import annotations

from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import Target
from airflow_provider_vmanage.client.device_actions.task_status import TaskStatus, verdict_of
from airflow_provider_vmanage.client.errors import VManagePartialError


def rows_of(status: TaskStatus, process_id: str) -> list[dict[str, Any]]:
    """Return a row for each device of a task.

    :raises VManagePartialError: a device is no success, the validation failed, or there is no device at all. Final: a
        person has to check first.
    """
    rows = []
    for row in status.rows:
        target = Target(row.device_id or "", row.ips[0] if row.ips else "")
        verdict = verdict_of(status, target)
        rows.append(
            {
                "device_id": row.device_id,
                "system_ip": target.ip or None,
                "succeeded": verdict.succeeded,
                "reason": verdict.reason or None,
                "activity": verdict.activity,
                "process_id": process_id,
            }
        )
    failed = [row for row in rows if not row["succeeded"]]
    if failed or not rows:
        shown = "; ".join(f"{row['device_id'] or row['system_ip']}: {row['reason']}" for row in failed[:10])
        why = shown or status.failed_validation or "the manager reports no device"
        raise VManagePartialError(
            f"Task {process_id} has failed on {len(failed)} of {len(rows)} devices: {why}",
            done=[row for row in rows if row["succeeded"]],
        )
    return rows
