"""Assumptions about the device lists, health calls and tasks."""

from __future__ import annotations

import re
import time
from typing import Any

from airflow_provider_vmanage.client.assumptions.fields import (
    COUNTERS,
    DEVICE,
    HEALTH,
    RUNNING_TASK,
    TASK_ROW,
    TLOC,
    odd_types,
    unknown_fields,
)
from airflow_provider_vmanage.client.assumptions.lists import add_list, all_rows
from airflow_provider_vmanage.client.assumptions.login import is_error
from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import Table
from airflow_provider_vmanage.client.device_actions.task_status import parse_status
from airflow_provider_vmanage.client.devices import parse_device
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.versions import comparable

DEVICES = Table()

_LISTS = ("edges", "controllers", "managers")
_OPENAPI = "Cisco, OpenAPI of release 26.1"
_CAPTURES = "live captures of releases 18.3 to 20.18"
_REACHABILITY = ("reachable", "unreachable", "auth-failed", "staging", None)
_YEAR_2010_MS, _DAY_MS = 1_262_304_000_000, 86_400_000
_ROLES = ("vedge", "vsmart", "vbond", "vmanage")

add_list(
    DEVICES,
    "device_lists",
    _LISTS,
    DEVICE,
    what="Each of the three device lists",
    mark="D",
    source=f"{_OPENAPI}; catalystwan 0.41.6 reads all three",
    broken="Every image counts as in use, and no device is acted on.",
)


def _odd(rows: list[dict[str, Any]], name: str, known: tuple[str | None, ...]) -> str | None:
    odd = sum(row[name] not in known for row in rows if name in row)
    return f"another word in {odd} of {len(rows)}" if odd else None


@DEVICES.add(
    "D",
    f"{_OPENAPI}: the example is a vmanage",
    otherwise="Its own release counts as in use by platformVersion too; if all lists are empty, every image does.",
)
def manager_lists_itself(seen: Seen) -> str | None:
    """The device lists hold the manager itself, with the version of platformVersion."""
    version = seen.server.version
    if not version:
        raise Unseen("platformVersion is not known")
    rows = seen.rows("managers")
    if any(comparable(str(row.get("version"))) == comparable(version) for row in rows):
        return None
    return "no manager has that version" if rows else "the list of managers is empty"


@DEVICES.add(
    "D",
    _OPENAPI,
    otherwise="Images of the device's platform family count as in use.",
)
def device_versions_can_be_read(seen: Seen) -> str | None:
    """Every version of the device lists can be read."""
    rows = all_rows(seen, _LISTS)
    unreadable = sum(bool(parse_device(row).unreadable) for row in rows)
    return f"not so for {unreadable} of {len(rows)} devices" if unreadable else None


@DEVICES.add(
    "I",
    _OPENAPI,
    otherwise="A device that is named by such an id is refused as ambiguous.",
)
def device_ids_are_unique(seen: Seen) -> str | None:
    """No two devices of the lists have the same uuid."""
    ids = [str(row.get("uuid")) for row in all_rows(seen, _LISTS)]
    return f"{len(ids) - len(set(ids))} repeated" if len(ids) > len(set(ids)) else None


@DEVICES.add(
    "D",
    f"{_OPENAPI}; asserted by the playbooks of Cisco's Ansible collection",
    otherwise="The device counts as running both.",
)
def running_version_is_the_partition(seen: Seen) -> str | None:
    """The version and the current-partition of a device are the same."""
    rows = all_rows(seen, _LISTS)
    odd = sum(parse_device(row).partition is not None for row in rows)
    return f"not so for {odd} of {len(rows)} devices" if odd else None


@DEVICES.add(
    "C",
    "asserted by the playbooks of Cisco's Ansible collection",
    otherwise="An installation is skipped if the version runs or is available: the same either way.",
)
def available_versions_lack_the_running_one(seen: Seen) -> str | None:
    """The field availableVersions does not hold the running version."""
    devices = [parse_device(row) for row in all_rows(seen, _LISTS)]
    odd = sum(device.running in device.available for device in devices if device.running)
    return f"not so for {odd} of {len(devices)} devices" if odd else None


@DEVICES.add(
    "L",
    "netwithalex.blog (17.15.03a.0.176); Cisco's Ansible tests",
    otherwise="Versions are compared by the parts that both have.",
)
def ios_xe_devices_have_versions_of_five_parts(seen: Seen) -> str | None:
    """An IOS-XE device shows versions of five parts: one less than its image."""
    versions = [str(row.get("version")) for row in all_rows(seen, _LISTS)]
    ios_xe = [version for version in versions if re.match(r"1[67]\.\d+\.\d+[a-z]?\.\d", version)]
    if not ios_xe:
        raise Unseen("no IOS-XE device")
    odd = sum(re.fullmatch(r"\d+(\.\d+[a-z]?){4}", version) is None for version in ios_xe)
    return f"another form for {odd} of {len(ios_xe)}" if odd else None


@DEVICES.add(
    "D",
    f"{_OPENAPI}; null in release 20.10 by a comment of catalystwan",
    otherwise="Any other word counts as unreachable: all versions of the device count as needed.",
)
def reachability_has_known_words(seen: Seen) -> str | None:
    """The reachability is reachable, unreachable, auth-failed or staging; at times it is null."""
    return _odd(all_rows(seen, (*_LISTS, "devices")), "reachability", _REACHABILITY)


@DEVICES.add(
    "L",
    _CAPTURES,
    otherwise="The word is shown as it is.",
)
def personality_has_known_words(seen: Seen) -> str | None:
    """The personality is vedge, vsmart, vbond or vmanage."""
    return _odd(all_rows(seen, (*_LISTS, "devices")), "personality", _ROLES)


for _name, _path, _fields, _mark in (
    ("devices", "GET /device", HEALTH, "L"),
    ("counters", "GET /device/counters", COUNTERS, "L"),
    ("tlocs", "GET /device/tloc", TLOC, "D"),
):
    add_list(
        DEVICES,
        f"health_{_name}",
        (_name,),
        _fields,
        what=_path,
        mark=_mark,
        source=_CAPTURES if _mark == "L" else _OPENAPI,
        broken="Health cannot be read." if _name == "devices" else "Its values stay unknown.",
    )


@DEVICES.add(
    "L",
    _CAPTURES,
    otherwise="A device that it lacks counts as worse than before.",
)
def health_shows_every_device(seen: Seen) -> str | None:
    """/device shows every device of the three lists, reachable or not."""
    listed = {row.get("system-ip") for row in all_rows(seen, _LISTS) if row.get("system-ip")}
    missing = listed - {row.get("system-ip") for row in seen.rows("devices")}
    return f"{len(missing)} of {len(listed)} are missing" if missing else None


@DEVICES.add(
    "I",
    "public clients join rows by it",
    otherwise="The last of them counts.",
)
def health_rows_have_distinct_addresses(seen: Seen) -> str | None:
    """No two rows of /device have the same system-ip."""
    addresses = [row["system-ip"] for row in seen.some_rows("devices") if row.get("system-ip")]
    repeated = len(addresses) - len({*map(str, addresses)})
    return f"{repeated} repeated" if repeated else None


@DEVICES.add(
    "L",
    _CAPTURES,
    otherwise="Whether a device has rebooted stays unknown.",
)
def boot_times_are_milliseconds(seen: Seen) -> str | None:
    """The uptime-date of a device in /device is the time of its boot, in milliseconds since 1970."""
    times = [row["uptime-date"] for row in seen.some_rows("devices") if row.get("uptime-date") is not None]
    if not times:
        raise Unseen("no device shows an uptime-date")
    odd = sum(not (str(one).isdecimal() and _YEAR_2010_MS < int(one) < time.time() * 1000 + _DAY_MS) for one in times)
    return f"not so for {odd} of {len(times)}" if odd else None


@DEVICES.add(
    "L",
    _CAPTURES,
    otherwise="The count stays unknown.",
)
def session_counts_are_digits_or_dashes(seen: Seen) -> str | None:
    """Counts of sessions in /device are digits or --."""
    rows = seen.some_rows("devices")
    names = ("controlConnections", "ompPeers", "bfdSessions")
    odd = sum(any(not _is_count(row[name]) for name in names if name in row) for row in rows)
    return f"something else in {odd} of {len(rows)}" if odd else None


def _is_count(value: Any) -> bool:
    return value == "--" or str(value).isdecimal()


@DEVICES.add(
    "L",
    "live capture of an unreachable edge, May 2024",
    otherwise="It counts as unreachable by either field.",
)
def unreachable_devices_show_no_sessions(seen: Seen) -> str | None:
    """An unreachable device shows no connected manager and -- for its sessions, whatever its state says."""
    rows = [row for row in seen.some_rows("devices") if row.get("reachability") == "unreachable"]
    if not rows:
        raise Unseen("every device is reachable")
    odd = sum(bool(row.get("connectedVManages")) or row.get("controlConnections") != "--" for row in rows)
    return f"not so for {odd} of {len(rows)}" if odd else None


add_list(
    DEVICES,
    "running_tasks",
    ("running_tasks",),
    RUNNING_TASK,
    what="The list of running tasks",
    mark="C",
    source="catalystwan 0.41.6; Cisco's specification of release 20.18 shows filler",
    broken="No device is acted on, and every image counts as in use.",
    key="runningTasks",
)


@DEVICES.add(
    "C",
    "sample of a reboot in catalystwan's tests; samples of installations were not found",
    otherwise="The task counts as working on any device, and its outcome as unknown.",
)
def task_status_can_be_read(seen: Seen) -> str | None:
    """The status of a running task has rows, a summary and a validation of the known form."""
    found = seen.response("task")
    if found.status != 200:
        return found.kind
    try:
        parse_status(found.body)
    except VManageError:
        return "another form"
    rows = found.body.get("data") or []
    return "; ".join(filter(None, (odd_types(rows, TASK_ROW), unknown_fields(rows, TASK_ROW))))


@DEVICES.add(
    "C",
    "catalystwan 0.41.6",
    otherwise="An upgrade with a window needs wave_minutes: without limits it cannot know which wave still fits.",
)
def limits_of_tasks_are_minutes(seen: Seen) -> str | None:
    """The limits of software tasks are one row of minutes: downloadTimeoutInMin and activateTimeoutInMin."""
    found = seen.response("limits")
    if found.status != 200:
        return found.kind
    row = seen.some_rows("limits")[0]
    odd = [name for name in ("downloadTimeoutInMin", "activateTimeoutInMin") if not str(row.get(name)).isdecimal()]
    return f"no minutes in {' and '.join(odd)}" if odd else None


@DEVICES.add(
    "U",
    "searched, not found",
    otherwise="After three refusals of a task that is awaited, the versions of the devices alone decide.",
)
def unknown_task_is_refused(seen: Seen) -> str | None:
    """The status of an unknown task is refused with an error object."""
    found = seen.response("unknown_task")
    return None if is_error(found) else found.kind
