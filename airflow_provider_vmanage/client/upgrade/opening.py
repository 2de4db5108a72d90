"""The beginning of an upgrade: whether the plan still holds, how healthy devices are, what an earlier try has done."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target
from airflow_provider_vmanage.client.device_actions.decisions import find_image
from airflow_provider_vmanage.client.device_actions.notes import ActionNote
from airflow_provider_vmanage.client.device_actions.running_tasks import RunningTasks
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, Device, list_devices_of_type
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.health import DeviceHealth
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upgrade.fleet_health import inventories_for, read_health, refuse_emptied
from airflow_provider_vmanage.client.upgrade.freshness import fallen_back, refuse_stale, runs
from airflow_provider_vmanage.client.upgrade.planned import CONTROLLERS, PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
from airflow_provider_vmanage.client.upgrade.timing import read_limits

log = logging.getLogger(__name__)

_OUR_KINDS = (ActionKind.INSTALL, ActionKind.ACTIVATE, ActionKind.SET_DEFAULT)


def open_upgrade(
    session: ManagerSession,
    plan: PlannedUpgrade,
    policy: UpgradePolicy,
    *,
    kept: UpgradeState | None = None,
    notes: Sequence[ActionNote] = (),
    is_retry: bool = False,
) -> UpgradeState:
    """Return the state in which the first step can be made, or the next one after an earlier try. Nothing is sent.

    :param kept: the state that an earlier try has kept.
    :param notes: of the actions that it had sent.
    :param is_retry: there was an earlier try, and nowhere to keep its state.
    :raises VManageConfigurationError: the plan was made on another manager, or the window cannot be kept.
    :raises VManageStalePlanError: a device has changed since the plan was made.
    """
    if plan.manager and plan.manager != session.settings.base_url:
        raise VManageConfigurationError(
            f"plan was made on {plan.manager}, but vmanage_conn_id leads to {session.settings.base_url}: "
            "use one vmanage_conn_id for both tasks"
        )
    state = kept
    if state is None or state.digest != plan.digest:
        state = UpgradeState(plan.digest, int(session.clock.time()))
    if state.has_ended:
        return state
    tasks = RunningTasks(session).read()  # before the devices, which show what a task does that ends in between
    devices = read_devices(session, plan.rows)
    state = _fail_fallen_back(state, plan.rows, devices)
    under_way = _under_way(plan.rows, devices, state, tasks, notes)
    if is_retry:
        under_way |= {row.device_id for row in plan.rows if _may_have_moved(row, devices.get(row.device_id))}
    ours = under_way | _at_work(plan.rows, devices, tasks, notes)
    images: list[SoftwareImage] | None = None

    def missing_image(device: Device, version: str) -> str | None:
        nonlocal images
        if images is None:
            images = SoftwareRepository(session).list_images()
        found = find_image(images, device, version, None, session.server.release)
        return found if isinstance(found, str) else None

    # Once this upgrade has begun, each wave judges its devices, and what was begun is brought to its end.
    if not (state.waves or any(note.may_have_rebooted for note in notes)):
        refuse_stale(
            [row for row in plan.rows if state.is_open(row) and row.device_id not in ours],
            devices,
            is_busy=tasks.reason_busy,
            has_image=missing_image,
            skip_blocked=policy.skip_blocked,
        )
    found = tuple(
        row.device_id for row in plan.rows if runs(devices.get(row.device_id), row.version) and not state.of(row).moved
    )
    baseline, problems = _baseline(session, plan, state, devices, policy.checks)
    limits = state.limits
    if policy.not_after is not None and policy.wave_seconds is None and limits is None:
        limits = read_limits(session)
    pauses = state.phase == "pause"
    return UpgradeState(
        digest=plan.digest,
        started_at=state.started_at,
        devices=state.devices,
        waves=state.waves,
        wave=state.wave,
        phase="pause" if pauses else "wave",
        until=state.until if pauses else None,
        found=found,
        under_way=tuple(sorted(under_way)),
        baseline=baseline,
        limits=limits,
        warnings=tuple(dict.fromkeys((*state.warnings, *plan.warnings, *problems))),
    )


def list_of(row: PlannedRow) -> str:
    """Return the manager's list that holds a device."""
    return "controller" if row.role in CONTROLLERS else row.role if row.role in DEVICE_TYPES else DEVICE_TYPES[0]


def read_devices(session: ManagerSession, rows: Sequence[PlannedRow]) -> dict[str | None, Device]:
    """Return the devices of the lists that hold the planned ones, by device id; one call for each list.

    :raises VManageError: as any read.
    """
    types = {list_of(row) for row in rows}
    listed = [device for one in DEVICE_TYPES if one in types for device in list_devices_of_type(session, one)]
    return {device.device_id: device for device in listed}


def _under_way(
    rows: Sequence[PlannedRow],
    devices: Mapping[str | None, Device],
    state: UpgradeState,
    tasks: RunningTasks,
    notes: Sequence[ActionNote],
) -> set[str]:
    """Return the devices that an earlier try has moved, or may have: they are checked and confirmed in any case."""
    sent = _at_work(rows, devices, tasks, [note for note in notes if note.may_have_rebooted], (ActionKind.ACTIVATE,))
    moved = {row.device_id for row in rows if state.of(row).moved and runs(devices.get(row.device_id), row.version)}
    going_back = {row.device_id for row in rows if state.of(row).ill is not None}
    return sent | moved | going_back


def _fail_fallen_back(
    state: UpgradeState, rows: Sequence[PlannedRow], devices: Mapping[str | None, Device]
) -> UpgradeState:
    """Return the state in which a device has failed that an earlier try has verified, and that has gone back since.

    It is not sent a second time: its notes may be gone by now, but its activation was done.
    """
    for row in rows:
        one = state.of(row)
        was_verified = one.moved and one.times.get("activate", (0, None))[1] is not None
        if state.is_open(row) and was_verified and (reason := fallen_back(row, devices.get(row.device_id))):
            state = state.end([row], "failed", reason)
    return state


def _may_have_moved(row: PlannedRow, device: Device | None) -> bool:
    """Return whether a device has come to the version since the plan was made."""
    return row.step != "set_default" and runs(device, row.version)


def _at_work(
    rows: Sequence[PlannedRow],
    devices: Mapping[str | None, Device],
    tasks: RunningTasks,
    notes: Sequence[ActionNote],
    kinds: Collection[ActionKind] = _OUR_KINDS,
) -> set[str]:
    """Return the devices that notes are about, or that tasks of ours are at work on."""
    ids = {row.device_id for row in rows}
    targets: list[Target] = [device.as_target() for key, device in devices.items() if key in ids]
    working = {device_id for job in tasks.of_ours(kinds, targets) for device_id in job.device_ids}
    return working | {key for note in notes for key in note.devices if key in ids}


def _baseline(
    session: ManagerSession,
    plan: PlannedUpgrade,
    state: UpgradeState,
    devices: Mapping[str | None, Device],
    checks: Sequence[str],
) -> tuple[dict[str, DeviceHealth], tuple[str, ...]]:
    """Return the health before, by device id: what an earlier try has kept, or as it is now, or the plan's.

    A device that has moved already, or is out of reach, would be compared with itself.
    """
    if state.baseline:
        return dict(state.baseline), ()
    now = read_health(session, inventories_for((row.role for row in plan.rows), checks))
    refuse_emptied(now, [(plan.baseline.get(row.device_id), now.of(row.system_ip)) for row in plan.rows])
    baseline = dict(plan.baseline)
    for row in plan.rows:
        device = devices.get(row.device_id)
        is_old = runs(device, row.from_version) and device is not None and device.reachable
        measured = now.devices.get(row.system_ip or "")
        if measured is not None and (is_old or row.device_id not in baseline):
            baseline[row.device_id] = measured
    return {row.device_id: baseline[row.device_id] for row in plan.rows if row.device_id in baseline}, now.problems
