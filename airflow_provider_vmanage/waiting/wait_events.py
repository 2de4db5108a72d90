"""The events of a wait for an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.waiting.events import Event, outcome_of, succeeded, unknown

_STABLE_KEYS = SoftwareImage().as_row().keys()


def found(images: Sequence[SoftwareImage]) -> Event:
    """Return the event for images that fit, the newest first."""
    newest, *others = images
    return succeeded(image=newest.as_row(), others=[image.describe() for image in others[:10]])


def read(event: Any) -> tuple[dict[str, Any] | None, str]:
    """Return the row of the image and a line about it, or no row and why the time is up.

    :param event: whatever Airflow passes on.
    :raises VManageError: the error that ended the wait, of the class it had.
    :raises VManageProtocolError: an unknown event. A retry is safe: it polls again.
    """
    outcome = outcome_of(event)
    if outcome["status"] == "timeout":
        return None, outcome["message"]
    return _row(outcome), _line(outcome)


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    row = event.get("image")
    if not isinstance(row, dict) or _STABLE_KEYS - row.keys():
        raise unknown(event)
    return row


def _line(event: Mapping[str, Any]) -> str:
    row, others = event["image"], event.get("others") or []
    line = f"Listed: {row['file_name']} (version {row['version']}, id {row['version_id']})"
    return f"{line}; also {'; '.join(map(str, others))}" if others else line
