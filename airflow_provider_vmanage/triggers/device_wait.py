"""What the triggers for devices share: the shared poll, one event."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.triggers.arguments import StoredArguments
from airflow_provider_vmanage.waiting.events import Event, failed
from airflow_provider_vmanage.waiting.pace import Pace, Patience, Wait
from airflow_provider_vmanage.waiting.poll import Poll, poll_of


class DeviceTrigger(StoredArguments, BaseTrigger):
    """Shared behaviour: the shared poll, one event."""

    _poll: Poll | None = None
    _waits: Sequence[Wait] = ()

    def __init__(
        self,
        vmanage_conn_id: str,
        poll_interval: float,
        deadline: float | None,
        started_at: float | None,
        max_unavailable: float | None,
        payload: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.vmanage_conn_id = vmanage_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.started_at = started_at
        self.max_unavailable = max_unavailable
        self.payload = payload

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the end, the timeout, or the error that ended the wait; with the payload."""
        try:
            event = await self._outcome()
        except VManageConfigurationError as err:
            event = failed(err)
        finally:
            await self.cleanup()
        yield TriggerEvent({**event, "payload": self.payload})  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Leave the shared poll; the last one to leave logs out. The manager's tasks go on."""
        poll, self._poll = self._poll, None
        if poll is not None:
            for wait in self._waits:
                await poll.leave(wait)

    @abstractmethod
    def new_waits(self) -> list[Wait]:
        """Return the waits; all of them have to end."""

    def pace(self) -> tuple[Pace, Patience]:
        """Return when to poll and when to stop."""
        return Pace(self.poll_interval), Patience(self.deadline, max_unavailable=self.max_unavailable)

    async def _outcome(self) -> Event:
        self._waits = self.new_waits()
        self._poll = poll = poll_of(self.vmanage_conn_id)
        for wait in self._waits:
            poll.join(wait)
        # One by one: gather() of Python 3.10 loses the message by which Airflow knows a kill by a person.
        events = [await wait.end() for wait in self._waits]
        first = next((event for event in events if event["status"] != "success"), None)
        return first or {"status": "success", "waits": events}
