"""What a trigger sends to its task: written here and read here, in plain JSON types, without secrets.

A trigger's event is stored and logged by Airflow, and may be read by another release of this package than the one that
wrote it, so an event that is not understood is an error and never a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_vmanage.client import errors
from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError
from airflow_provider_vmanage.masking import masked

Event = dict[str, Any]


def succeeded(**payload: Any) -> Event:
    """Return the event for a wait that has ended as it should.

    :param payload: plain JSON types.
    """
    return {"status": "success", **payload}


def timed_out(message: str) -> Event:
    """Return the event for a wait whose time is up."""
    return {"status": "timeout", "message": message}


def failed(error: VManageError) -> Event:
    """Return the event for a wait that an error has ended."""
    fields = {name: masked(value) if isinstance(value, str) else value for name, value in error.fields.items()}
    return {"status": "error", "error": type(error).__name__, "message": masked(error.message), "fields": fields}


def outcome_of(event: Any) -> Mapping[str, Any]:
    """Return an event of success or of a timeout, by its ``status``.

    :param event: whatever Airflow passes on.
    :raises VManageError: the error that ended the wait, of the class it had.
    :raises VManageProtocolError: an unknown event. A retry is safe: it polls again.
    """
    status = event.get("status") if isinstance(event, Mapping) else None
    if status == "error":
        raise _error(event)
    if status == "success" or (status == "timeout" and isinstance(event.get("message"), str)):
        return dict(event)
    raise unknown(event)


def _error(event: Mapping[str, Any]) -> VManageError:
    kind = getattr(errors, str(event.get("error")), None)
    message = event.get("message")
    if not (isinstance(kind, type) and issubclass(kind, VManageError) and isinstance(message, str)):
        return unknown(event)
    fields = event.get("fields")
    if not isinstance(fields, Mapping):
        return unknown(event)
    return kind(message, **{name: fields.get(name) for name in VManageError("").fields})


def unknown(event: Any) -> VManageProtocolError:
    """Return the error for an event that this release does not understand."""
    return VManageProtocolError(
        f"The trigger ended with an event that this release does not know ({str(event)[:200]!r}): are worker and "
        "triggerer of the same release? Restart the triggerer after an update"
    )
