"""Health of the devices as fleet-wide calls report it, with the quirks of live captures.

Fields: live captures of ``/device`` (20.10 to 20.18), OpenAPI 26.1 for ``counters``, ``tloc`` and ``system/info``.
Numbers follow from the devices that there are; how many sessions a real fabric of this size has differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import CONTROL_MINUTES, OMP_MINUTES, Device

Row = dict[str, Any]
UNKNOWN = "--"  # a value, for devices that have no such sessions and for unreachable ones (live capture)
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Fabric:
    """The sums that a device's own numbers follow from; one pass over all devices.

    :param tunnels: Edges that an edge may have a tunnel to, by colour; ``up`` are those that can have one now.
    """

    now: float
    managers: tuple[str, ...]
    vsmarts: int
    vsmarts_up: int
    reachable: int
    edges_with_omp: int
    tunnels: Counter[str]
    up: Counter[str]
    hub_tunnels: Counter[str]
    hubs_up: Counter[str]

    def bfd(self, device: Device, colour: str) -> tuple[int, int]:
        """BFD sessions of a device on a colour: up and down."""
        everybody = device.hub or not self.hub_tunnels
        total = (self.tunnels if everybody else self.hub_tunnels)[colour] - everybody
        is_up = colour in device.colours_up(self.now)
        up = (self.up if everybody else self.hubs_up)[colour] - everybody if is_up else 0
        return up, total - up


def survey(devices: Sequence[Device], now: float) -> Fabric:
    """The sums of a fabric."""
    edges = [d for d in devices if d.list_name == "vedge"]
    hubs = [d for d in edges if d.hub]
    vsmarts = [d for d in devices if d.record["device-type"] == "vsmart"]
    return Fabric(
        now=now,
        managers=tuple(str(d.record.get("system-ip")) for d in devices if d.list_name == "vmanage" and d.reachable),
        vsmarts=len(vsmarts),
        vsmarts_up=sum(d.settled(now, CONTROL_MINUTES) for d in vsmarts),
        reachable=sum(d.reachable for d in devices),
        edges_with_omp=sum(d.settled(now, OMP_MINUTES) for d in edges),
        tunnels=_count(d.colours for d in edges),
        up=_count(d.colours_up(now) for d in edges),
        hub_tunnels=_count(d.colours for d in hubs),
        hubs_up=_count(d.colours_up(now) for d in hubs),
    )


def device_row(device: Device, fabric: Fabric, wobble: bool) -> Row:
    """The record of ``/device``.

    :param wobble: ``uptime-date`` is a minute earlier, as a live device has it at times without a reboot.
    """
    record = device.record
    row = {name: record.get(name) for name in _FROM_RECORD if name in record}
    row.update(_CONSTANT)
    row.update(_sessions_as_text(device, fabric))
    row["connectedVManages"] = list(fabric.managers) if device.reachable else []
    if wobble and isinstance(record.get("uptime-date"), int):
        row["uptime-date"] = record["uptime-date"] - _MINUTE_MS
    row["site-name"] = f"SITE_{record.get('site-id')}"
    row["lastupdated"] = record.get("uptime-date")  # of the last change, and no sign of freshness (live capture)
    if device.behaviour.red_while_down and not device.reachable:
        row.update(_RED, **{name: "0" for name in _COUNTS if name in row})
    return row


def counters_row(device: Device, fabric: Fabric) -> Row:
    """The record of ``/device/counters``; OMP and BFD only where a device has them."""
    actual, expected = _control(device, fabric)
    row: Row = {
        "system-ip": device.record.get("system-ip"),
        "number-vsmart-control-connections": actual,
        "expectedControlConnections": expected,
        "rebootCount": len(device.reboots),
        "crashCount": len(device.cores),
        "isMTEdge": False,
    }
    if device.behaviour.bare_counters:
        return row
    if (omp := _omp(device, fabric)) is not None:
        row["ompPeersUp"], row["ompPeersDown"] = omp
    if device.list_name == "vedge":
        row["bfdSessionsUp"], row["bfdSessionsDown"] = _bfd(device, fabric)
    return row


def tloc_rows(device: Device, fabric: Fabric) -> list[Row]:
    """The records of ``/device/tloc``: one per colour."""
    address = device.record.get("system-ip")
    if device.list_name != "vedge":
        actual, expected = _control(device, fabric)
        control = {"controlConnectionsUp": actual, "controlConnectionsDown": expected - actual}
        more = {"expectedControlConnections": expected, "controlConnectionsToVsmarts": actual}
        return [{"system-ip": address, "color": "default", **control, **more}]
    return [_tloc(device, fabric, address, colour) for colour in device.colours]


def info_row(device: Device, fabric: Fabric) -> Row:
    """The record of ``/device/system/info``: that of ``/device``, and numbers beside the texts."""
    row = {**device_row(device, fabric, wobble=False), **counters_row(device, fabric)}
    actual, expected = _control(device, fabric)
    row.update(_HARDWARE)
    row.update({"controlConnectionsUp": actual, "controlConnectionsDown": expected - actual})
    row.update({"number-vsmart-peers": fabric.vsmarts_up, "controlConnectionsToVsmarts": str(actual)})
    row.update({name: device.record.get(name) for name in ("availableVersions", "defaultVersion")})
    row["vmanageConnectionState"] = "connected" if device.reachable else "disconnected"
    return row


def _tloc(device: Device, fabric: Fabric, address: Any, colour: str) -> Row:
    up, down = fabric.bfd(device, colour)
    lost = colour in device.lost_colours or not device.settled(fabric.now, CONTROL_MINUTES)
    control = 0 if lost else fabric.vsmarts_up
    return {
        "system-ip": address,
        "color": colour,
        "bfdSessionsUp": up,
        "bfdSessionsDown": down,
        "controlConnectionsUp": control,
        "controlConnectionsDown": fabric.vsmarts - control,
        "controlConnectionsToVsmarts": UNKNOWN,
    }


def _sessions_as_text(device: Device, fabric: Fabric) -> Row:
    """Counts of sessions: texts, and absent where a personality has none of the kind (live captures)."""
    kind = device.record["device-type"]
    row: Row = {"controlConnections": str(fabric.reachable - 1)}
    if kind == "vedge":
        up = _bfd(device, fabric)[0]
        row = {"controlConnections": str(_control(device, fabric)[0] + len(fabric.managers))}
        row.update(bfdSessions=str(up), bfdSessionsUp=up)
    if (omp := _omp(device, fabric)) is not None:
        row["ompPeers"] = str(omp[0])
    if kind == "vbond":
        row = {"controlConnections": UNKNOWN, "ompPeers": UNKNOWN}
    return row if device.reachable else {n: 0 if n == "bfdSessionsUp" else UNKNOWN for n in row}


def _control(device: Device, fabric: Fabric) -> tuple[int, int]:
    """Control connections to vSmarts: those that are up, and those expected."""
    kind = device.record["device-type"]
    up = fabric.vsmarts_up if device.settled(fabric.now, CONTROL_MINUTES) else 0
    if kind == "vsmart":
        return max(0, up - 1), max(0, fabric.vsmarts - 1)
    if kind != "vedge":
        return up, fabric.vsmarts
    usable = sum(c not in device.lost_colours for c in device.colours)
    return usable * up, len(device.colours) * fabric.vsmarts


def _omp(device: Device, fabric: Fabric) -> tuple[int, int] | None:
    kind = device.record["device-type"]
    settled = device.settled(fabric.now, OMP_MINUTES)
    if kind == "vedge":
        up = fabric.vsmarts_up if settled else 0
        return up, fabric.vsmarts - up
    if kind != "vsmart":
        return None
    return (fabric.edges_with_omp, 0) if settled else (0, fabric.edges_with_omp)


def _bfd(device: Device, fabric: Fabric) -> tuple[int, int]:
    pairs = [fabric.bfd(device, colour) for colour in device.colours]
    return sum(up for up, _ in pairs), sum(down for _, down in pairs)


def _count(colours: Iterable[Iterable[str]]) -> Counter[str]:
    return Counter(colour for some in colours for colour in some)


_COUNTS = ("controlConnections", "ompPeers", "bfdSessions")
_FROM_RECORD = (
    *("deviceId", "system-ip", "local-system-ip", "uuid", "host-name", "personality", "device-type", "device-model"),
    *("device-os", "platform", "version", "site-id", "reachability", "uptime-date", "layoutLevel"),
)
# Values of a live capture, which are the same for an unreachable device: only reachability and counts differ.
_CONSTANT: Row = {
    "timezone": "UTC +0000",
    "device-groups": ["No groups"],
    "status": "normal",
    "statusOrder": 4,
    "state": "green",
    "state_description": "All daemons up",
    "validity": "valid",
    "certificate-validity": "Valid",
    "max-controllers": "0",
    "domain-id": "1",
    "isDeviceGeoData": False,
    "testbed_mode": False,
}
_RED: Row = {"status": "error", "state": "red", "state_description": "Device unreachable"}
_HARDWARE: Row = {
    "cpuState": "normal",
    "cpuLoad": 1.46,
    "cpuLoadDisplay": "1.46",
    "memState": "normal",
    "memUsage": 24.1,
    "memUsageDisplay": "24.1",
    "hardwareState": "normal",
    "syncState": "Completed",
    "certificate-status": "Installed",
    "downloadedImages": [],
}
