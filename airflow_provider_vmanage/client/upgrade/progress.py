"""An upgrade under way, as plain values that survive a deferral, a retry and a killed worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.health import DeviceHealth
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow

#: what a device has ended with; each of these counts against the failure budget
FAILURES = ("failed", "rolled_back")

#: characters of a reason
MAX_REASON = 300

#: seconds since 1970 at which a step began and ended
Times = tuple[int, int | None]


@dataclass(frozen=True)
class DeviceProgress:
    """The progress of one device so far.

    :param action: word of its row; ``pending`` until it has ended.
    :param moved: this upgrade has sent, or was about to send, the activation.
    :param confirmed: this upgrade has set the default.
    :param ill: its health is worse than before, and it is to go back to its earlier version: the reason.
    :param process_id: the manager's task that activates it, or else the last one.
    :param times: of each step.
    :param findings: health checks with another verdict than ``ok``: check, verdict, before, after.
    """

    action: str = "pending"
    reason: str | None = None
    activity: str | None = None
    process_id: str | None = None
    moved: bool = False
    confirmed: bool = False
    ill: str | None = None
    times: Mapping[str, Times] = field(default_factory=dict)
    findings: tuple[tuple[str, str, str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the fields that differ from those of an untouched device."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != _default(one)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DeviceProgress:
        """Return the progress that :meth:`as_json` has written."""
        times = {step: (one[0], one[1]) for step, one in value.get("times", {}).items()}
        findings = tuple(tuple(one) for one in value.get("findings", ()))
        return cls(**{**value, "times": times, "findings": findings})


@dataclass(frozen=True)
class WaveProgress:
    """When a wave began and ended, in seconds since 1970."""

    started_at: int
    ended_at: int | None = None


@dataclass(frozen=True)
class UpgradeState:
    """An upgrade between its steps.

    :param digest: of the plan.
    :param started_at: seconds since 1970.
    :param devices: by device id.
    :param waves: those that have begun.
    :param wave: index of the wave under way, or to begin next.
    :param phase: what is done next in it.
    :param until: seconds since 1970 at which the phase has to end, or the pause does.
    :param action: what the manager is at work on.
    :param good_since: for each device, since when its health is as good as before.
    :param found: devices that ran the wanted version before this upgrade sent anything.
    :param under_way: devices that an earlier try has moved, or may have.
    :param baseline: health before, by device id.
    :param limits: the manager's limits for download and activation, in seconds.
    :param unavailable_since: since when the manager has not been available.
    :param stopped_because: ``failures``, ``window`` or ``killed``.
    :param warnings: for the report.
    :param waits_for: ``tasks``, ``versions``, ``health`` or ``time``; empty where the next step can be made now.
    """

    digest: str
    started_at: int
    devices: Mapping[str, DeviceProgress] = field(default_factory=dict)
    waves: tuple[WaveProgress, ...] = ()
    wave: int = 0
    phase: str = "wave"
    until: float | None = None
    action: ActionState | None = None
    good_since: Mapping[str, float] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()
    baseline: Mapping[str, DeviceHealth] = field(default_factory=dict)
    limits: tuple[float, float] | None = None
    unavailable_since: float | None = None
    stopped_because: str | None = None
    warnings: tuple[str, ...] = ()
    waits_for: str = ""

    @property
    def has_ended(self) -> bool:
        """Return whether nothing is left to do."""
        return self.phase == "ended"

    @property
    def failures(self) -> int:
        """Return how many devices have failed."""
        return sum(one.action in FAILURES for one in self.devices.values())

    def counts(self, rows: Sequence[PlannedRow]) -> dict[str, int]:
        """Return the number of devices by action."""
        return dict(Counter(self.of(row).action for row in rows))

    def of(self, row: PlannedRow) -> DeviceProgress:
        """Return the progress of a device."""
        return self.devices.get(row.device_id, DeviceProgress())

    def is_open(self, row: PlannedRow) -> bool:
        """Return whether the device has not ended yet, and is not on its way back either."""
        one = self.of(row)
        return one.action == "pending" and one.ill is None

    def set(self, row: PlannedRow, **changes: Any) -> UpgradeState:
        """Return the state with changes to one device."""
        return replace(self, devices={**self.devices, row.device_id: replace(self.of(row), **changes)})

    def set_all(self, changes: Mapping[str, DeviceProgress]) -> UpgradeState:
        """Return the state with other progress of several devices, by device id."""
        return replace(self, devices={**self.devices, **changes})

    def end(self, rows: Iterable[PlannedRow], action: str, reason: str | None) -> UpgradeState:
        """Return the state in which devices have ended."""
        cut = reason if reason is None or len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1]}…"
        return self.set_all({row.device_id: replace(self.of(row), action=action, reason=cut, ill=None) for row in rows})

    def begin_step(self, rows: Iterable[PlannedRow], step: str, now: int) -> UpgradeState:
        """Return the state in which a step has begun on devices, unless an earlier try has begun it."""
        begun = {row.device_id: self.of(row) for row in rows if step not in self.of(row).times}
        return self.set_all({key: replace(one, times={**one.times, step: (now, None)}) for key, one in begun.items()})

    def end_step(self, row: PlannedRow, step: str, now: int, **changes: Any) -> UpgradeState:
        """Return the state in which a step has ended on a device, with other changes to it."""
        times = self.of(row).times
        return self.set(row, times={**times, step: (times.get(step, (now, None))[0], now)}, **changes)

    def go(self, phase: str) -> UpgradeState:
        """Return the state at the beginning of a phase."""
        return replace(self, phase=phase, until=None, action=None, good_since={}, waits_for="")


def _default(one: Any) -> Any:
    return one.default if one.default_factory is not dict else {}
