"""An action on devices under way: what was decided and sent, as plain values that survive a deferral, and its rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target
from airflow_provider_vmanage.client.device_actions.compressed import compress_json
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.notes import now_text
from airflow_provider_vmanage.client.device_actions.task_status import Verdict
from airflow_provider_vmanage.client.devices import Device

#: characters of a reason, and of the manager's words, that a row holds
MAX_WORDS = 200

#: bytes of a row as JSON
MAX_ROW_BYTES = 800

_ACTIONS = {
    ActionKind.INSTALL: "installed",
    ActionKind.ACTIVATE: "activated",
    ActionKind.SET_DEFAULT: "default_set",
    ActionKind.REMOVE: "removed",
}

#: what is no change of a device
_NO_CHANGE = ("unchanged", "failed", "skipped")


@dataclass(frozen=True)
class DeviceWork:
    """One device of an action, with its outcome.

    :param versions: that the action is about.
    :param target: how requests name the device.
    :param action: word of the row; ``pending`` while the manager works on it.
    :param from_version: version that ran before.
    :param reason: why the device failed or was skipped, or a remark on a success.
    :param activity: the manager's last line.
    :param process_id: task of the manager.
    :param started_at: ISO 8601, UTC; when the action was sent or taken over.
    :param ended_at: likewise; when the verdict was given.
    :param is_listed: whether the last list call showed the device.
    """

    device: Device
    versions: tuple[str, ...]
    target: Target
    action: str = "pending"
    from_version: str | None = None
    reason: str | None = None
    activity: str | None = None
    process_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    is_listed: bool = True

    def end(self, action: str, reason: str | None = None, activity: str | None = None) -> DeviceWork:
        """Return the work with its outcome."""
        return replace(
            self,
            action=action,
            reason=_cut(reason),
            activity=_cut(activity) or self.activity,
            ended_at=now_text(),
        )

    def as_row(self, *, applied: bool) -> dict[str, Any]:
        """Return the flat row of plain JSON types, with the same keys for every action; at most 800 bytes as JSON."""
        row = {
            "device": self.device.name,
            "device_id": self.device.device_id,
            "system_ip": self.device.system_ip,
            "site_id": self.device.site_id,
            "role": self.device.role,
            "platform_family": self.device.platform_family,
            "action": self.action,
            "changed": self.action not in _NO_CHANGE,
            "from_version": self.from_version,
            "version": " ".join(self.versions),
            "running": self.device.running,
            "default": self.device.default,
            "available": list(self.device.available),
            "reachable": self.device.reachable,
            "reason": self.reason,
            "activity": self.activity,
            "process_id": self.process_id,
            "wave": None,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "applied": applied,
        }
        return fitted_row(row)


@dataclass(frozen=True)
class Job:
    """A task of the manager that is waited for.

    :param process_id: its id.
    :param device_ids: those of its devices that the action is about.
    :param refusals: how often in a row the manager refused to report on it.
    :param verdicts: by device id, once the task has ended.
    """

    process_id: str
    device_ids: tuple[str, ...]
    refusals: int = 0
    verdicts: Mapping[str, Verdict] | None = None


@dataclass(frozen=True)
class ActionState:
    """An action between its steps.

    :param request: what was asked for.
    :param works: one for each device.
    :param jobs: tasks of the manager.
    :param is_final: a request failed in a way that rules out a retry.
    :param applied: false in check mode.
    """

    request: ActionRequest
    works: tuple[DeviceWork, ...]
    jobs: tuple[Job, ...] = ()
    is_final: bool = False
    applied: bool = True

    @property
    def is_pending(self) -> bool:
        """Return whether a device has no outcome yet."""
        return any(work.action == "pending" for work in self.works)

    @property
    def has_ended(self) -> bool:
        """Return whether no task of the manager has to be waited for any more."""
        return not self.running_ids

    @property
    def running_ids(self) -> list[str]:
        """Return the ids of the manager's tasks that have no verdict yet; check mode waits for none."""
        return [job.process_id for job in self.jobs if job.verdicts is None and self.applied]

    @property
    def is_undecided(self) -> bool:
        """Return whether a device has failed only since its task has given no verdict in time."""
        open_ids = {device_id for job in self.jobs if job.verdicts is None for device_id in job.device_ids}
        return any(work.action == "failed" and work.device.device_id in open_ids for work in self.works)

    def awaited_versions(self) -> dict[str, Any]:
        """Return the arguments of a wait for the devices that have no outcome yet."""
        pending = [work for work in self.works if work.action == "pending"]
        return {
            "device_ids": compress_json({work.target.device_id: work.versions[0] for work in pending}),
            "device_types": sorted({work.device.device_type or "vedge" for work in pending}),
        }

    def targets_of(self, job: Job) -> list[Target]:
        """Return the devices of a task."""
        ours = frozenset(job.device_ids)
        return [work.target for work in self.works if work.device.device_id in ours]

    def with_job(self, job: Job) -> ActionState:
        """Return the state with a task in place of an earlier one of the same id, or added."""
        others = [one for one in self.jobs if one.process_id != job.process_id]
        ours = frozenset(job.device_ids)
        works = [
            replace(work, process_id=job.process_id, started_at=work.started_at or now_text())
            if work.device.device_id in ours
            else work
            for work in self.works
        ]
        return replace(self, jobs=(*others, job), works=tuple(works))

    def without_reports(self, process_ids: Collection[str]) -> ActionState:
        """Return the state in which the devices alone decide about these tasks: the manager does not report on them."""
        jobs = [replace(job, verdicts={}) if job.process_id in process_ids else job for job in self.jobs]
        return replace(self, jobs=tuple(jobs))

    def verdict_for(self, device_id: str) -> Verdict | None:
        """Return the manager's verdict on a device, if a task has given one."""
        for job in self.jobs:
            if job.verdicts is not None and (device_id in job.verdicts or device_id in job.device_ids):
                return job.verdicts.get(device_id)
        return None

    def as_result(self) -> dict[str, Any]:
        """Return the result of an operator: one row per device, counts and task ids."""
        rows = [work.as_row(applied=self.applied) for work in self.works]
        counts = Counter(row["action"] for row in rows)
        changed = any(row["changed"] for row in rows)
        return {
            "action": done_word(self.request) if changed else "failed" if counts["failed"] else "unchanged",
            "changed": changed,
            "version": _common_version(self.works),
            "devices": rows,
            "counts": dict(counts),
            "tasks": [job.process_id for job in self.jobs],
            "applied": self.applied,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the state as plain JSON types, for a trigger's arguments."""
        return {**asdict(self), "request": {**asdict(self.request), "kind": self.request.kind.name}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ActionState:
        """Return the state that :meth:`as_json` has written."""
        request = ActionRequest(**{**value["request"], "kind": ActionKind[value["request"]["kind"]]})
        return cls(
            request=request,
            works=tuple(_work(one) for one in value["works"]),
            jobs=tuple(_job(one) for one in value["jobs"]),
            is_final=value["is_final"],
            applied=value["applied"],
        )


def done_word(request: ActionRequest) -> str:
    """Return the word of a row for a device on which the action was done."""
    return _ACTIONS[ActionKind.ACTIVATE if request.reboots else request.kind]


def _common_version(works: Sequence[DeviceWork]) -> str | None:
    versions = {" ".join(work.versions) for work in works}
    return versions.pop() if len(versions) == 1 else None


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_WORDS else f"{text[: MAX_WORDS - 1]}…"


def fitted_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with texts cut until it fits: the manager's words first, then the reason, then versions."""
    for name in ("activity", "reason", "available"):
        while (excess := len(json.dumps(row)) - MAX_ROW_BYTES) > 0 and row[name]:
            row[name] = _shorter(row[name], excess)
    return row


def _shorter(value: Any, excess: int) -> Any:
    if isinstance(value, list):
        return value[:-1]
    text = value.removesuffix("…")
    left = len(text) - max(1, excess // 12)  # a character takes twelve bytes at most
    return f"{text[:left]}…" if left > 0 else None


def _work(value: Mapping[str, Any]) -> DeviceWork:
    known = value["device"]
    device = Device(**{**known, **{name: tuple(known[name]) for name in ("available", "unreadable")}})
    fields = {**value, "device": device, "versions": tuple(value["versions"]), "target": Target(**value["target"])}
    return DeviceWork(**fields)


def _job(value: Mapping[str, Any]) -> Job:
    verdicts = value["verdicts"]
    known = None if verdicts is None else {key: Verdict(**one) for key, one in verdicts.items()}
    return Job(value["process_id"], tuple(value["device_ids"]), value["refusals"], known)
