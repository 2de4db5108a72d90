"""Find an Airflow connection, and distinguish a missing one from a store that cannot be read.

Airflow asks one secrets backend after the other and takes a failure of any of them, the API server included, for "not
there" (``airflow.sdk.execution_time.context``, Airflow 3.1 to 3.3). So where it finds nothing, each is asked once more,
and a failure makes the error one that a retry may fix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from asgiref.sync import sync_to_async

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError, VManageUnavailableError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def find_connection(conn_id: str, look_up: Callable[[str], Connection]) -> Connection:
    """Return a connection of Airflow.

    :param conn_id: its id.
    :param look_up: Airflow's own look-up.
    :raises VManageConfigurationError: there is none. A retry does not help.
    :raises VManageUnavailableError: a secrets backend or the API server cannot be asked. A retry is safe.
    """
    try:
        return look_up(conn_id)
    except Exception as err:
        raise _error(conn_id, err) from err


async def find_connection_async(conn_id: str) -> Connection:
    """Return a connection of Airflow without blocking the event loop; as :func:`find_connection`."""
    from airflow.providers.common.compat.connection import get_async_connection

    try:
        return await get_async_connection(conn_id)
    except Exception as err:
        raise await sync_to_async(_error, thread_sensitive=False)(conn_id, err) from err


def _error(conn_id: str, err: Exception) -> VManageError:
    if not isinstance(err, AirflowNotFoundException):
        return _unavailable(conn_id, type(err).__name__)
    if failed := _failing_backend(conn_id):
        return _unavailable(conn_id, failed)
    return VManageConfigurationError(
        f"Connection {conn_id!r} does not exist ({err}): create it where the task runs, or correct the id"
    )


def _unavailable(conn_id: str, reason: str) -> VManageUnavailableError:
    # Only names: the text of a backend's error may hold its credentials.
    return VManageUnavailableError(
        f"Connection {conn_id!r} could not be looked up ({reason}): the secrets backend or Airflow's API server is "
        "unavailable; Airflow logs the reason at DEBUG level"
    )


def _failing_backend(conn_id: str) -> str | None:
    """Return which backend fails and how, or ``None`` where all of them say that there is no such connection."""
    try:
        from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

        backends = ensure_secrets_backend_loaded()
    except Exception:  # noqa: BLE001 - another release of Airflow, or a backend that cannot even be made
        return None
    for backend in backends:
        if type(backend).__name__ == "EnvironmentVariablesBackend":
            continue  # always there; it fails only for a connection that is written wrongly
        try:
            _ask(backend, conn_id)
        except ImportError:
            continue  # outside of a task and of a triggerer there is no channel to the API server
        except Exception as err:  # noqa: BLE001 - any failure of any backend
            return f"{type(backend).__name__}: {type(err).__name__}"
    return None


def _ask(backend: Any, conn_id: str) -> None:
    """Ask one backend.

    :raises Exception: it fails. That of the API server returns nothing where it does, so its channel is asked.
    """
    if type(backend).__name__ != "ExecutionAPISecretsBackend":
        backend.get_connection(conn_id=conn_id)
        return
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    response = SUPERVISOR_COMMS.send(GetConnection(conn_id=conn_id))
    if isinstance(response, ErrorResponse) and response.error != ErrorType.CONNECTION_NOT_FOUND:
        raise AirflowRuntimeError(response)
