"""In which order devices are upgraded: waves by role and site. Pure: nothing is read or sent here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_plain
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManageConfigurationError

#: roles in the order of an upgrade: validators, controllers, edges. A manager is upgraded alone.
ROLES = ("vbond", "vsmart", "vedge")

MANAGER = "vmanage"


def parse_wave_sizes(sizes: Any) -> tuple[int | Fraction, ...]:
    """Return the sizes: numbers of devices as integers, percentages as fractions.

    :param sizes: such as ``(1, "10%", "50%")``; the last one repeats.
    :raises VManageConfigurationError: empty, or a size that is neither a number from 1 nor a percentage to 100.
    """
    sizes = parse_plain(sizes, "wave_sizes") if isinstance(sizes, str) and sizes.lstrip()[:1] in ("[", "(") else sizes
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, Sequence) or not sizes:
        raise VManageConfigurationError(f'wave_sizes is {sizes!r}: give a list such as [1, "10%", "50%"]')
    return tuple(_size(one) for one in sizes)


def check_roles(devices: Sequence[Device]) -> None:
    """Raise if a manager is to be upgraded together with other devices, or a role is not known.

    :raises VManageConfigurationError: naming the devices.
    """
    managers = [device.name for device in devices if device.role == MANAGER]
    if managers and len(managers) < len(devices):
        raise VManageConfigurationError(
            f"devices has the manager {managers[0]} beside other roles: upgrade the manager in a plan of its own, first"
        )
    unknown = [f"{device.name} ({device.role})" for device in devices if device.role not in (*ROLES, MANAGER)]
    if unknown:
        raise VManageConfigurationError(
            f"devices has roles with no known order: {', '.join(unknown[:10])}. Leave these devices out"
        )


def make_waves(
    devices: Sequence[Device], sizes: Sequence[int | Fraction], *, one_per_site: bool = True
) -> list[list[Device]]:
    """Return the devices in waves, in a stable order: the same input gives the same waves.

    No wave holds two roles. Sizes begin again with each role; percentages are of that role's devices, rounded up.

    :param sizes: of :func:`parse_wave_sizes`.
    :param one_per_site: no two devices of one site share a wave, even if waves get smaller: the reload of an upgrade
        does not close BGP gracefully. Devices without a site count as one site.
    """
    waves: list[list[Device]] = []
    for role in (*ROLES, MANAGER):
        waves += _waves_of_role([device for device in devices if device.role == role], sizes, one_per_site)
    return waves


def by_site(device: Device) -> tuple[Any, ...]:
    """Return the key to sort devices by: site, numbers as numbers, then name; the id orders devices of one name."""
    site = device.site_id or ""
    return (not site.isdecimal(), int(site) if site.isdecimal() else 0, site, device.name, device.device_id or "")


def _waves_of_role(
    devices: Sequence[Device], sizes: Sequence[int | Fraction], one_per_site: bool
) -> list[list[Device]]:
    left = sorted(devices, key=by_site)
    total = len(left)
    waves: list[list[Device]] = []
    while left:
        size = sizes[min(len(waves), len(sizes) - 1)]
        room = math.ceil(size * total) if isinstance(size, Fraction) else size
        wave = _take(left, room, one_per_site)
        taken = {id(device) for device in wave}
        left = [device for device in left if id(device) not in taken]
        waves.append(wave)
    return waves


def _take(devices: Sequence[Device], room: int, one_per_site: bool) -> list[Device]:
    wave: list[Device] = []
    sites: set[str | None] = set()
    for device in devices:
        if len(wave) == room:
            break
        if one_per_site and device.site_id in sites:
            continue
        sites.add(device.site_id)
        wave.append(device)
    return wave


def _size(value: Any) -> int | Fraction:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and (found := re.fullmatch(r"(\d{1,3})\s*%", text, re.ASCII)):
        percentage = int(found[1])
        if 1 <= percentage <= 100:
            return Fraction(percentage, 100)
    if isinstance(text, str) and re.fullmatch(r"\d{1,6}", text, re.ASCII):
        text = int(text)
    if isinstance(text, bool) or not isinstance(text, int) or text < 1:
        raise VManageConfigurationError(
            f'wave_sizes has {value!r}: give a number from 1, or a percentage such as "10%"'
        )
    return text
