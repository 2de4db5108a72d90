"""The time that the provider goes by."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What the module ``time`` offers, and what tests put in its place."""

    def time(self) -> float:
        """Return the seconds since 1970."""

    def monotonic(self) -> float:
        """Return seconds that only increase."""
