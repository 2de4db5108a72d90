"""What keeps devices of a wave from a reboot, or from counting as upgraded. Pure: it is given what was listed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.upgrade.freshness import fallen_back, moved_elsewhere, runs
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import FAILURES, UpgradeState

log = logging.getLogger(__name__)

WINDOW_OVER = "the window is over"

#: why devices are not activated, by what has stopped the upgrade
_NOT_ACTIVATED = {"failures": "too many devices have failed", "window": WINDOW_OVER}


class WaveChecks:
    """Checks of the devices of the wave under way, each against the devices as listed, by id.

    :param plan: the waves.
    :param policy: what is allowed.
    :param clock: seconds since 1970.
    """

    def __init__(self, plan: PlannedUpgrade, policy: UpgradePolicy, *, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._policy = policy
        self._clock = clock

    def open(self, state: UpgradeState) -> list[PlannedRow]:
        """Return the devices of the wave that have not ended, and are not on their way back."""
        return [row for row in self._plan.waves[state.wave] if state.is_open(row)]

    def going_back(self, state: UpgradeState) -> list[PlannedRow]:
        """Return the devices of the wave that are to run their earlier version again."""
        wave = self._plan.waves[state.wave]
        return [row for row in wave if state.of(row).ill is not None and state.of(row).action == "pending"]

    def leave_out(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> UpgradeState:
        """Return the state in which devices that are not as the plan has them have ended."""
        word = "skipped" if self._policy.skip_blocked else "failed"
        for row in self.open(state):
            if reason := moved_elsewhere(row, devices.get(row.device_id)):
                was_begun = row.device_id in state.under_way
                state = state.end(
                    [row], "failed" if was_begun else word, reason if was_begun else f"not begun: {reason}"
                )
        down = self._down_at_sites(state, devices)
        for row in self._to_reboot(state, devices):
            if other := down.get(row.site_id):
                log.warning("%s is left out: %s of its site is unreachable", row.device, other)
                state = state.end([row], "skipped", f"not begun: {other} of its site is unreachable")
        return state

    def leave_ill(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> UpgradeState:
        """Return the state in which ill devices have failed that somebody else has moved: they are not taken back."""
        for row in self.going_back(state):
            if reason := moved_elsewhere(row, devices.get(row.device_id)):
                state = state.end([row], "failed", f"{state.of(row).ill}; not brought back: {reason}")
        return state

    def stop_before_reboot(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> UpgradeState:
        """Return the state in which the devices that would reboot now have ended, if none may any more."""
        if self._policy.is_exceeded(state.failures, len(self._plan.rows)):
            return self.stop(state, self._to_reboot(state, devices), "failures")
        return self.stop(state, self._to_reboot(state, devices), "window") if self.window_over() else state

    def window_over(self) -> str | None:
        """Return a reason where nothing may be begun any more."""
        is_over = self._policy.not_after is not None and self._clock() > self._policy.not_after
        return WINDOW_OVER if is_over else None

    def stop(
        self, state: UpgradeState, rows: Iterable[PlannedRow], because: str, *, what: str = "installed, not activated"
    ) -> UpgradeState:
        """Return the state in which these devices have ended, and no wave comes after this one.

        :param what: was done on them.
        """
        for row in rows:
            log.warning("%s is not activated: %s", row.device, _NOT_ACTIVATED[because])
            word = "installed" if "install" in state.of(row).times else "skipped"
            state = state.end([row], word, f"{what}: {_NOT_ACTIVATED[because]}")
            state = replace(state, stopped_because=because)
        return state

    def _to_reboot(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> list[PlannedRow]:
        """Return the devices of the wave that do not run the version, and that no earlier try has moved."""
        rows = [row for row in self.open(state) if row.device_id not in state.under_way]
        return [row for row in rows if not runs(devices.get(row.device_id), row.version)]

    def _down_at_sites(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> dict[str | None, str]:
        """Return, by site, a device that this upgrade has had its turn with, and that cannot be reached now."""
        ended = [row for row in self._plan.rows if row.site_id and state.of(row).action in (*FAILURES, "upgraded")]
        listed = {row: devices.get(row.device_id) for row in ended}
        return {row.site_id: row.device for row, one in listed.items() if one is None or not one.reachable}

    def fail_fallen_back(self, state: UpgradeState, devices: Mapping[str | None, Device]) -> UpgradeState:
        """Return the state in which a device that does not run the version any more has failed."""
        return fail_fallen_back(state, self.open(state), devices)


def fail_fallen_back(
    state: UpgradeState, rows: Iterable[PlannedRow], devices: Mapping[str | None, Device]
) -> UpgradeState:
    """Return the state in which those of the rows have failed whose device does not run the version any more."""
    for row in rows:
        if reason := fallen_back(row, devices.get(row.device_id)):
            log.warning("%s: %s", row.device, reason)
            state = state.end([row], "failed", reason)
    return state
