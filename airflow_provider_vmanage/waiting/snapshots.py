"""The list of a manager after each poll, as a stream for watchers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.matching import ImageIndex
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.waiting.image_wait import ImageList
from airflow_provider_vmanage.waiting.poll import poll_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one manager listed at one moment.

    :param manager: its address: a connection may be pointed to another one.
    :param images: as listed.
    """

    manager: str
    images: tuple[SoftwareImage, ...]


class _Watch:
    """Takes part in the poll of a connection for ever; failed polls are left to the poll's log.

    Only the newest list is kept: a slow watcher compares with that.
    """

    def __init__(self, interval: float) -> None:
        self.question = ImageList()
        self.prepare: Callable[[Any], Any] | None = None
        self._interval = interval
        self._newest: asyncio.Queue[Snapshot | VManageError] = asyncio.Queue()
        self.due = time.monotonic()  # at once: the first list is what later ones are compared with

    def take(self, result: ImageIndex | VManageError) -> None:
        self.due = time.monotonic() + self._interval
        if isinstance(result, ImageIndex):
            self._put(Snapshot(result.manager, result.images))

    def fail(self, error: VManageError) -> None:
        self.due = float("inf")
        self._put(error)

    def _put(self, newest: Snapshot | VManageError) -> None:
        while not self._newest.empty():
            self._newest.get_nowait()
        self._newest.put_nowait(newest)

    async def next(self) -> Snapshot | VManageError:
        return await self._newest.get()


async def snapshots(vmanage_conn_id: str, interval: float) -> AsyncGenerator[Snapshot, None]:
    """Yield the list after each poll that did not fail, the first at once; never ends.

    :param vmanage_conn_id: id of the connection.
    :param interval: seconds between two polls; others on the same connection may cause more.
    """
    while True:
        async with aclosing(_snapshots_of_one_poll(vmanage_conn_id, interval)) as stream:
            async for snapshot in stream:
                yield snapshot
        log.warning("Watching connection %r goes on with another poll in %g s", vmanage_conn_id, interval)
        await asyncio.sleep(interval)


async def _snapshots_of_one_poll(vmanage_conn_id: str, interval: float) -> AsyncGenerator[Snapshot, None]:
    """Yield the list after each poll, until the poll itself fails."""
    poll, watch = poll_of(vmanage_conn_id), _Watch(interval)
    poll.join(watch)
    try:
        while isinstance(newest := await watch.next(), Snapshot):
            yield newest
    finally:
        await poll.leave(watch)
