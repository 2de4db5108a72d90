"""One wait for one image. Nothing here waits or sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_vmanage.client.matching import AwaitedImage, ImageIndex
from airflow_provider_vmanage.waiting.events import Event, timed_out
from airflow_provider_vmanage.waiting.pace import Pace, Patience, Wait
from airflow_provider_vmanage.waiting.wait_events import found

if TYPE_CHECKING:
    from airflow_provider_vmanage.hooks.vmanage import VManageHook


@dataclass(frozen=True, slots=True)
class ImageList:
    """The question of everything that waits for images: one list call serves all of them."""

    def ask(self, hook: VManageHook) -> ImageIndex:
        """Return the list."""
        return ImageIndex(hook.list_images(), manager=hook.settings.base_url)

    def __str__(self) -> str:
        """Return its name in logs."""
        return "the list of images"


class ImageWait(Wait):
    """A wait for an image that takes part in a shared poll.

    :param wanted: what to wait for.
    :param pace: how often to poll.
    :param patience: when to stop.
    :param started_at: when the wait began, in seconds since 1970.
    """

    def __init__(
        self, wanted: AwaitedImage, pace: Pace, patience: Patience, *, started_at: float | None = None
    ) -> None:
        super().__init__(ImageList(), pace, patience, started_at=started_at)
        self.wanted = wanted

    def event_of(self, result: ImageIndex) -> Event | None:
        """Return the event for the images that fit, or ``None`` to wait on."""
        if images := result.find(self.wanted):
            return found(images)
        self.last_state = result.last_state
        return None

    def time_is_up(self) -> Event:
        """Return the event for a deadline that is past, with what was seen last."""
        return timed_out(self.wanted.timed_out(self.last_state))
