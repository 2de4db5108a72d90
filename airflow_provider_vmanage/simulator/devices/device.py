"""One device: its record, what it does at a reboot, and the history of that."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_vmanage.simulator.devices.behaviour import Behaviour
from airflow_provider_vmanage.simulator.devices.versions import activate_version

# Which list shows which device type (client code: three lists, asked for one after the other).
LISTS = {"vedge": "vedge", "vsmart": "controller", "vbond": "controller", "vmanage": "vmanage"}
REACHABLE, UNREACHABLE = "reachable", "unreachable"
CONTROL_MINUTES, OMP_MINUTES, BFD_MINUTES = 0.0, 0.5, 1.0  # after the return of a device; invented


@dataclass(frozen=True)
class Reboot:
    """One row of the reboot history."""

    at: float
    reason: str


@dataclass(frozen=True)
class _Absence:
    """A reboot under way.

    :param version: The version to run afterwards; None for the same as before.
    """

    noticed: float
    up: float
    reason: str
    version: str | None
    first: bool = True


@dataclass
class Device:
    """One device of the fabric.

    :param record: Its record in the install lists, which a test may read and change.
    :param scale: Seconds that a minute of a task takes.
    :param colours: Its transports; none for controllers.
    :param outage: Where the device is the manager itself: called when it restarts, returns for how many seconds.
    :param hub: Whether it is a hub. Where there are hubs, edges have tunnels to hubs only.
    """

    record: dict[str, Any]
    scale: float
    behaviour: Behaviour = field(default_factory=Behaviour)
    colours: tuple[str, ...] = ()
    hub: bool = False
    lost_colours: set[str] = field(default_factory=set)
    reboots: list[Reboot] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    back_at: float = -math.inf
    outage: Callable[[float], float] | None = None
    _absence: _Absence | None = None

    @property
    def list_name(self) -> str:
        """The list that shows it: ``vedge``, ``controller`` or ``vmanage``."""
        return LISTS[self.record["device-type"]]

    @property
    def reachable(self) -> bool:
        """Whether the manager can talk to it, as far as the manager has noticed."""
        return self.record.get("reachability") == REACHABLE

    @property
    def present(self) -> bool:
        """Whether health calls list it."""
        return not (self.behaviour.goes_missing and self.reboots)

    @property
    def rebooting(self) -> bool:
        """Whether a reboot is under way."""
        return self._absence is not None

    def settled(self, now: float, minutes: float) -> bool:
        """Whether it is reachable and has been back for so many minutes of a task."""
        return self.reachable and now >= self.back_at + minutes * self.scale

    def colours_up(self, now: float) -> frozenset[str]:
        """The colours with tunnels."""
        up = self.settled(now, BFD_MINUTES)
        return frozenset(c for c in self.colours if c not in self.lost_colours) if up else frozenset()

    def restart(self, now: float, minutes: float, reason: str, version: str | None = None) -> None:
        """Go down, and come back after so many minutes of a task and what its behaviour adds.

        :param version: The version to run afterwards.
        """
        length = minutes * self.scale if self.outage is None else self.outage(now)
        up = now + length + self.behaviour.stays_down
        self._absence = _Absence(now + self.behaviour.notice_after, up, reason, version)
        self.advance(now)

    def advance(self, now: float) -> None:
        """Let time pass up to now."""
        while self._absence is not None:
            if now >= self._absence.up:
                self._come_back(self._absence)
            else:
                if now >= self._absence.noticed:
                    self.record["reachability"] = UNREACHABLE
                return

    def _come_back(self, absence: _Absence) -> None:
        self._absence = None
        if absence.version is not None and not self.behaviour.comes_back_old:
            activate_version(self.record, absence.version)
        self.record.update({"reachability": REACHABLE, "uptime-date": _minute(absence.up)})
        self.back_at = absence.up
        self.reboots.append(Reboot(absence.up, absence.reason))
        if absence.first:
            self._show_damage(absence)

    def _show_damage(self, absence: _Absence) -> None:
        if self.behaviour.loses_colour is not None:
            self.lost_colours.add(self.behaviour.loses_colour)
        if self.behaviour.leaves_core:
            self.cores.append(absence.up)
        if self.behaviour.second_reboot:
            again = replace(absence, noticed=absence.up + self.scale, up=absence.up + 2 * self.scale, first=False)
            self._absence = replace(again, reason="Critical process fault", version=None)


def _minute(seconds: float) -> int:
    # Live capture: milliseconds, rounded to the minute.
    return int(seconds // 60) * 60_000
