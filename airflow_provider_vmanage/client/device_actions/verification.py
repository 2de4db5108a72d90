"""The outcome on each device: its own versions decide, the manager's verdict only explains."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState, DeviceWork, done_word
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManagePartialError

log = logging.getLogger(__name__)


def judge(state: ActionState, current: Mapping[str | None, Device]) -> ActionState:
    """Return the state with an outcome for each device that has one by now.

    :param current: the devices as listed now, by id; nothing where they cannot be listed.
    """
    works = []
    for work in state.works:
        if work.action == "pending":
            device = current.get(work.device.device_id)
            work = replace(work, is_listed=device is not None)
            work = _judged(replace(work, device=device), state) if device is not None else work
        works.append(work)
    return replace(state, works=tuple(works))


def judge_at_end(state: ActionState) -> ActionState:
    """Return the state in which every device that has no outcome yet has failed."""
    works = [_failed_in_time(work, state) if work.action == "pending" else work for work in state.works]
    return replace(state, works=tuple(works))


def raise_unless_done(state: ActionState) -> None:
    """Raise if a device failed, or was not reached because an earlier request failed.

    :raises VManagePartialError: what a retry may remedy is retryable, and takes only the devices that still need it;
        whatever rebooted, or may have, is final.
    """
    failed = [work for work in state.works if work.action == "failed"]
    if not failed:
        return
    rows = [work.as_row(applied=state.applied) for work in state.works]
    shown = "; ".join(f"{work.device.name}: {work.reason}" for work in failed[:10])
    more = f"; and {len(failed) - 10} more" if len(failed) > 10 else ""
    raise VManagePartialError(
        f"{len(failed)} of {len(state.works)} devices failed: {shown}{more}",
        done=rows,
        failed=failed[0].device.name,
        left=[work.device.name for work in state.works if work.action == "skipped"],
        retryable=not state.is_final and not state.request.reboots,
    )


def _judged(work: DeviceWork, state: ActionState) -> DeviceWork:
    """Return the work with its outcome, or as it is while the device may still become as wanted."""
    verdict = state.verdict_for(work.target.device_id)
    activity = verdict.activity if verdict else None
    is_back = work.device.reachable or not state.request.reboots
    if is_back and state.request.is_met_by(work.device, work.versions):
        remark = f"as wanted, although {verdict.reason}" if verdict and not verdict.succeeded else None
        if remark:
            log.warning("%s is %s", work.device.name, remark)
        return work.end(done_word(state.request), remark, activity)
    if verdict is not None and not verdict.succeeded:
        return work.end("failed", verdict.reason, activity)
    return work


def _failed_in_time(work: DeviceWork, state: ActionState) -> DeviceWork:
    verdict = state.verdict_for(work.target.device_id)
    reported = "the task has given no verdict in time, and" if verdict is None else "the manager reports success, but"
    seen = _seen(state.request, work) if work.is_listed else "the manager does not list the device"
    return work.end("failed", f"{reported} {seen}", verdict.activity if verdict else None)


def _seen(request: ActionRequest, work: DeviceWork) -> str:
    """Return the state of the device, in words, where it is not the requested one."""
    device, versions = work.device, ", ".join(work.versions)
    if not device.reachable:
        return f"the device is unreachable (last known version {device.running})"
    if request.reboots:
        return f"the device runs {device.running}"
    if request.kind is ActionKind.SET_DEFAULT:
        return f"the default of the device is {device.default}"
    if request.kind is ActionKind.REMOVE:
        unread = f"its {' and '.join(device.unknown)} cannot be read"
        return unread if device.unknown else f"the device still has version {versions}"
    return f"version {versions} is not installed on the device"
