"""A plan as ``UpgradeDevicesOperator`` is given it: the JSON that ``PlanUpgradeOperator`` returns, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_plain
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.health import DeviceHealth

#: roles whose devices the manager upgrades one after another
CONTROLLERS = ("vbond", "vsmart")

_TEXTS = ("device", "device_id", "from_version", "version", "step", "role")


@dataclass(frozen=True)
class PlannedRow:
    """A device of a wave, as the plan has it.

    :param step: ``install+activate``, ``activate`` or ``set_default``.
    :param wave: number of its wave, from 1.
    """

    device: str
    device_id: str
    role: str
    from_version: str
    version: str
    step: str
    wave: int
    system_ip: str | None = None
    site_id: str | None = None
    platform_family: str | None = None

    def for_version(self, version: str) -> dict[str, str]:
        """Return how an action names the device."""
        return {"device_id": self.device_id, "version": version}


@dataclass(frozen=True)
class PlannedUpgrade:
    """Waves, and what the plan knows beside them.

    :param manager: base URL of the manager that the plan was made on.
    :param baseline: health when the plan was made, by device id.
    """

    manager: str
    release: str | None
    waves: tuple[tuple[PlannedRow, ...], ...]
    baseline: Mapping[str, DeviceHealth] = field(default_factory=dict)
    unchanged: tuple[Mapping[str, Any], ...] = ()
    blocked: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> list[PlannedRow]:
        """Return the devices of all waves."""
        return [row for wave in self.waves for row in wave]

    @property
    def digest(self) -> str:
        """Return a text that differs for other waves; a note of an earlier try is only used for the same ones."""
        text = json.dumps([[self.manager], *([[row.device_id, row.version] for row in wave] for wave in self.waves)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_plan(plan: Any) -> PlannedUpgrade:
    """Return the plan.

    :param plan: the result of ``PlanUpgradeOperator``, or its text as a template renders it.
    :raises VManageConfigurationError: anything else, or a device that stands in two places.
    """
    given = parse_plain(plan, "plan") if isinstance(plan, str) else plan
    if not isinstance(given, Mapping) or not isinstance(given.get("waves"), Sequence):
        raise _wrong(f"plan is {str(plan)[:100]!r}")
    try:
        return _parse(given)
    except (TypeError, AttributeError) as err:  # of another shape further in
        raise _wrong(f"plan cannot be read ({err})") from None


def _parse(given: Mapping[str, Any]) -> PlannedUpgrade:
    waves = tuple(tuple(_row(row, number) for row in wave) for number, wave in enumerate(given["waves"], start=1))
    ids = [row.device_id for wave in waves for row in wave]
    if twice := sorted({one for one in ids if ids.count(one) > 1} if len(set(ids)) < len(ids) else ()):
        raise _wrong(f"plan has the device {twice[0]} more than once")
    return PlannedUpgrade(
        manager=str(given.get("manager") or ""),
        release=given.get("release"),
        waves=waves,
        baseline={key: parse_health_json(value) for key, value in (given.get("baseline") or {}).items()},
        unchanged=tuple(given.get("unchanged") or ()),
        blocked=tuple(given.get("blocked") or ()),
        warnings=tuple(given.get("warnings") or ()),
    )


def parse_health_json(value: Mapping[str, Any]) -> DeviceHealth:
    """Return the health that :meth:`DeviceHealth.as_json` has written."""
    return DeviceHealth(**value)


def _row(row: Any, wave: int) -> PlannedRow:
    if not isinstance(row, Mapping) or not all(isinstance(row.get(name), str) and row[name] for name in _TEXTS):
        raise _wrong(f"plan has {str(row)[:100]!r} in wave {wave}")
    more = ("system_ip", "site_id", "platform_family")
    fields: dict[str, Any] = {name: row.get(name) for name in (*_TEXTS, *more)}
    return PlannedRow(wave=wave, **fields)


def _wrong(what: str) -> VManageConfigurationError:
    return VManageConfigurationError(f"{what}: give the whole result of PlanUpgradeOperator")
