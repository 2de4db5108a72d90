"""The status of one task, read in one place."""

from __future__ import annotations

from typing import Any, Protocol

from airflow_provider_vmanage.client.device_actions.actions import TaskStatus, parse_status


class Requests(Protocol):
    """Sends a call: a session, or a hook."""

    def request(self, method: str, path: str) -> Any:
        """Return the envelope of the response."""


def read_status(manager: Requests, process_id: str) -> TaskStatus:
    """Return the status of a task; one call.

    :param process_id: of the task.
    :raises VManageError: as any read.
    """
    return parse_status(manager.request("GET", f"device/action/status/{process_id}").body)
