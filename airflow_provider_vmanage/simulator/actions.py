"""Actions on devices: install an image, activate a version, reboot; and how they get on.

Paths and bodies: OpenAPI of 2022 and 26.1, Cisco's page "Process Install"; all error texts and codes are invented.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import answers
from airflow_provider_vmanage.simulator.devices import (
    LISTS,
    activate_version,
    install_version,
    remove_versions,
    set_default_version,
)
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.naming import UNKNOWN_VERSION, version_of
from airflow_provider_vmanage.simulator.tasks import Device, Task, Work

PREFIX = "/dataservice/device/action"

# How ids begin (Ansible roles, python-viptela), and a name for people, of which only Reboot has a source.
_KINDS = {
    "install": ("software_install", "Software Install"),
    "changepartition": ("change_partition", "Change Partition"),
    "defaultpartition": ("default_partition", "Set Default Partition"),
    "removepartition": ("delete_partition", "Delete Partition"),
    "reboot": ("reboot", "Reboot"),
}


class BadAction(Exception):
    """The body asks for nothing that can be done."""


class ActionPages:
    """Answers to actions and about their tasks."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def routes(self) -> list[Route]:
        """Which page answers what."""
        return [
            *(Route(f"{PREFIX}/{action}", self._start(action), methods=["POST"]) for action in _KINDS),
            Route(PREFIX + "/status/tasks", self.list_running, methods=["GET"]),
            Route(PREFIX + "/status/tasks/activeCount", self.count_running, methods=["GET"]),
            Route(PREFIX + "/status/{process_id}", self.status, methods=["GET"]),
        ]

    async def list_running(self, request: Request) -> Response:
        """The tasks that have not ended, which do not go on by that."""
        return answers.plain_json({"runningTasks": [task.in_list() for task in self._manager.tasks.running]})

    async def count_running(self, request: Request) -> Response:
        """How many tasks run; python-viptela reads ``data``, the key in it is invented."""
        return answers.envelope({"activeTaskCount": len(self._manager.tasks.running)})

    async def status(self, request: Request) -> Response:
        """How one task gets on; what a manager says of an unknown one is unknown."""
        task = self._manager.tasks.find(request.path_params["process_id"])
        if task is None:
            details = f"No task with id {request.path_params['process_id']}"
            return answers.error(400, "Failed to find status", details, "SIM-UNKNOWN-TASK")
        return answers.envelope_and(**task.look())

    def _start(self, action: str) -> Callable[[Request], Any]:
        async def start(request: Request) -> Response:
            try:
                task = self._task(action, _object(await request.body()), request)
            except BadAction as exc:
                return answers.error(400, f"Failed to process {action}", str(exc), "SIM-ACTION-BODY")
            return answers.plain_json({"id": self._manager.tasks.start(task)})

        return start

    def _task(self, action: str, body: dict[str, Any], request: Request) -> Task:
        if body.get("deviceType") not in LISTS.values():
            raise BadAction("deviceType is vedge, controller or vmanage")
        known = {d["uuid"]: d for d in self._manager.devices.shown_in(body["deviceType"])}
        make = {"install": self._installs, "reboot": lambda *_: _reboot, **_PARTITIONS}[action]
        wanted = _objects(body.get("devices"), "devices")
        jobs = [(known.get(_text(one, "deviceId")), make(body, one)) for one in wanted]
        missing = [one["deviceId"] for one, (device, _) in zip(wanted, jobs, strict=True) if device is None]
        invalid = f"No {body['deviceType']} with id {', '.join(missing)}" if missing else None
        address = request.client.host if request.client else ""
        kind, name = _KINDS[action]
        return Task(kind, name, [(d, w) for d, w in jobs if d], (self._manager.username, address), invalid)

    def _installs(self, body: dict[str, Any], one: dict[str, Any]) -> Work:
        wanted = body.get("input")
        if not isinstance(wanted, dict):
            raise BadAction("input is an object")
        if "data" not in wanted and not self._manager.release.flat_install:
            raise BadAction(f"Release {self._manager.version} takes input.data")
        images = _objects(wanted["data"], "input.data") if "data" in wanted else [wanted]
        for image in images:
            _text(image, "version")
        find = self._remote_version if wanted.get("versionType") == "remote" else self._local_version
        return partial(_install, images=images, find=find, reboot=wanted.get("reboot") is True)

    def _local_version(self, name: str) -> str | None:
        return name if any(i.version == name and i.path for i in self._manager.repository.images) else None

    def _remote_version(self, version_id: str) -> str | None:
        # The manager does not know the version of a remote image; that the device finds what its name says is invented.
        image = next((i for i in self._manager.repository.find(version_id) if not i.path), None)
        if image is None:
            return None
        return version_of(image.file_name) if image.version == UNKNOWN_VERSION else image.version


def _install(
    device: Device, *, images: list[dict[str, Any]], find: Callable[[str], str | None], reboot: bool
) -> str | None:
    image = next((i for i in images if i.get("family") == device.get("platformFamily")), images[0])
    version = find(image["version"])
    if version is None:
        return f"No image of version {image['version']} in the repository"
    installed = install_version(device, version)
    return activate_version(device, installed) if reboot else None


def _activates(body: dict[str, Any], one: dict[str, Any]) -> Work:
    return partial(activate_version, version=_text(one, "version"))


def _sets_default(body: dict[str, Any], one: dict[str, Any]) -> Work:
    return partial(set_default_version, version=_text(one, "version"))


def _removes(body: dict[str, Any], one: dict[str, Any]) -> Work:
    versions = one.get("version")
    if not isinstance(versions, list) or not versions or not all(isinstance(v, str) and v for v in versions):
        raise BadAction("version is a list of texts")
    return partial(remove_versions, versions=versions)


_PARTITIONS = {"changepartition": _activates, "defaultpartition": _sets_default, "removepartition": _removes}


def _reboot(device: Device) -> str | None:
    device["uptime-date"] = int(time.time() * 1000)
    return None


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BadAction("the body is a JSON object")
    return content


def _objects(given: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise BadAction(f"{name} is a list of objects, of one at least")
    return given


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise BadAction(f"{name} is a text")
    return value
