"""A fleet of example devices: sites, roles, platform families. The same number makes the same fleet; all invented."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.simulator.devices.store import DeviceStore

IOS_XE = "17.09.04a.0.6"  # five parts, as a device spells it
VIPTELA_OS = "20.9.4"
HEADQUARTERS = 100


@dataclass(frozen=True)
class _Kind:
    """A kind of router.

    :param uuid: How its chassis number begins.
    """

    family: str
    model: str
    uuid: str
    version: str


_KINDS = (
    _Kind("c8000v", "vedge-C8000V", "C8K-", IOS_XE),
    _Kind("isr4300", "vedge-ISR-4331", "ISR4331/K9-", IOS_XE),
    _Kind("asr1001x", "vedge-ASR-1001-X", "ASR1001-X-", IOS_XE),
    _Kind("vedge-x86", "vedge-cloud", "", VIPTELA_OS),
)


def add_fleet(store: DeviceStore, count: int) -> None:
    """Add so many devices: a validator, one or two controllers, then edges; the first two edges are hubs.

    :param count: All devices but the manager itself.
    :raises ValueError: Not a positive number.
    """
    if count < 1:
        raise ValueError(f"a fleet has one device or more, not {count}")
    version = str(store.own.record["version"])
    roles = ["vbond", "vsmart", "vsmart"] if count >= 8 else ["vbond", "vsmart"] if count >= 4 else []
    for number, role in enumerate(roles):
        name = f"hq-{role}-{max(1, number)}"
        store.add(name, role, version, **_identity(name, HEADQUARTERS, 1 + number))
    for place in _places(count - len(roles)):
        _add_edge(store, *place)


def _places(count: int) -> Iterator[tuple[int, int]]:
    """Site and number at it of each edge: two hubs, then sites of one and of two routers by turns."""
    site, left = HEADQUARTERS, count
    while left:
        here = min(left, 2 if site % 2 == 0 else 1)
        yield from ((site, number) for number in range(1, here + 1))
        site, left = site + 1, left - here


def _add_edge(store: DeviceStore, site: int, number: int) -> None:
    kind = _KINDS[site % len(_KINDS)]
    name = f"{'hq' if site == HEADQUARTERS else f'site{site}'}-edge-{number}"
    identity = _identity(name, site, 10 + number)
    identity["uuid"] = f"{kind.uuid}{identity['uuid']}" if kind.uuid else identity["uuid"]
    model = {"platformFamily": kind.family, "device-model": kind.model}
    store.add(name, "vedge", kind.version, hub=site == HEADQUARTERS, **identity, **model)


def _identity(name: str, site: int, host: int) -> dict[str, Any]:
    address = f"10.{site // 250}.{site % 250}.{host}"
    ids = {"uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), "site-id": str(site)}
    return {**ids, "system-ip": address, "local-system-ip": address, "deviceId": address}
