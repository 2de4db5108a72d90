"""Triggers for the software repository: a deferred wait for an image, and an event source for DAGs.

A trigger only reads, so it may run twice, be moved to another triggerer, or be killed, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import aclosing
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.matching import AwaitedImage
from airflow_provider_vmanage.state_stores import AssetStateStore
from airflow_provider_vmanage.triggers.arguments import StoredArguments
from airflow_provider_vmanage.waiting.events import Event, failed
from airflow_provider_vmanage.waiting.image_wait import ImageWait
from airflow_provider_vmanage.waiting.pace import DEFAULT_MAX_UNAVAILABLE_S, Pace, Patience
from airflow_provider_vmanage.waiting.poll import Poll, poll_of
from airflow_provider_vmanage.waiting.seen_images import ImageFilter, SeenImages
from airflow_provider_vmanage.waiting.snapshots import Snapshot, snapshots


class ImageVersionTrigger(StoredArguments, BaseTrigger):
    """Wait until an image shows up in the list; made by ``ImageVersionSensor``, and of use in your own operators.

    All waits on one connection in one triggerer share one session and one list call per interval, the shortest that
    one of them wants. The first poll comes after one interval: the sensor polls before it defers. The event is what
    :mod:`airflow_provider_vmanage.waiting.wait_events` reads.

    Every argument has a default and is plain JSON, so that a wait that an older release began goes on.

    :param vmanage_conn_id: id of the connection.
    :param version: version as listed.
    :param file_name: listed or uploaded file name.
    :param platform_family: only images for this family.
    :param image_type: only this type.
    :param poke_interval: seconds between two polls.
    :param exponential_backoff: double the interval after each poll, with jitter.
    :param max_wait: seconds that an interval may grow to.
    :param deadline: seconds since 1970 at which the wait ends with a timeout; a restart does not move it.
    :param started_at: seconds since 1970 at which the wait began.
    :param max_consecutive_failures: failed polls in a row after which the wait fails; ``None`` for any number. Where it
        is given, it replaces the default of ``max_unavailable``.
    :param failures: failed polls that there were already.
    :param max_unavailable: seconds for which the manager may be unavailable in a row before the wait fails; ``None``
        for any time.
    """

    def __init__(
        self,
        vmanage_conn_id: str = "vmanage_default",
        version: str | None = None,
        file_name: str | None = None,
        platform_family: str | None = None,
        image_type: str | None = None,
        poke_interval: float = 60.0,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        deadline: float | None = None,
        started_at: float | None = None,
        max_consecutive_failures: int | None = None,
        failures: int = 0,
        max_unavailable: float | None = DEFAULT_MAX_UNAVAILABLE_S,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.vmanage_conn_id = vmanage_conn_id
        self.version = version
        self.file_name = file_name
        self.platform_family = platform_family
        self.image_type = image_type
        self.poke_interval = poke_interval
        self.exponential_backoff = exponential_backoff
        self.max_wait = max_wait
        self.deadline = deadline
        self.started_at = started_at
        self.max_consecutive_failures = max_consecutive_failures
        self.failures = failures
        self.max_unavailable = max_unavailable
        self._poll: Poll | None = None
        self._wait: ImageWait | None = None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the image, the timeout or the error that ended the wait."""
        try:
            event = await self._outcome()
        except VManageConfigurationError as err:
            event = failed(err)
        finally:
            await self.cleanup()
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Leave the shared poll; the last one to leave logs out. Nothing else is ours on the manager."""
        if self._poll is not None and self._wait is not None:
            poll, self._poll = self._poll, None
            await poll.leave(self._wait)

    async def _outcome(self) -> Event:
        wait = self._wait = self._new_wait()
        self._poll = poll_of(self.vmanage_conn_id)
        self._poll.join(wait)
        return await wait.end()

    def _new_wait(self) -> ImageWait:
        wanted = AwaitedImage(self.version, self.file_name, self.platform_family, self.image_type)
        return ImageWait(
            wanted.checked(),
            Pace(self.poke_interval, self.exponential_backoff, self.max_wait),
            Patience(self.deadline, self.max_consecutive_failures, self.failures, self.max_unavailable),
            started_at=self.started_at,
        )


class ImageAvailableTrigger(StoredArguments, BaseEventTrigger):
    """Fire for each image that appears in the list; for an ``AssetWatcher``, which starts DAGs.

    On change only: the first poll is a silent baseline, unless ``emit_existing``. An image that is deleted and uploaded
    again is a new one. An image that is missing is forgotten after the second poll without it, so one empty list makes
    no events. A manager that cannot be reached, or refuses the login, is waited for; a refused login is sent again
    after 20 minutes (a lock of the account ends after 15), or as soon as the connection has changed. The event's
    payload is the image's row and ``vmanage_conn_id``.

    With Airflow 3.3 and newer what was seen is kept in the asset state store, so a restart of the triggerer neither
    misses an image nor repeats one, but for a kill in the :data:`~.seen_images.HANDOVER_S` seconds after an event,
    which repeats it. Before 3.3 there is no such store: each start of the triggerer begins with a new baseline, so what
    appears while it is down is missed (or, with ``emit_existing``, every image is reported again); and each watcher
    has a stream of its own, though still one session and one list call for all in the same process.

    One trigger with the same arguments belongs to one asset; on several assets it has no store to itself.

    :param vmanage_conn_id: id of the connection.
    :param version_pattern: shell pattern for the version, such as ``20.15.*``; case matters.
    :param platform_family: only images for this family, such as ``c8000v``.
    :param image_type: only this type, such as ``software``.
    :param poke_interval: seconds between two polls.
    :param emit_existing: fire for the images that are there at the first poll, too.
    """

    def __init__(
        self,
        vmanage_conn_id: str = "vmanage_default",
        version_pattern: str | None = None,
        platform_family: str | None = None,
        image_type: str | None = None,
        poke_interval: float = 60.0,
        emit_existing: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.vmanage_conn_id = vmanage_conn_id
        self.version_pattern = version_pattern
        self.platform_family = platform_family
        self.image_type = image_type
        self.poke_interval = poke_interval
        self.emit_existing = emit_existing

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each new image, for ever; Airflow 3.1 and 3.2 call this."""
        async with aclosing(snapshots(self.vmanage_conn_id, self.poke_interval)) as stream:
            async for event in self._news(stream):
                yield event

    def shared_stream_key(self) -> Hashable | None:
        """Return the key by which watchers share a stream (Airflow 3.3): connection and interval."""
        return ("airflow_provider_vmanage", self.vmanage_conn_id, self.poke_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Yield the list after each poll, for all watchers of one connection (Airflow 3.3)."""
        conn_id, interval = kwargs.get("vmanage_conn_id", "vmanage_default"), kwargs.get("poke_interval", 60.0)
        async with aclosing(snapshots(conn_id, interval)) as stream:
            async for snapshot in stream:
                yield snapshot

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each image of the shared list that is new to this watcher (Airflow 3.3)."""
        async for event in self._news(shared_stream):
            yield event

    async def _news(self, stream: AsyncIterator[Snapshot]) -> AsyncIterator[TriggerEvent]:
        identity = self.serialize()[1]
        wanted = ImageFilter(self.version_pattern, self.platform_family, self.image_type)
        store = AssetStateStore(getattr(self, "asset_state_store", None), identity)
        seen = SeenImages(wanted, store, emit_existing=self.emit_existing)
        async for snapshot in stream:
            new = await seen.compare(snapshot)
            for image in new:
                payload = {"vmanage_conn_id": self.vmanage_conn_id, **image.as_row()}
                yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            await seen.remember(after_events=bool(new))
