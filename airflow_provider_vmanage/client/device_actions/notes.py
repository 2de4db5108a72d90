"""What an action writes down for the next try of the same task, so that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.versions import same_version

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
    from airflow_provider_vmanage.client.devices import Device


def now_text() -> str:
    """Return the present moment as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()


@dataclass
class ActionNote:
    """One request that was about to be sent, or was.

    :param kind: name of the action.
    :param activate: whether it reboots after an installation.
    :param devices: versions by device id.
    :param process_id: of the task; empty while the request is about to be sent or its response is awaited.
    :param sent_at: ISO 8601, UTC.
    """

    kind: str
    activate: bool
    devices: dict[str, list[str]]
    process_id: str = ""
    sent_at: str = field(default_factory=now_text)

    @property
    def may_have_rebooted(self) -> bool:
        """Return whether its devices may reboot, or have."""
        return self.activate or self.kind == ActionKind.ACTIVATE.name

    @property
    def is_unexplained_reboot(self) -> bool:
        """Return whether its devices may have rebooted without a task that is known."""
        return self.may_have_rebooted and not self.process_id

    def is_explained_by(self, device: Device) -> bool:
        """Return whether a device of the note runs the version."""
        versions = self.devices[device.device_id or ""]
        return device.running is not None and same_version(device.running, versions[0])

    def is_about(self, request: ActionRequest, device_id: str, versions: Sequence[str]) -> bool:
        """Return whether an earlier try asked for the same on a device."""
        noted = self.devices.get(device_id)
        return (
            (self.kind, self.activate) == (request.kind.name, request.activate)
            and noted is not None
            and len(noted) == len(versions)
            and all(same_version(one, other) for one, other in zip(noted, versions, strict=True))
        )


class ActionNotes(Protocol):
    """Survives a killed task, where Airflow has a store for that."""

    def read(self) -> list[ActionNote]:
        """Return the notes of earlier tries."""

    def write(self, notes: Sequence[ActionNote]) -> None:
        """Keep the notes in place of earlier ones."""

    def clear(self) -> None:
        """Forget the notes."""

    def keep_until_cleared(self) -> None:
        """Keep the notes for retries; a person who clears the task wants another attempt."""


class NoNotes:
    """For scripts, and for Airflow without a task state store."""

    def read(self) -> list[ActionNote]:
        """Return nothing."""
        return []

    def write(self, notes: Sequence[ActionNote]) -> None:
        """Keep nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def keep_until_cleared(self) -> None:
        """Do nothing."""
