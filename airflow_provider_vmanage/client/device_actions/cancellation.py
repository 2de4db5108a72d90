"""Cancel tasks of the manager for a process that is being killed: in a session of its own, and in seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from airflow_provider_vmanage.client.errors import VManageError, VManageUnavailableError
from airflow_provider_vmanage.client.session import ManagerSession

#: seconds for login, requests and logout together; Airflow kills a task five seconds after it has asked it to end
CANCEL_TIMEOUT_S = 4.0


def cancel_tasks(open_session: Callable[[], ManagerSession], process_ids: Sequence[str]) -> None:
    """Ask the manager to cancel tasks; what that does to a device that has begun is not documented.

    :param open_session: returns a session for this alone, which is closed here.
    :param process_ids: of the tasks; each is asked for, even after a refusal of the one before.
    :raises VManageError: the first refusal or failure.
    """
    problems: list[VManageError] = []
    with open_session() as session:
        for process_id in process_ids:
            try:
                session.request("POST", f"device/action/status/cancel/{process_id}")
            except VManageError as err:
                problems.append(err)
    if problems:
        raise problems[0]


def cancel_tasks_in_time(open_session: Callable[[], ManagerSession], process_ids: Sequence[str]) -> None:
    """Do the same on another thread, and break it off after :data:`CANCEL_TIMEOUT_S`.

    :raises VManageUnavailableError: no response in time.
    :raises VManageError: as :func:`cancel_tasks`.
    """
    sessions: list[ManagerSession] = []
    problems: list[VManageError] = []

    def opened() -> ManagerSession:
        sessions.append(open_session())
        return sessions[0]

    def ask() -> None:
        try:
            cancel_tasks(opened, process_ids)
        except VManageError as err:
            problems.append(err)

    thread = threading.Thread(target=ask, daemon=True, name="vmanage-cancel")
    thread.start()
    thread.join(CANCEL_TIMEOUT_S)
    if thread.is_alive():
        for session in sessions:
            session.abort()
        raise VManageUnavailableError(f"The manager has not responded within {CANCEL_TIMEOUT_S:g} s")
    if problems:
        raise problems[0]
