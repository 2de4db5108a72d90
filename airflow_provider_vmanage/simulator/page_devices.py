"""Devices and tasks on the page at ``/``."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.devices.health import device_row, survey
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.upgrade.job import Job
from airflow_provider_vmanage.simulator.upgrade.task import Task

_DEVICES = ("Device", "Site", "Role", "Family", "State", "Running", "Default", "Available", "Control", "BFD")
_TASKS = ("Task", "Started", "State", "Device", "Status", "Last activity")


def device_section(manager: Manager) -> str:
    """HTML with one row per device."""
    devices = [device for device in manager.devices.all if device.present]
    fabric = survey(devices, manager.devices.clock())
    rows = [_device(device, device_row(device, fabric, wobble=False)) for device in devices]
    down = sum(not device.reachable for device in devices)
    about = f"{len(devices)} device{'' if len(devices) == 1 else 's'}{f', {down} unreachable' if down else ''}."
    return f"<h2>Devices</h2>\n<p>{about}</p>\n{_table(_DEVICES, rows)}"


def task_section(manager: Manager) -> str:
    """HTML with one row per device of the last tasks, the newest first; nothing if there was no task."""
    tasks = manager.tasks.recent
    if not tasks:
        return ""
    running = len(manager.tasks.running)
    rows = [_job(task, job) for task in tasks for job in task.jobs]
    return f"<h2>Tasks</h2>\n<p>{running} running.</p>\n{_table(_TASKS, rows)}"


def _device(device: Device, health: dict[str, Any]) -> str:
    record = device.record
    state = record.get("reachability")
    others = record.get("availableVersions")
    return _row(
        f'<td class="name">{_text(record.get("host-name"))}<small>{_text(record.get("system-ip"))}</small></td>',
        record.get("site-id"),
        record.get("personality"),
        record.get("platformFamily"),
        f'<td><span class="{"good" if device.reachable else "bad"}">{_text(state)}</span></td>',
        record.get("version"),
        record.get("defaultVersion"),
        ", ".join(map(str, others)) if isinstance(others, list) else others,
        health.get("controlConnections", ""),
        health.get("bfdSessions", ""),
    )


def _job(task: Task, job: Job) -> str:
    started = time.strftime("%H:%M:%S", time.gmtime(task.created))
    word = {"Success": "good", "In progress": ""}.get(job.word, "bad")
    return _row(
        f'<td class="name">{_text(task.name)}<small>{_text(task.process_id)}</small></td>',
        started,
        "in progress" if task.running else "done",
        job.device.record.get("host-name"),
        f'<td><span class="{word}">{_text(job.word)}</span></td>',
        job.lines[-1][1] if job.lines else "",
    )


def _row(*cells: Any) -> str:
    made = (c if isinstance(c, str) and c.startswith("<td") else f"<td>{_text(c)}</td>" for c in cells)
    return f"<tr>{''.join(made)}</tr>"


def _table(columns: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "\n".join(rows) or f'<tr><td class="none" colspan="{len(columns)}">None.</td></tr>'
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>\n"


def _text(value: Any) -> str:
    return escape(str(value if value is not None else ""))
