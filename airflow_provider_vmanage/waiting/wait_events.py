"""What a trigger tells its sensor: written here and read here, in plain JSON types, without secrets.

A trigger's event is stored and logged by Airflow, and may be read by another release of this package than the one that
wrote it, so what is not understood is an error and never a success.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_vmanage.client import errors
from airflow_provider_vmanage.client.errors import VManageError, VManageProtocolError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.masking import masked

log = logging.getLogger(__name__)

Event = dict[str, Any]

_STABLE_KEYS = SoftwareImage().as_row().keys()


def found(images: Sequence[SoftwareImage]) -> Event:
    """Return the event for images that fit, the newest first."""
    newest, *others = images
    return {"status": "success", "image": newest.as_row(), "others": [image.describe() for image in others[:10]]}


def timed_out(message: str) -> Event:
    """Return the event for a wait whose time is up."""
    return {"status": "timeout", "message": message}


def failed(error: VManageError) -> Event:
    """Return the event for a wait that is given up."""
    fields = {name: masked(value) if isinstance(value, str) else value for name, value in error.fields.items()}
    return {"status": "error", "error": type(error).__name__, "message": masked(error.message), "fields": fields}


def read(event: Any) -> tuple[dict[str, Any] | None, str]:
    """Return the row of the image and a line about it, or no row and why the time is up.

    :param event: whatever Airflow hands over.
    :raises VManageError: the error that ended the wait, of the class it had.
    :raises VManageProtocolError: an event that is not known. A retry is safe: it looks anew.
    """
    status = event.get("status") if isinstance(event, Mapping) else None
    if status == "success":
        return _row(event), _line(event)
    if status == "timeout" and isinstance(event.get("message"), str):
        return None, event["message"]
    if status == "error":
        raise _error(event)
    raise _unknown(event)


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    row = event.get("image")
    if not isinstance(row, dict) or _STABLE_KEYS - row.keys():
        raise _unknown(event)
    return row


def _line(event: Mapping[str, Any]) -> str:
    row, others = event["image"], event.get("others") or []
    line = f"Listed: {row['file_name']} (version {row['version']}, id {row['version_id']})"
    return f"{line}; also {'; '.join(map(str, others))}" if others else line


def _error(event: Mapping[str, Any]) -> VManageError:
    kind = getattr(errors, str(event.get("error")), None)
    message = event.get("message")
    if not (isinstance(kind, type) and issubclass(kind, VManageError) and isinstance(message, str)):
        return _unknown(event)
    fields = event.get("fields")
    if not isinstance(fields, Mapping):
        return _unknown(event)
    return kind(message, **{name: fields.get(name) for name in VManageError("").fields})


def _unknown(event: Any) -> VManageProtocolError:
    return VManageProtocolError(
        f"The trigger ended with an event that this release does not know ({str(event)[:200]!r}): are worker and "
        "triggerer of the same release? Restart the triggerer after an update"
    )
