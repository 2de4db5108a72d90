"""What happens to the manager's tasks when the task that waits for them is killed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError


def leave_tasks(vmanage_conn_id: str, process_ids: Sequence[str], *, cancel: bool, log: Any) -> None:
    """Log that the manager's tasks go on, or ask the manager to cancel them.

    :param vmanage_conn_id: id of the connection.
    :param process_ids: of the tasks.
    :param cancel: what that does to a device that has begun is not documented.
    :param log: logger of the task.
    """
    names = ", ".join(process_ids)
    if not process_ids:
        return
    if not cancel:
        log.warning("Killed: the manager's task goes on (%s); see its task list", names)
        return
    log.warning("Killed: asking the manager to cancel %s; what has begun may go on", names)
    _cancel(vmanage_conn_id, process_ids, log)


def _cancel(vmanage_conn_id: str, process_ids: Sequence[str], log: Any) -> None:
    """Ask the manager, in a session of its own, to cancel the tasks; a failure is only logged."""
    from airflow_provider_vmanage.client.device_actions.cancellation import cancel_tasks_in_time
    from airflow_provider_vmanage.hooks.vmanage import VManageHook

    try:
        cancel_tasks_in_time(lambda: VManageHook(vmanage_conn_id).get_conn(), process_ids)
    except VManageError as err:
        log.warning("The task could not be cancelled: %s", err)
