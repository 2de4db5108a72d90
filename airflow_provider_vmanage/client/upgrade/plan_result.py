"""A plan of an upgrade as plain JSON types: what a person approves, and what the upgrade is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_vmanage.client.health import CHECKS, OK, FleetHealth, compare
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.upgrade.fleet_health import inventories_for, read_health
from airflow_provider_vmanage.client.upgrade.plan import Fleet, PlannedDevice, UpgradePlan, make_plan, read_fleet
from airflow_provider_vmanage.client.upgrade.waves import MANAGER, parse_wave_sizes
from airflow_provider_vmanage.client.upgrade.wish import UpgradeWish
from airflow_provider_vmanage.client.versions import same_version, version_key

#: how many devices a warning names
_NAMED = 10


def plan_upgrade(session: ManagerSession, wish: UpgradeWish, *, wave_sizes: Any, **options: Any) -> dict[str, Any]:
    """Read what is needed, fleet-wide only, and return the plan.

    :param wave_sizes: such as ``(1, "10%", "50%")``.
    :param options: of :func:`.make_plan`, which also names the errors.
    :raises VManageError: as any read.
    """
    parse_wave_sizes(wave_sizes)  # bad input is refused before anything is read
    fleet = read_fleet(session, wish)
    plan = make_plan(wish, fleet, wave_sizes=wave_sizes, **options)
    roles = [one.device.role for wave in plan.waves for one in wave]
    health = read_health(session, inventories_for(roles, CHECKS)) if roles else FleetHealth()
    return plan_result(plan, fleet, health, manager=session.settings.base_url, version=wish.version)


def plan_result(
    plan: UpgradePlan, fleet: Fleet, health: FleetHealth, *, manager: str, version: str | dict[str, str] | None
) -> dict[str, Any]:
    """Return the plan with its warnings and a baseline of the devices that would change.

    :param health: of all devices now.
    :param manager: base URL of the manager.
    :param version: that is wanted, or by platform family.
    """
    chosen = [one for wave in plan.waves for one in wave]
    baseline = {
        one.device.device_id: health.devices[one.device.system_ip or ""].as_json()
        for one in chosen
        if one.device.system_ip in health.devices
    }
    return {
        "manager": manager,
        "release": _dotted(fleet.release) if fleet.release else None,
        "version": version,
        "waves": [[one.as_row(number) for one in wave] for number, wave in enumerate(plan.waves, start=1)],
        "unchanged": [one.as_row() for one in plan.unchanged],
        "blocked": [one.as_row() for one in plan.blocked],
        "warnings": [
            *_version_warnings(chosen, fleet),
            *_first(_site_warnings(chosen, fleet)),
            *_first(_health_warnings(chosen, health)),
        ],
        "baseline": baseline,
        "baseline_problems": [*health.problems, *(_missing(chosen, baseline) if health.is_listed else ())],
        "applied": False,
        "changed": False,
    }


def _version_warnings(chosen: list[PlannedDevice], fleet: Fleet) -> Iterator[str]:
    """Yield warnings about the wanted versions, for a person to judge."""
    for version in dict.fromkeys(one.version for one in chosen if one.device.role != MANAGER):
        release = _release_of(version)
        if fleet.release is not None and release is not None and release > fleet.release:
            yield (
                f"version {version} belongs to release {_dotted(release)} and the manager runs "
                f"{_dotted(fleet.release)}: Cisco upgrades the manager first, then controllers, then edges"
            )
    for version in dict.fromkeys(one.version for one in chosen if one.step == "install+activate"):
        images = [image for image in fleet.images if image.is_on_manager and same_version(image.version or "", version)]
        for image in images:
            if not image.platform_family:
                yield f"image {image.file_name} names no platform family: check that it fits the devices"


def _site_warnings(chosen: list[PlannedDevice], fleet: Fleet) -> list[str]:
    """Return the edges whose reboot may leave a site without any: another edge of the site cannot be reached."""
    unreachable = {
        device.site_id: device.name
        for device in fleet.devices
        if device.role == "vedge" and device.site_id and not device.reachable
    }
    return [
        f"{device.name} would reboot while {unreachable[device.site_id]} of its site {device.site_id} cannot be reached"
        for device in (one.device for one in chosen if one.step != "set_default")
        if device.role == "vedge" and device.site_id in unreachable
    ]


def _health_warnings(chosen: list[PlannedDevice], health: FleetHealth) -> list[str]:
    """Return the devices that are not healthy already: an upgrade would count that as *was so before*."""
    texts = []
    for one in chosen:
        now = health.devices.get(one.device.system_ip or "")
        bad = [f"{found.check} {found.after}" for found in compare(now, now) if found.verdict != OK] if now else []
        if bad:
            texts.append(f"{one.device.name} is not healthy: {', '.join(bad)}")
    return texts


def _first(texts: list[str]) -> list[str]:
    return texts[:_NAMED] + ([f"and {len(texts) - _NAMED} more like the last"] if len(texts) > _NAMED else [])


def _missing(chosen: list[PlannedDevice], baseline: Mapping[str | None, Any]) -> Iterator[str]:
    missing = [one.device.name for one in chosen if one.device.device_id not in baseline]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        yield f"device does not list {', '.join(missing[:_NAMED])}{more}"


def _release_of(version: str) -> tuple[int, int] | None:
    """Return the manager's release that a version belongs to.

    IOS XE 17.N and release 20.N are published in pairs (Cisco's recommended releases, document 215676: 20.12.4/17.12.4,
    20.9.5/17.9.5, 20.6.6/17.6.6); other software carries the release itself. From release 20.18 on the manager lists
    the oldest versions that it supports (``version-compliance-info``), but not the newest, so this is only a warning.
    """
    numbers = [number for number, _ in version_key(version)[:2]]
    if len(numbers) < 2:
        return None
    return (20 if numbers[0] == 17 else numbers[0], numbers[1])


def _dotted(release: tuple[int, int]) -> str:
    return f"{release[0]}.{release[1]}"
