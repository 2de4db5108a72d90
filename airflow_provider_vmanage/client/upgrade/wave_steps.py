"""The steps of one wave: install, activate, settle, confirm, roll back. Each goes as far as it can without waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState, DeviceWork
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.client.upgrade.fleet_health import inventories_for, read_health
from airflow_provider_vmanage.client.upgrade.freshness import runs
from airflow_provider_vmanage.client.upgrade.opening import read_devices
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import FAILURES, UpgradeState
from airflow_provider_vmanage.client.upgrade.settling import HealthVerdict, Settling
from airflow_provider_vmanage.client.upgrade.wave_checks import WINDOW_OVER, WaveChecks

log = logging.getLogger(__name__)

_INSTALL = ActionRequest(ActionKind.INSTALL, allow_downgrade=True)
_ACTIVATE = ActionRequest(ActionKind.ACTIVATE, allow_downgrade=True)
_SET_DEFAULT = ActionRequest(ActionKind.SET_DEFAULT, allow_downgrade=True)


class WaveSteps:
    """The steps of the wave under way. A step that has to wait sets ``waits_for``, and is repeated after the wait.

    :param session: the session to use.
    :param actions: sends actions once, and verifies them.
    :param plan: the waves.
    :param policy: what is allowed.
    :param keep: stores the state for the next try.
    """

    def __init__(
        self,
        session: ManagerSession,
        actions: SoftwareUpgrade,
        plan: PlannedUpgrade,
        policy: UpgradePolicy,
        *,
        keep: Callable[[UpgradeState], None],
    ) -> None:
        self._session = session
        self._actions = actions
        self._plan = plan
        self._policy = policy
        self._keep = keep
        self._clock = session.clock.time
        self._checks = WaveChecks(plan, policy, clock=self._clock)
        self._rows = {row.device_id: row for row in plan.rows}

    def open(self, state: UpgradeState) -> list[PlannedRow]:
        """Return the devices of the wave that have not ended, and are not on their way back."""
        return self._checks.open(state)

    def going_back(self, state: UpgradeState) -> list[PlannedRow]:
        """Return the devices of the wave that are to run their earlier version again."""
        return self._checks.going_back(state)

    def install(self, state: UpgradeState) -> UpgradeState:
        """Install where the version is missing."""
        if state.action is None:
            state = self._checks.leave_out(state, self._list(state))
        state, works = self._act(state, "install", _INSTALL, self.open(state), {})
        if works is None:
            return state
        state = self._checks.stop(state, self._too_late(works), "window", what="not begun")
        state = self._take_failures(state, works, "the installation failed", begun=state.under_way)
        devices = {work.device.device_id: work.device for work in works}
        return self._checks.stop_before_reboot(state, devices).go("activate")

    def activate(self, state: UpgradeState) -> UpgradeState:
        """Activate, unless nothing may reboot any more; a device that runs the version is left as it is."""
        if state.action is None:
            devices = self._list(state)
            state = self._checks.stop_before_reboot(self._checks.leave_out(state, devices), devices)
            # One that somebody else has brought to the version meanwhile is not moved by this upgrade.
            moving = [
                row
                for row in self.open(state)
                if not runs(devices.get(row.device_id), row.version) or self._was_adopted(state, row)
            ]
            state = state.set_all({row.device_id: replace(state.of(row), moved=True) for row in moving})
            self._keep(state)  # before anything is sent: the next try knows whose reboot it was
        state, works = self._act(state, "activate", _ACTIVATE, self.open(state), {})
        if works is None:
            return state
        state = self._checks.stop(state, self._too_late(works), "window")
        return self._take_failures(state, works, "the activation failed", begun=state.under_way).go("settle")

    def settle(self, state: UpgradeState) -> UpgradeState:
        """Compare the health of the devices with their baseline; one reading."""
        rows = self.open(state)
        if not rows:
            return state.go("set_default")
        if state.until is None:
            until = self._clock() + self._policy.settle_timeout
            state = replace(state.begin_step(rows, "health", self._now()), until=until)
        settling = self.settling(state)
        health, now = read_health(self._session, settling.inventories), self._clock()
        if state.unavailable_since is not None:
            state = replace(state, until=settling.watch_again(now))
        verdicts = settling.take(health, now)
        if verdicts is None:
            return replace(state, good_since=settling.good_since, waits_for="health")
        return self.judge(state, verdicts)

    def settling(self, state: UpgradeState) -> Settling:
        """Return the judge of the health of the wave under way."""
        rows = self.open(state)
        moved = {*state.found, *state.under_way}  # of later waves, too: their losses show on their peers
        gone = [
            row
            for row in self._plan.rows
            if state.of(row).action in FAILURES or state.of(row).ill or row.device_id in moved
        ]
        return Settling(
            {row.device_id: row.system_ip for row in rows},
            state.baseline,
            failed={row.device_id: row.system_ip for row in gone},
            checks=self._policy.checks,
            stable_for=self._policy.stable_for,
            deadline=state.until or self._clock(),
            good_since=state.good_since,
            inventories=inventories_for((row.role for row in rows), self._policy.checks),
        )

    def judge(self, state: UpgradeState, verdicts: Mapping[str, HealthVerdict]) -> UpgradeState:
        """Return the state in which devices whose health is worse have failed, or are to go back."""
        for row in self.open(state):
            verdict = verdicts.get(row.device_id) or HealthVerdict(False, reason="its health was not judged")
            found = tuple((one.check, one.verdict, one.before, one.after) for one in verdict.findings)
            state = state.end_step(row, "health", self._now(), findings=found)
            if verdict.is_good:
                continue
            log.warning("%s: %s", row.device, verdict.reason)
            if self._policy.rollback and (state.of(row).moved or self._was_adopted(state, row)):
                state = state.set(row, ill=verdict.reason)
            else:
                state = state.end([row], "failed", verdict.reason)
        return state.go("set_default")

    def set_default(self, state: UpgradeState) -> UpgradeState:
        """Confirm the version on the devices that are left and still run it, and end them."""
        if state.action is None:
            state = self._checks.fail_fallen_back(state, self._list(state))
        if self._policy.set_default:
            state, works = self._act(state, "set_default", _SET_DEFAULT, self.open(state), {})
            if works is None:
                return state
            moved = [row.device_id for row in self._plan.rows if state.of(row).moved]
            what = "it runs the version and is healthy, but the default was not set"
            state = self._take_failures(state, works, what, begun={*state.under_way, *moved})
            done = [work for work in works if work.action == "default_set"]
            for work in done:
                state = state.set(self._rows[work.target.device_id], confirmed=True)
            state = self._checks.fail_fallen_back(state, {work.target.device_id: work.device for work in works})
        for row in self.open(state):
            one = state.of(row)
            state = state.end([row], "upgraded" if one.moved else "default_set" if one.confirmed else "unchanged", None)
        return state.go("roll_back")

    def roll_back(self, state: UpgradeState) -> UpgradeState:
        """Activate the earlier version on the devices that are to go back."""
        if state.action is None:
            state = self._checks.leave_ill(state, self._list(state))
        rows = self.going_back(state)
        state, works = self._act(state, "roll_back", _ACTIVATE, rows, {row.device_id: row.from_version for row in rows})
        if works is None:
            return state
        for work in works:
            row = self._rows[work.target.device_id]
            ill = state.of(row).ill
            is_back = work.action in ("activated", "unchanged")
            reason = ill if is_back else f"{ill}; it could not be brought back to {row.from_version}: {work.reason}"
            state = state.end([row], "rolled_back" if is_back else "failed", reason)
        return state.go("end_wave")

    def _act(
        self,
        state: UpgradeState,
        step: str,
        request: ActionRequest,
        rows: Sequence[PlannedRow],
        versions: Mapping[str, str],
    ) -> tuple[UpgradeState, Sequence[DeviceWork] | None]:
        """Do an action as far as it goes without waiting; return its devices once all have an outcome.

        :param versions: other ones than the wanted, by device id.
        """
        if not rows:
            return state, ()
        if state.action is None:
            until = self._clock() + self._policy.timeout
            given = [row.for_version(versions.get(row.device_id, row.version)) for row in rows]
            deadline = self._actions.clock() + self._policy.timeout
            action = self._actions.submit(
                request,
                given,
                max_devices=len(rows),
                skip_blocked=True,
                sent_before=state.under_way if step == "activate" else (),
                deadline=deadline,
                obstacle=self._checks.window_over if step in ("install", "activate") else lambda: None,
            )
            state = replace(state.begin_step(rows, step, self._now()), action=action, until=until)
            self._keep(state)
        else:
            action = self._actions.poll(state.action)
        left = (state.until or 0) - self._clock()
        if not action.has_ended and left > 0:
            return replace(state, action=action, waits_for="tasks"), None
        action = self._actions.verify_now(action)
        if action.is_pending and request.reboots and left > 0:
            return replace(state, action=action, waits_for="versions"), None
        action = self._actions.verify(action, self._actions.clock() + max(0.0, left))
        return self._with_outcome(state, step, action), action.works

    def _with_outcome(self, state: UpgradeState, step: str, action: ActionState) -> UpgradeState:
        for work in action.works:
            row = self._rows[work.target.device_id]
            one = state.of(row)
            changes: dict[str, Any] = {"activity": work.activity or one.activity}
            if work.process_id and (step in ("activate", "roll_back") or not one.process_id):
                changes["process_id"] = work.process_id
            was_moved = step == "activate" and one.moved and work.action == "unchanged"  # by an earlier try
            if work.action in ("unchanged", "skipped") and not was_moved:  # nothing was done on it
                state = state.set(row, times={name: at for name, at in one.times.items() if name != step}, **changes)
            else:
                state = state.end_step(row, step, self._now(), **changes)
        return state

    def _too_late(self, works: Sequence[DeviceWork]) -> list[PlannedRow]:
        """Return the devices that were sent nothing because the window ended just before."""
        late = [work for work in works if work.action == "skipped" and work.reason == WINDOW_OVER]
        return [self._rows[work.target.device_id] for work in late]

    def _take_failures(
        self, state: UpgradeState, works: Sequence[DeviceWork], what: str, *, begun: Collection[str]
    ) -> UpgradeState:
        """Return the state in which a device has ended if its action has failed or could not be sent.

        :param begun: devices that have been moved: one of them that could not be sent an action has failed.
        """
        for work in works:
            row = self._rows[work.target.device_id]
            if work.action == "failed" or (work.action == "skipped" and row.device_id in begun):
                state = state.end([row], "failed", f"{what}: {work.reason}")
            elif work.action == "skipped" and state.is_open(row):
                word = "skipped" if self._policy.skip_blocked else "failed"
                state = state.end([row], word, f"not begun: {work.reason}")
        return state

    @staticmethod
    def _was_adopted(state: UpgradeState, row: PlannedRow) -> bool:
        """Return whether an earlier try has moved a device; a move that nothing explains is left to a person."""
        return row.device_id in state.under_way and row.device_id not in state.found

    def _list(self, state: UpgradeState) -> Mapping[str | None, Device]:
        """Return the devices as they are now, by id, where some of the wave have not ended."""
        has_some = self.open(state) or self.going_back(state)
        return read_devices(self._session, self._plan.rows) if has_some else {}

    def _now(self) -> int:
        return int(self._clock())
