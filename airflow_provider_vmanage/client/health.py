"""Whether a device is as healthy as it was before an upgrade. Pure: nothing is read here.

There are no thresholds: expected counts are only known from before, so health is a comparison with a baseline. Traps of
the responses (live captures of releases 18.3 to 20.18):

* an unreachable edge still says ``status: normal`` and ``state: green``, so reachability comes first;
* ``--`` is a value, an absent field is another, and neither is 0; whether a reachable edge that had sessions can show
  ``--`` and be well is not documented, so that counts as a loss;
* numbers are text in one response and integers in another;
* release 20.12 counts no OMP peers and BFD sessions of an edge in ``/device/counters``, but in ``/device``;
* the boot time wobbles by a minute without a reboot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from airflow_provider_vmanage.client.errors import VManageConfigurationError

#: every check, in the order in which findings are listed
CHECKS = ("reachable", "control", "omp", "bfd", "colour", "state", "certificate", "config")

OK, SO_BEFORE, WORSE, UNKNOWN = "ok", "was so before", "worse", "cannot tell"

#: for ``--`` in place of a number of sessions
DASHES = -1

#: seconds by which the boot time has to move for a reboot
REBOOT_SHIFT_S = 300


@dataclass(frozen=True)
class DeviceHealth:
    """What the manager's store says of one device; ``None`` is a value that it does not show, ``DASHES`` is ``--``.

    :param reachable: ``reachability`` is ``reachable``, and a manager is connected where the field is there.
    :param control: control connections to controllers.
    :param control_expected: how many there should be.
    :param omp_up: OMP peers that are up.
    :param omp_down: OMP peers that are down.
    :param bfd_up: BFD sessions that are up.
    :param colours: BFD sessions that are up, by colour; ``None`` where no row is there.
    :param state: such as ``green``.
    :param certificate: such as ``Valid``.
    :param config: such as ``In Sync``.
    :param booted_at: milliseconds since 1970.
    """

    reachable: bool | None = None
    control: int | None = None
    control_expected: int | None = None
    omp_up: int | None = None
    omp_down: int | None = None
    bfd_up: int | None = None
    colours: Mapping[str, int | None] | None = None
    state: str | None = None
    certificate: str | None = None
    config: str | None = None
    booted_at: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the values that are known, as plain JSON types."""
        return {name: value for name, value in asdict(self).items() if value not in (None, DASHES)}


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    :param verdict: ``ok``, ``was so before``, ``worse`` or ``cannot tell``.
    :param before: value of the baseline, as text.
    :param after: value now, as text.
    """

    check: str
    verdict: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return one line for a log or a report."""
        return f"{self.check} {self.verdict}: {self.before} before, {self.after} now"


@dataclass(frozen=True)
class FleetHealth:
    """The health of all devices at one moment.

    :param devices: by system IP.
    :param problems: calls that the user may not make, or that failed; their values are ``None``.
    :param is_listed: whether the user may list the devices; if not, nothing is known of any of them.
    """

    devices: Mapping[str, DeviceHealth] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    is_listed: bool = True

    def of(self, system_ip: str | None) -> DeviceHealth | None:
        """Return the health of a device, or ``None`` where the manager does not list it."""
        return self.devices.get(system_ip or "") if self.is_listed else DeviceHealth()


def parse_health(
    devices: Iterable[Mapping[str, Any]],
    counters: Iterable[Mapping[str, Any]],
    tlocs: Iterable[Mapping[str, Any]],
    inventory: Iterable[Mapping[str, Any]] = (),
) -> dict[str, DeviceHealth]:
    """Return the health by system IP. Rows are joined by ``system-ip`` only: host names repeat.

    :param devices: rows of ``/device``.
    :param counters: of ``/device/counters``.
    :param tlocs: of ``/device/tloc``.
    :param inventory: of ``/system/device/vedges`` and ``controllers``.
    """
    configs = {str(row.get("system-ip")): row.get("configStatusMessage") for row in inventory}
    counted = {str(row.get("system-ip")): row for row in counters}
    colours: dict[str, dict[str, int | None]] = {}
    for row in tlocs:
        if row.get("color") and "bfdSessionsUp" in row:
            colours.setdefault(str(row.get("system-ip")), {})[str(row["color"])] = _sessions(row["bfdSessionsUp"])
    return {
        ip: _health({"configStatusMessage": configs.get(ip), **row}, counted.get(ip, {}), colours.get(ip))
        for row in devices
        if (ip := str(row.get("system-ip") or ""))
    }


def parse_checks(checks: Any) -> tuple[str, ...]:
    """Return the checks, in the usual order.

    :raises VManageConfigurationError: not a list of known names.
    """
    if isinstance(checks, str) or not isinstance(checks, Sequence) or not all(one in CHECKS for one in checks):
        raise VManageConfigurationError(f"checks is {checks!r}: give a list of {', '.join(CHECKS)}")
    return tuple(one for one in CHECKS if one in checks)


def compare(
    before: DeviceHealth | None,
    after: DeviceHealth | None,
    checks: Sequence[str] = CHECKS,
    *,
    lost_tlocs: int = 0,
) -> list[Finding]:
    """Return a finding for each check that applies to the device.

    :param before: the baseline; ``None`` where the device was not listed.
    :param after: the health now; ``None`` where the device is not listed, which is worse than anything.
    :param checks: in the order of the findings.
    :param lost_tlocs: transports of devices that failed. Each may have taken one BFD session from every colour of this
        device, and the counters name no peers: losses up to that are ``cannot tell``.
    """
    if after is None:
        return [Finding("reachable", WORSE, _shown(before and before.reachable), "not listed")]
    before = before or DeviceHealth()
    if after.reachable is False:  # the store keeps the last values of a device that is out of reach
        return [_reachable(before, after)] if "reachable" in checks else []
    found: list[Finding] = []
    for check in checks:
        found += _CHECKS[check](before, after, lost_tlocs)
    return found


def worst(findings: Iterable[Finding]) -> str:
    """Return the verdict that counts: ``worse`` before all others, then ``cannot tell``, then ``was so before``."""
    verdicts = {one.verdict for one in findings}
    return next((one for one in (WORSE, UNKNOWN, SO_BEFORE) if one in verdicts), OK)


def rebooted(before: DeviceHealth, after: DeviceHealth) -> bool | None:
    """Return whether the device booted since, or ``None`` where a boot time is missing."""
    if before.booted_at is None or after.booted_at is None:
        return None
    return after.booted_at - before.booted_at > REBOOT_SHIFT_S * 1000


def _health(
    row: Mapping[str, Any], counters: Mapping[str, Any], colours: Mapping[str, int | None] | None
) -> DeviceHealth:
    return DeviceHealth(
        reachable=_is_reachable(row),
        control=_sessions(counters.get("number-vsmart-control-connections")),
        control_expected=_number(counters.get("expectedControlConnections")),
        omp_up=_sessions(counters.get("ompPeersUp", row.get("ompPeers"))),
        omp_down=_number(counters.get("ompPeersDown")),
        bfd_up=_sessions(counters.get("bfdSessionsUp", row.get("bfdSessionsUp"))),
        colours=colours,
        state=_words(row.get("state")),
        certificate=_words(row.get("certificate-validity")),
        config=_words(row.get("configStatusMessage")),
        booted_at=_number(row.get("uptime-date")),
    )


def _is_reachable(row: Mapping[str, Any]) -> bool | None:
    if row.get("reachability") is None:
        return None
    managers = row.get("connectedVManages")
    return row["reachability"] == "reachable" and (not isinstance(managers, list) or bool(managers))


def _reachable(before: DeviceHealth, after: DeviceHealth) -> Finding:
    if after.reachable is None:
        verdict = UNKNOWN
    elif after.reachable:
        verdict = OK
    else:
        verdict = SO_BEFORE if before.reachable is False else WORSE
    return Finding("reachable", verdict, _shown(before.reachable), _shown(after.reachable))


def _control(before: DeviceHealth, after: DeviceHealth) -> list[Finding]:
    if before.control in (None, DASHES) and after.control in (None, DASHES):
        return []
    shown = [f"{_shown(one.control)} of {_shown(one.control_expected)}" for one in (before, after)]
    if before.control is None or before.control == DASHES or after.control is None:
        return [Finding("control", UNKNOWN, *shown)]
    expected = after.control_expected if after.control_expected is not None else before.control
    unmet = WORSE if after.control < min(before.control, expected) else SO_BEFORE
    return [Finding("control", unmet if after.control < expected else OK, *shown)]


def _count(check: str, before: int | None, after: int | None, *, slack: int = 0) -> list[Finding]:
    if before in (None, DASHES) and after in (None, DASHES):
        return []
    if before is None or before == DASHES or after is None:
        verdict = UNKNOWN
    elif max(after, 0) >= before:
        verdict = OK
    else:
        verdict = UNKNOWN if before - max(after, 0) <= slack else WORSE
    return [Finding(check, verdict, _shown(before), _shown(after))]


def _colours(before: DeviceHealth, after: DeviceHealth, lost_tlocs: int) -> list[Finding]:
    findings = []
    for colour, count in (before.colours or {}).items():
        # A colour without a row is a transport that did not come back, unless the device has no rows at all.
        now = None if after.colours is None else after.colours.get(colour, 0)
        found = _count("colour", count, now, slack=lost_tlocs)
        findings += [replace(one, before=f"{colour} {one.before}", after=f"{colour} {one.after}") for one in found]
    return findings


def _text(check: str, before: str | None, after: str | None, good: str) -> list[Finding]:
    if before is None and after is None:
        return []
    if after == good:
        verdict = OK
    elif before is None or after is None:
        verdict = UNKNOWN
    else:
        verdict = SO_BEFORE if after == before else WORSE
    return [Finding(check, verdict, _shown(before), _shown(after))]


def _sessions(value: Any) -> int | None:
    return DASHES if value == "--" else _number(value)


def _number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdecimal() else None


def _words(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return {None: "unknown", DASHES: "--"}.get(value, str(value))


_CHECKS: dict[str, Callable[[DeviceHealth, DeviceHealth, int], list[Finding]]] = {
    "reachable": lambda before, after, lost: [_reachable(before, after)],
    "control": lambda before, after, lost: _control(before, after),
    "omp": lambda before, after, lost: _count("omp", before.omp_up, after.omp_up),
    "bfd": lambda before, after, lost: _count(
        "bfd", before.bfd_up, after.bfd_up, slack=lost * len(before.colours or ("one",))
    ),
    "colour": lambda before, after, lost: _colours(before, after, lost),
    "state": lambda before, after, lost: _text("state", before.state, after.state, "green"),
    "certificate": lambda before, after, lost: _text("certificate", before.certificate, after.certificate, "Valid"),
    "config": lambda before, after, lost: _text("config", before.config, after.config, "In Sync"),
}
