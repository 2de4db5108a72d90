"""Actions on devices, and how they get on; all error texts and codes are invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.devices.versions import VERSION_KEYS
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.upgrade.bodies import (
    KINDS,
    BadAction,
    Wanted,
    form_of,
    objects,
    read_action,
    read_body,
    reboots,
    text,
)
from airflow_provider_vmanage.simulator.upgrade.book import DeviceBusy, ReceivedAction
from airflow_provider_vmanage.simulator.upgrade.images import find_image
from airflow_provider_vmanage.simulator.upgrade.job import Job
from airflow_provider_vmanage.simulator.upgrade.task import Task

PREFIX = "/dataservice/device/action"


class ActionPages:
    """Actions, the status of their tasks, and their cancellation."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        return [
            *(Route(f"{PREFIX}/{action}", self._start(action), methods=["POST"]) for action in KINDS),
            Route(PREFIX + "/cancel", self.cancel_devices, methods=["POST"]),
            Route(PREFIX + "/list", self.list_kinds, methods=["GET"]),
            Route(PREFIX + "/status/tasks", self.list_running, methods=["GET"]),
            Route(PREFIX + "/status/tasks/activeCount", self.count_running, methods=["GET"]),
            Route(PREFIX + "/status/clear", self.clear, methods=["DELETE"]),
            Route(PREFIX + "/status/cancel/{process_id}", self.cancel_task, methods=["POST"]),
            Route(PREFIX + "/status/{process_id}", self.status, methods=["GET"]),
        ]

    async def list_kinds(self, request: Request) -> Response:
        """Every kind of action, and whether it can be cancelled; a bare list (OpenAPI 26.1)."""
        flags = {"isCancelEnabled": True, "isParallelExecutionEnabled": True}
        return responses.plain_json([{"name": kind.task, **flags} for kind in KINDS.values()])

    async def list_running(self, request: Request) -> Response:
        """The tasks that have not ended, which do not go on by that."""
        return responses.plain_json({"runningTasks": [task.in_list() for task in self._manager.tasks.running]})

    async def count_running(self, request: Request) -> Response:
        """How many tasks run; python-viptela reads ``data``, the key in it is invented."""
        return responses.envelope({"activeTaskCount": len(self._manager.tasks.running)})

    async def status(self, request: Request) -> Response:
        """How one task gets on; what a manager says of an unknown one is unknown."""
        status = self._manager.tasks.poll(request.path_params["process_id"])
        await self._manager.outage.lose_reply()
        return _unknown(request.path_params["process_id"]) if status is None else responses.envelope_and(**status)

    async def cancel_task(self, request: Request) -> Response:
        """Cancel what has not begun of a task; what a real manager does to the rest is unknown."""
        return self._cancel({request.path_params["process_id"]: None})

    async def cancel_devices(self, request: Request) -> Response:
        """The same for single devices."""
        try:
            named = objects(read_body(await request.body()).get("devices"), "devices")
            pairs = [(text(one, "processId"), text(one, "deviceId")) for one in named]
        except BadAction as exc:
            return responses.error(400, "Failed to process cancel", str(exc), "SIM-ACTION-BODY")
        return self._cancel({task: {device for other, device in pairs if other == task} for task, _ in pairs})

    async def clear(self, request: Request) -> Response:
        """Forget a task that has ended."""
        wanted = request.query_params.get("processId", "")
        return responses.empty() if self._manager.tasks.forget(wanted) else _unknown(wanted)

    def _cancel(self, wanted: dict[str, set[str] | None]) -> Response:
        tasks = self._manager.tasks
        for process_id, devices in wanted.items():
            task = tasks.find(process_id)
            if task is None:
                return _unknown(process_id)
            task.cancel(tasks.clock(), devices)
        return responses.empty()

    def _start(self, action: str) -> Callable[[Request], Any]:
        async def start(request: Request) -> Response:
            try:
                body = read_body(await request.body())
                wanted = read_action(action, body, partial(find_image, self._manager.repository))
            except BadAction as exc:
                return responses.error(400, f"Failed to process {action}", str(exc), "SIM-ACTION-BODY")
            task = self._task(action, body["deviceType"], wanted, request)
            return self._submit(action, body, wanted, task)

        return start

    def _submit(self, action: str, body: dict[str, Any], wanted: list[Wanted], task: Task) -> Response:
        received = self._received(action, body, wanted)
        process_id = None
        try:
            process_id = self._manager.tasks.start(task)
        except DeviceBusy as exc:
            details = f"Another task is at work on {exc}"
            return responses.error(400, f"Failed to process {action}", details, "SIM-DEVICE-BUSY")
        finally:
            self._manager.tasks.received += [replace(one, process_id=process_id) for one in received]
        return responses.plain_json({"id": process_id})

    def _received(self, action: str, body: dict[str, Any], wanted: list[Wanted]) -> list[ReceivedAction]:
        """What has arrived, and what it has found."""
        known = {device.record["uuid"]: device.record for device in self._manager.devices.of_list(body["deviceType"])}
        return [
            ReceivedAction(
                action,
                one.device_id,
                one.version,
                form_of(action, body),
                process_id=None,
                reboots=reboots(action, body),
                found={key: known.get(one.device_id, {}).get(key) for key in VERSION_KEYS},
                busy_with=self._manager.tasks.at_work_on(one.device_id),
            )
            for one in wanted
        ]

    def _task(self, action: str, device_type: str, wanted: list[Wanted], request: Request) -> Task:
        known = {device.record["uuid"]: device for device in self._manager.devices.of_list(device_type)}
        chosen = [(known[one.device_id], one) for one in wanted if one.device_id in known]
        missing = [one.device_id for one in wanted if one.device_id not in known]
        broken = [device.record["host-name"] for device, _ in chosen if device.behaviour.fails_validation]
        invalid = f"No {device_type} with id {', '.join(missing)}" if missing else None
        tasks, kind = self._manager.tasks, KINDS[action]
        address = request.client.host if request.client else ""
        return Task(
            kind=kind.task,
            name=kind.name,
            jobs=[Job(device, one.start(device)) for device, one in chosen],
            who=(self._manager.username, address),
            created=tasks.clock(),
            invalid=invalid or (f"Validation failed for {', '.join(broken)}" if broken else None),
            scale=tasks.settings.seconds_per_minute,
            in_turn=device_type == "controller",
            rows_after=tasks.settings.rows_after,
        )


def _unknown(process_id: str) -> Response:
    return responses.error(400, "Failed to find status", f"No task with id {process_id}", "SIM-UNKNOWN-TASK")
