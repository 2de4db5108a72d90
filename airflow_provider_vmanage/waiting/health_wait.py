"""A wait until the devices of a wave are as healthy as before. Nothing here waits or sends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError
from airflow_provider_vmanage.client.health import Finding, FleetHealth
from airflow_provider_vmanage.client.upgrade.fleet_health import read_health
from airflow_provider_vmanage.client.upgrade.settling import HealthVerdict, Settling
from airflow_provider_vmanage.waiting.events import Event, succeeded, timed_out
from airflow_provider_vmanage.waiting.pace import Pace, Patience, Wait

if TYPE_CHECKING:
    from airflow_provider_vmanage.hooks.vmanage import VManageHook


@dataclass(frozen=True, slots=True)
class HealthQuestion:
    """The health of all devices: three or more requests per interval for all who wait for any of them."""

    inventories: tuple[str, ...] = ()

    def ask(self, hook: VManageHook) -> FleetHealth:
        """Return the health."""
        return read_health(hook.get_conn(), self.inventories)

    def __str__(self) -> str:
        """Return the name that logs use."""
        return "the health of the devices"


class HealthWait(Wait):
    """A wait for a verdict on each device.

    :param settling: decides.
    """

    def __init__(self, settling: Settling, pace: Pace, patience: Patience, *, started_at: float | None = None) -> None:
        super().__init__(HealthQuestion(settling.inventories), pace, patience, started_at=started_at)
        self.prepare = self._judge  # a thousand devices take some 30 ms
        self._settling = settling
        self._has_gap = True  # since the last reading, or since another triggerer had the wait

    def take(self, result: Any) -> None:
        """Take a reading, or the error that there was instead."""
        super().take(result)
        self._has_gap = isinstance(result, VManageError)

    def _judge(self, fleet: FleetHealth) -> dict[str, Any] | VManageError | None:
        if self._has_gap:
            self._settling.watch_again(time.time())
        try:
            verdicts = self._settling.take(fleet, time.time())
        except VManageProtocolError as err:  # no reading
            return err
        return None if verdicts is None else {key: _as_json(one) for key, one in verdicts.items()}

    def event_of(self, result: dict[str, Any] | None) -> Event | None:
        """Return the event with the verdicts, or ``None`` to wait on."""
        if result is not None:
            return succeeded(verdicts=result)
        self.last_state = f"{len(self._settling.good_since)} of {self._settling.size} devices are as healthy as before"
        return None

    def time_is_up(self) -> Event:
        """Return the event for a deadline that is past."""
        return timed_out(f"Timed out while waiting for healthy devices: {self.last_state}")


def verdicts_of(event: Mapping[str, Any]) -> dict[str, HealthVerdict] | None:
    """Return the verdicts of an event, by device id, or ``None`` where it has none."""
    waits = event.get("waits") or ()
    found = next((one["verdicts"] for one in waits if "verdicts" in one), None)
    return None if found is None else {key: _verdict(one) for key, one in found.items()}


def _as_json(verdict: HealthVerdict) -> dict[str, Any]:
    """Return the verdict as plain JSON."""
    return {"is_good": verdict.is_good, "reason": verdict.reason, "findings": [vars(one) for one in verdict.findings]}


def _verdict(value: Mapping[str, Any]) -> HealthVerdict:
    return HealthVerdict(value["is_good"], tuple(Finding(**one) for one in value["findings"]), value["reason"])
