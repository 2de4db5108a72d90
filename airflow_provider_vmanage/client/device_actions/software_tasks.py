"""Running and scheduled tasks of the manager that may need an image of the repository.

The list is documented (``GET /device/action/status/tasks``), and so is what one task shows. No complete sample of an
installation is published, so a version counts only if the task names it. Otherwise the task may need any version of the
device's platform family, or any image at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageError,
    VManageProtocolError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.urls import build_path
from airflow_provider_vmanage.client.versions import Comparable, comparable, may_be_same

_PATH = "device/action/status"

#: starts of the actions and ids of tasks that need no image: template pushes, reboots, and what only removes from a
#: device. Documented by Cisco as actions and as starts of ids, which differ: ``removepartition``, ``delete_partition``.
_HARMLESS = re.compile(r"push_(feature|file)_template|reboot|(remove|delete)_?partition|image[_-]remove|lxc_?delete")

#: keys under which the body that starts a task names what it needs
_NAMING_KEYS = {"version", "versionId", "versionName", "targetVersion", "fileName"}

#: a line of a real log: "Upgrade Requested for SW version : 20.6.3", "Software image: <file>"
_NAMING_LINE = re.compile(r"(?:SW version|Software image)\s*:\s*(\S+)")


@dataclass(frozen=True)
class SoftwareTask:
    """One running or scheduled task, and the images that it may need.

    :param name: name and id, for messages.
    :param needs: versions, ids and file names that it names.
    :param families: platform families of which it may need any version.
    :param anything: true if it may need any image.
    """

    name: str
    needs: frozenset[Comparable] = frozenset()
    families: frozenset[str] = frozenset()
    anything: bool = False

    def reason(self, image: SoftwareImage) -> str | None:
        """Return why the task needs the image, or ``None`` if it does not."""
        known = (image.version, image.record_id, image.file_id, image.file_name, image.uploaded_name)
        if any(may_be_same(comparable(one), need) for one in known if one for need in self.needs):
            return f"is needed by the task {self.name}"
        fits = not self.families.isdisjoint(image.platform_family) if image.platform_family else bool(self.families)
        if self.anything or fits:
            return f"may be needed by the task {self.name}, which does not show the version that it needs"
        return None


def list_software_tasks(session: ManagerSession, devices: Sequence[Device]) -> list[SoftwareTask]:
    """Return the running and scheduled tasks that may work with images; one call, and one for each of them.

    :param devices: for the platform families of the tasks' devices.
    :raises VManageError: as any read. If the status of one task cannot be read, that task may need any image.
    """
    listed = session.request("GET", f"{_PATH}/tasks")
    rows = listed.member("runningTasks")
    if not isinstance(rows, list):
        raise VManageProtocolError("The manager's runningTasks is not a list", method="GET", path=listed.path)
    families = {device.device_id: device.platform_family for device in devices if device.device_id}
    return [_read_task(session, row, families) for row in rows if _works_with_images(row)]


def _works_with_images(row: Any) -> bool:
    """Return whether the task may work with images; only kinds known as harmless do not."""
    if not isinstance(row, dict):
        return True
    kinds = [str(row[name]).strip().lower() for name in ("action", "processId") if row.get(name)]
    return not kinds or not all(_HARMLESS.match(kind) for kind in kinds)


def _read_task(session: ManagerSession, row: Any, families: dict[str, str | None]) -> SoftwareTask:
    row = row if isinstance(row, dict) else {}
    process_id = str(row.get("processId") or "")
    name = f"{row.get('name') or row.get('action') or 'without a name'} ({process_id or 'no id'})"
    if not process_id:
        return SoftwareTask(name, anything=True)
    try:
        body = session.request("GET", build_path(_PATH, process_id)).body
    except (VManageCancelledError, VManageAuthenticationError):
        raise
    except VManageError as err:
        return SoftwareTask(f"{name}, whose status cannot be read ({err})", anything=True)
    rows = body.get("data") if isinstance(body, dict) else None
    return _task(name, rows if isinstance(rows, list) else [], families)


def _task(name: str, rows: list[Any], families: dict[str, str | None]) -> SoftwareTask:
    needs: set[Comparable] = set()
    unclear: set[str | None] = set()
    for row in (row if isinstance(row, dict) else {} for row in rows):
        # The version that a device runs is in use anyway, and is not the one that the task installs.
        named = {comparable(one) for one in _named_in(row)} - {comparable(str(row.get("version") or ""))}
        needs |= named
        if not named:
            unclear.add(families.get(str(row.get("uuid") or "")))
    known = frozenset(family for family in unclear if family)
    return SoftwareTask(name, frozenset(needs), known, anything=not rows or None in unclear)


def _named_in(row: dict[str, Any]) -> Iterator[str]:
    """Return the versions, ids and file names that one device's row of a task names."""
    lines = row.get("activity")
    for line in lines if isinstance(lines, list) else []:
        yield from _NAMING_LINE.findall(str(line))
    open_values = [_loaded(row.get("actionConfig"))]
    while open_values:
        value = open_values.pop()
        if isinstance(value, list):
            open_values.extend(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key in _NAMING_KEYS and isinstance(inner, str) and inner.strip():
                    yield inner
                else:
                    open_values.append(inner)


def _loaded(config: Any) -> Any:
    """Return ``actionConfig`` as data: it is an object, or its JSON text."""
    try:
        return json.loads(config) if isinstance(config, str) else config
    except (ValueError, RecursionError):
        return None
