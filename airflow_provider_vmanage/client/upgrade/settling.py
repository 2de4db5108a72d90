"""When the devices of a wave count as healthy again. Pure: it is given what was read, and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.device_actions.compressed import compress_json, expand_json
from airflow_provider_vmanage.client.health import OK, WORSE, DeviceHealth, Finding, FleetHealth, compare, worst
from airflow_provider_vmanage.client.upgrade.fleet_health import refuse_emptied

#: checks that depend on other devices: judged once every device of the wave is back, or has had its time
_PEER_CHECKS = ("bfd", "colour")


@dataclass(frozen=True)
class HealthVerdict:
    """Whether a device is as healthy as it was before.

    :param is_good: nothing is worse, for long enough.
    :param findings: of the checks with another verdict than ``ok``.
    :param reason: why it is not good.
    """

    is_good: bool
    findings: tuple[Finding, ...] = ()
    reason: str = ""


class Settling:
    """Compares devices with their baseline until they have been as healthy as before for long enough.

    :param addresses: system IPs of the devices of the wave, by device id.
    :param baseline: health before, by device id.
    :param failed: system IPs of devices that have failed in this upgrade, or may have in an earlier try, by device id:
        their peers have lost sessions to them.
    :param checks: names of the checks to make.
    :param stable_for: seconds for which a device has to stay healthy.
    :param deadline: when a device that is worse fails, by the clock of ``now``.
    :param good_since: when each device became healthy, as an earlier instance has seen it.
    :param inventories: of the manager, to read for the configuration.
    """

    def __init__(
        self,
        addresses: Mapping[str, str | None],
        baseline: Mapping[str, DeviceHealth],
        *,
        failed: Mapping[str, str | None],
        checks: Iterable[str],
        stable_for: float,
        deadline: float,
        good_since: Mapping[str, float] | None = None,
        inventories: Sequence[str] = (),
    ) -> None:
        self.inventories = tuple(inventories)
        self.good_since = dict(good_since or {})
        self._addresses = addresses
        self._baseline = baseline
        self._failed = failed
        self._checks = tuple(checks)
        self._stable_for = stable_for
        self._deadline = deadline

    @property
    def size(self) -> int:
        """Return the number of devices."""
        return len(self._addresses)

    def packed(self) -> str:
        """Return the argument of :meth:`unpacked`: short, since MySQL takes 64 KiB of a trigger's arguments."""
        health = {one: health.as_json() for one, health in self._baseline.items()}
        return compress_json(
            {
                "devices": [
                    [one, ip, health.get(one), self.good_since.get(one)] for one, ip in self._addresses.items()
                ],
                "failed": [[one, ip, health.get(one), None] for one, ip in self._failed.items()],
                "options": {
                    "checks": self._checks,
                    "stable_for": self._stable_for,
                    "deadline": self._deadline,
                    "inventories": self.inventories,
                },
            }
        )

    @classmethod
    def unpacked(cls, text: str) -> Settling:
        """Return the object that :meth:`packed` has written."""
        value = expand_json(text)
        rows = (*value["devices"], *value["failed"])
        return cls(
            {one: ip for one, ip, _, _ in value["devices"]},
            {one: DeviceHealth(**health) for one, _, health, _ in rows if health is not None},
            failed={one: ip for one, ip, _, _ in value["failed"]},
            good_since={one: since for one, _, _, since in rows if since is not None},
            **value["options"],
        )

    def watch_again(self, now: float) -> float:
        """Return the deadline; one that passed while nothing was read moves ``stable_for`` seconds from now."""
        if now >= self._deadline:
            self._deadline = now + self._stable_for
        return self._deadline

    def take(self, fleet: FleetHealth, now: float) -> dict[str, HealthVerdict] | None:
        """Return the verdict on every device, or ``None`` while some may still change.

        :param fleet: health of all devices.
        :param now: time of the reading.
        :raises VManageProtocolError: as :func:`refuse_emptied`.
        """
        refuse_emptied(fleet, [(self._baseline.get(one), fleet.of(ip)) for one, ip in self._addresses.items()])
        is_over = now >= self._deadline
        peer_checks = [one for one in self._checks if one in _PEER_CHECKS]
        own_checks = [one for one in self._checks if one not in _PEER_CHECKS]
        own = {one: self._findings(fleet, one, own_checks) for one in self._addresses}
        missing = {one for one, found in own.items() if worst(found) == WORSE}
        if missing and not is_over:
            self._note(set(self._addresses) - missing, now)
            return None
        slack = self._slack(fleet, missing)
        peers = {one: self._findings(fleet, one, peer_checks, slack[one]) for one in self._addresses}
        findings = {
            one: list(dict.fromkeys([*found, *peers[one]])) if peers[one] else found for one, found in own.items()
        }
        good = {one for one, found in findings.items() if worst(found) != WORSE}
        self._note(good, now)
        stable = {one for one in good if now - self.good_since[one] >= self._stable_for}
        has_more_time = now < self._deadline + 2 * self._stable_for
        if stable == set(self._addresses) or (is_over and (stable == good or not has_more_time)):
            return {one: self._verdict(found, one in stable) for one, found in findings.items()}
        return None

    def _slack(self, fleet: FleetHealth, missing: set[str]) -> dict[str, int]:
        """Return how many sessions other devices may have taken from each colour of a device.

        A device that has lost all sessions of a colour, and more than failed and missing devices explain, is ill
        itself: it excuses the others, but no other one that is ill.
        """

        def lost(device_id: str, address: str | None, **options: Any) -> int:
            return lost_transports(self._baseline.get(device_id), fleet.of(address), **options)

        gone = {one: lost(one, ip) for one, ip in self._failed.items() if one not in self._addresses}
        gone |= {one: lost(one, self._addresses[one], is_lost=True) for one in missing}
        explained = sum(gone.values())
        present = {one: ip for one, ip in self._addresses.items() if one not in missing}
        ill = {one: lost(one, ip) for one, ip in present.items() if lost(one, ip, more_than=explained)}
        total = explained + sum(ill.values())
        return {one: explained if one in ill else total - gone.get(one, 0) for one in self._addresses}

    def _findings(self, fleet: FleetHealth, device_id: str, checks: Sequence[str], lost: int = 0) -> list[Finding]:
        before, after = self._baseline.get(device_id), fleet.of(self._addresses[device_id])
        # What is fine is dropped at once: kept for a thousand devices, it calls for whole collections of garbage.
        return [one for one in compare(before, after, checks, lost_tlocs=lost) if one.verdict != OK]

    def _note(self, good: set[str], now: float) -> None:
        self.good_since = {one: self.good_since.get(one, now) for one in good}

    def _verdict(self, findings: list[Finding], is_stable: bool) -> HealthVerdict:
        worse = [str(one) for one in findings if one.verdict == WORSE]
        if not worse and not is_stable:
            worse = [f"it did not stay healthy for {self._stable_for:.0f} s"]
        return HealthVerdict(not worse, tuple(findings), "; ".join(worse))


def lost_transports(
    before: DeviceHealth | None, after: DeviceHealth | None, *, is_lost: bool = False, more_than: int = 0
) -> int:
    """Return how many transports of a device are down that were up before; each took a session from every peer.

    :param is_lost: it counts as unreachable whatever its last values are.
    :param more_than: only those count that had more sessions.
    """
    colours = (before and before.colours) or {}
    up = [colour for colour, count in colours.items() if (count or 0) > more_than]
    if is_lost or after is None or not after.reachable:
        return len(up) if colours else 1
    return sum((after.colours.get(colour) or 0) < 1 for colour in up) if after.colours is not None else 0
