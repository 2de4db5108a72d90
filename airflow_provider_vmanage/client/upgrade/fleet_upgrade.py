"""A fleet brought to a version, wave after wave: what is done next, and what has to be waited for.

Each step can be made again: what was sent is taken over from notes, running tasks and the devices' own versions. So a
deferral, a retry and a killed worker all go on where the upgrade was, and nothing is sent twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from airflow_provider_vmanage.client.device_actions.notes import ActionNotes
from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageError,
    VManageProtocolError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState, WaveProgress
from airflow_provider_vmanage.client.upgrade.settling import HealthVerdict
from airflow_provider_vmanage.client.upgrade.timing import seconds_of_wave
from airflow_provider_vmanage.client.upgrade.wave_steps import WaveSteps

log = logging.getLogger(__name__)

#: nothing was sent, or nothing was changed: the step is made again when the manager is back
_UNAVAILABLE = (VManageUnavailableError, VManageSessionExpiredError, VManageProtocolError)

#: why devices were left as they were, by what has stopped the upgrade
_NOT_BEGUN = {
    "failures": "too many devices have failed",
    "window": "the window ends before the wave could",
}


class FleetUpgrade:
    """The steps of an upgrade.

    :param session: the session to use.
    :param notes: of what was sent, for the next try; cleared when the end is stored.
    :param plan: the waves.
    :param policy: what is allowed.
    :param keep: stores the state for the next try.
    """

    def __init__(
        self,
        session: ManagerSession,
        notes: ActionNotes,
        plan: PlannedUpgrade,
        policy: UpgradePolicy,
        *,
        keep: Callable[[UpgradeState], None] = lambda state: None,
    ) -> None:
        self.state: UpgradeState | None = None
        self._session = session
        self._notes = notes
        self._plan = plan
        self._policy = policy
        self._keep = keep
        self._clock = session.clock.time
        actions = SoftwareUpgrade(session, notes=notes, keeps_notes=True, clock=self._clock)
        self.steps = WaveSteps(session, actions, plan, policy, keep=keep)
        self._phases: dict[str, Callable[[UpgradeState], UpgradeState]] = {
            "wave": self._begin_wave,
            "install": self._install,
            "activate": self.steps.activate,
            "settle": self.steps.settle,
            "set_default": self.steps.set_default,
            "roll_back": self.steps.roll_back,
            "end_wave": self._end_wave,
            "pause": self._pause,
        }

    def advance(self, state: UpgradeState, verdicts: Mapping[str, HealthVerdict] | None = None) -> UpgradeState:
        """Go on until something has to be waited for, or the upgrade has ended.

        The state as it was last is in ``self.state``, also where an error is raised.

        :param verdicts: of a wait for health, by device id.
        :raises VManageError: a retry goes on from the kept state, unless the error says that it is final.
        """
        self.state = state
        if verdicts is not None and state.phase == "settle":
            self._next(self.steps.judge(state, verdicts))
        while not self.state.has_ended:
            before = self.state
            try:
                with page_means_unavailable():
                    state = self._phases[before.phase](before)
                self._next(replace(state, unavailable_since=None))
            except VManageCancelledError:
                raise
            except _UNAVAILABLE as err:
                self._next(self._wait_for_manager(before, err))
            except VManageError as err:
                if self._has_to_go_back(before, err):
                    self._next(self._failed(before, self.steps.open(before), err).go("roll_back"))
                elif err.retryable:
                    raise
                else:
                    self.stop(before, err)
            if self.state.waits_for:
                break
        return self.state

    def run(self, state: UpgradeState) -> UpgradeState:
        """Go on until the upgrade has ended, and wait in between.

        :raises VManageError: as :meth:`advance`.
        """
        while not (state := self.advance(state)).has_ended:
            self._session.sleep(self.seconds_to_wait(state))
        return state

    def seconds_to_wait(self, state: UpgradeState) -> float:
        """Return after how many seconds the next step is worth a try."""
        if state.phase == "pause" and state.until is not None:
            return max(0.0, state.until - self._clock())
        return self._policy.poll_interval

    def _next(self, state: UpgradeState) -> None:
        if self.state is None or state.phase != self.state.phase or state.wave != self.state.wave:
            self._keep(state)
            if state.has_ended:
                self._notes.clear()
        self.state = state

    def _begin_wave(self, state: UpgradeState) -> UpgradeState:
        is_exceeded = self._policy.is_exceeded(state.failures, len(self._plan.rows))
        if state.stopped_because or state.wave >= len(self._plan.waves):
            return self._end(replace(state, stopped_because="failures") if is_exceeded else state)
        rows = self.steps.open(state)
        if not rows:
            return self._skip_steps(state)
        if is_exceeded or not self._fits(state, rows):
            return self._close(state, rows, "failures" if is_exceeded else "window")
        log.info("Wave %d of %d begins; devices: %d", state.wave + 1, len(self._plan.waves), len(rows))
        return self._record(state).go("install")

    def _install(self, state: UpgradeState) -> UpgradeState:
        """Install, unless the manager was unavailable so long that the window does not hold the wave any more."""
        rows = self.steps.open(state)
        is_late = state.action is None and not self._fits(state, rows)
        return self._close(state, rows, "window") if is_late else self.steps.install(state)

    def _skip_steps(self, state: UpgradeState) -> UpgradeState:
        """Go on in a wave in which no device is open: an earlier try has done it, wholly or up to a rollback."""
        if self.steps.going_back(state):
            return self._record(state).go("roll_back")
        return state.go("end_wave") if len(state.waves) > state.wave else replace(state, wave=state.wave + 1)

    def _record(self, state: UpgradeState) -> UpgradeState:
        """Return the state with the beginning of its wave, which an earlier try may have noted."""
        if len(state.waves) > state.wave:
            return state
        # Waves before it in which nothing was left to do have no time of their own.
        empty = [WaveProgress(self._now(), self._now())] * (state.wave - len(state.waves))
        return replace(state, waves=(*state.waves, *empty, WaveProgress(self._now())))

    def _fits(self, state: UpgradeState, rows: Sequence[PlannedRow]) -> bool:
        if self._policy.not_after is None:
            return True
        return self._clock() + seconds_of_wave(self._plan, self._policy, state, rows) <= self._policy.not_after

    def _close(self, state: UpgradeState, rows: Sequence[PlannedRow], because: str) -> UpgradeState:
        """End the upgrade, except for devices that an earlier try has moved: they are checked and confirmed."""
        log.warning("Wave %d does not begin: %s", state.wave + 1, _NOT_BEGUN[because])
        state = replace(state, stopped_because=because)
        moved = [row for row in rows if row.device_id in state.under_way]
        has_moved = bool(moved or self.steps.going_back(state))
        if not has_moved and len(state.waves) <= state.wave:
            return self._end(state)
        left = [row for row in rows if row not in moved]
        state = self._record(state.end(left, "skipped", f"not begun: {_NOT_BEGUN[because]}"))
        return state.go("activate" if has_moved else "end_wave")

    def _end_wave(self, state: UpgradeState) -> UpgradeState:
        waves = list(state.waves)
        waves[state.wave] = replace(waves[state.wave], ended_at=self._now())
        state = replace(state, waves=tuple(waves), wave=state.wave + 1)
        is_last = state.wave >= len(self._plan.waves) or bool(state.stopped_because)
        if is_last or not self._policy.pause or self._policy.is_exceeded(state.failures, len(self._plan.rows)):
            return state.go("wave")
        return replace(state.go("pause"), until=self._clock() + self._policy.pause)

    def _pause(self, state: UpgradeState) -> UpgradeState:
        is_over = self._clock() >= (state.until or 0)
        return state.go("wave") if is_over else replace(state, waits_for="time")

    def _end(self, state: UpgradeState) -> UpgradeState:
        reason = f"not begun: {_NOT_BEGUN[state.stopped_because]}" if state.stopped_because else None
        left = [row for row in self._plan.rows if state.is_open(row)]
        return state.end(left, "skipped", reason).go("ended")

    def _wait_for_manager(self, state: UpgradeState, err: VManageError) -> UpgradeState:
        since = state.unavailable_since or self._clock()
        if self._clock() - since > self._policy.timeout:
            raise err
        log.warning("The manager is not available; the upgrade goes on when it is: %s", err)
        return replace(state, unavailable_since=since, waits_for="time")

    def _has_to_go_back(self, state: UpgradeState, err: VManageError) -> bool:
        """Return whether ill devices come first: a default that was not set keeps none of them on the version.

        A read that may be retried is: the rollback begins with the same one.
        """
        can_go_on = state.phase == "set_default" and not isinstance(err, VManageAuthenticationError)
        is_lasting = not err.retryable or err.method == "POST"
        return can_go_on and is_lasting and bool(self.steps.going_back(state))

    def stop(self, state: UpgradeState, err: VManageError) -> UpgradeState:
        """End the upgrade after a refusal, and return the state: the devices of the step have failed."""
        rows = (
            []
            if state.phase in ("wave", "pause", "end_wave")
            else [*self.steps.open(state), *self.steps.going_back(state)]
        )
        state = self._end(self._failed(state, rows, err))
        self._next(state)
        return state

    def _failed(self, state: UpgradeState, rows: Sequence[PlannedRow], err: VManageError) -> UpgradeState:
        log.error("The upgrade stops: %s", err)
        for row in rows:
            ill = state.of(row).ill
            reason = f"{ill}; {err.message}" if ill else err.message
            if state.action is not None:
                reason = f"not known, the manager's task goes on: {reason}"
            state = state.end([row], "failed", reason)
        return replace(state, stopped_because="failures", warnings=(*state.warnings, err.message))

    def _now(self) -> int:
        return int(self._clock())
