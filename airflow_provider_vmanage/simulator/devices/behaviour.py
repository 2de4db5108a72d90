"""What goes wrong with one device, on request."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

FAILURE_POINTS = ("download", "activation", "action")


@dataclass(frozen=True)
class Behaviour:
    """How a device fails an action, or comes back from a reboot. By default all goes well.

    No source has a sample of a failed, skipped or timed-out device: all texts and words are invented.

    :param fails_at: ``download`` and ``activation`` fail an install or activation there, ``action`` any other action.
    :param ends_as: Nothing is done, and the task reports this word: ``Skipped``, ``Time out``, any other.
    :param reports: All is done, and the task reports this word.
    :param fails_validation: A task with this device fails its validation; nothing is done on any device.
    :param lies: Nothing is done, and the task reports success.
    :param comes_back_old: Reboots for an activation and runs the version before; with ``lies`` a success.
    :param stays_down: Seconds that a reboot takes beside the usual time; ``inf`` never ends.
    :param notice_after: Seconds until the lists show a rebooting device as unreachable.
    :param loses_colour: This colour stays down after a reboot.
    :param second_reboot: Reboots again by itself after a reboot.
    :param leaves_core: A reboot leaves a core file.
    :param goes_missing: After a reboot no health call lists the device.
    :param bare_counters: ``/device/counters`` has neither OMP nor BFD (a fixture of 20.12.1).
    :param red_while_down: An unreachable device has ``state: red``, ``status: error`` and zeros. The one live capture
        contradicts this.
    :param out_of_sync: The configuration is not in sync after a reboot; the text is invented.
    """

    fails_at: str | None = None
    ends_as: str | None = None
    reports: str | None = None
    fails_validation: bool = False
    lies: bool = False
    comes_back_old: bool = False
    stays_down: float = 0.0
    notice_after: float = 0.0
    loses_colour: str | None = None
    second_reboot: bool = False
    leaves_core: bool = False
    goes_missing: bool = False
    bare_counters: bool = False
    red_while_down: bool = False
    out_of_sync: bool = False

    def __post_init__(self) -> None:
        if self.fails_at is not None and self.fails_at not in FAILURE_POINTS:
            raise ValueError(f"fails_at is {', '.join(FAILURE_POINTS)} or none, not {self.fails_at!r}")

    @property
    def changes_nothing(self) -> bool:
        """Whether an action leaves the device as it is although its task ends."""
        return self.ends_as is not None or (self.lies and not self.comes_back_old)


KNOBS = frozenset(field.name for field in fields(Behaviour))


def split_knobs(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The knobs among the fields of a device, and the other fields."""
    knobs = {name: value for name, value in given.items() if name in KNOBS}
    return knobs, {name: value for name, value in given.items() if name not in KNOBS}
