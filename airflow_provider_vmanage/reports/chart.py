"""The time axis of an upgrade: a bar for each device, grouped by wave. Positions and widths are percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_vmanage.reports.device_lines import DeviceLine, Step, WaveLine
from airflow_provider_vmanage.reports.times import Axis, Clock

#: by step: its letter, which is also its class in the style sheet, and its words
STEPS = {
    "install": ("I", "install"),
    "activate": ("A", "activate and reboot"),
    "health": ("H", "health check"),
    "set_default": ("D", "set default"),
    "roll_back": ("R", "roll back"),
}
_WORK = ("W", "work without recorded steps")

#: percent of the axis that a letter needs
_LETTER_WIDTH = 1.6


@dataclass(frozen=True)
class Segment:
    """A part of a bar.

    :param letter: of its step.
    :param shows_letter: it is wide enough for it.
    :param is_open: the step goes on.
    """

    letter: str
    left: float
    width: float
    shows_letter: bool
    is_open: bool


@dataclass(frozen=True)
class Bar:
    """The bar of one device; without segments if nothing is known of its times."""

    device: DeviceLine
    segments: tuple[Segment, ...]
    words: str

    @property
    def left(self) -> float:
        """Return where it begins."""
        return self.segments[0].left

    @property
    def right(self) -> float:
        """Return where it ends."""
        return round(max(one.left + one.width for one in self.segments), 2)


@dataclass(frozen=True)
class ChartWave:
    """The bars of one wave, below one for the wave itself."""

    wave: WaveLine
    left: float
    width: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """The whole drawing.

    :param window: where the window ends, or ``None`` if that is not on the axis.
    :param legend: letter and words of each step that is drawn.
    """

    ticks: tuple[tuple[float, str], ...]
    window: float | None
    waves: tuple[ChartWave, ...]
    legend: tuple[tuple[str, str], ...]


def chart_of(
    waves: Sequence[WaveLine], clock: Clock, *, now: datetime | None, not_after: datetime | None
) -> Chart | None:
    """Return the drawing of all waves that were begun, or ``None`` if no moment is known.

    :param now: where bars end that have no end.
    :param not_after: end of the window.
    """
    begun = [wave for wave in waves if wave.begin]
    axis = Axis.for_moments([*_moments(begun), *([now] if begun else [])], not_after)
    if axis is None:
        return None
    last = now or axis.end
    drawn = tuple(_wave(wave, axis, clock, last) for wave in begun)
    letters = {part.letter for wave in drawn for bar in wave.bars for part in bar.segments}
    return Chart(
        ticks=tuple(axis.ticks()),
        window=axis.position(not_after) if not_after and axis.begin <= not_after <= axis.end else None,
        waves=drawn,
        legend=tuple(pair for pair in (*STEPS.values(), _WORK) if pair[0] in letters),
    )


def _moments(waves: Sequence[WaveLine]) -> list[datetime | None]:
    devices = [device for wave in waves for device in wave.devices]
    timed: list[WaveLine | DeviceLine | Step] = [*waves, *devices]
    timed += [step for device in devices for step in device.steps]
    return [moment for one in timed for moment in (one.begin, one.end)]


def _wave(wave: WaveLine, axis: Axis, clock: Clock, last: datetime) -> ChartWave:
    left = axis.position(wave.begin or axis.begin)
    width = round(axis.position(wave.end or last) - left, 2)
    bars = (_bar(device, axis, clock, last) for device in wave.devices if device.is_begun)
    return ChartWave(wave, left, max(0.0, width), tuple(bars))


def _bar(device: DeviceLine, axis: Axis, clock: Clock, last: datetime) -> Bar:
    steps = device.steps or ((Step("", device.begin, device.end),) if device.begin else ())
    words = [f"{STEPS.get(one.name, _WORK)[1]} {clock.span(one.begin, one.end)}" for one in steps]
    return Bar(device, tuple(_segment(one, axis, device.end, last) for one in steps), ", ".join(words))


def _segment(step: Step, axis: Axis, device_end: datetime | None, last: datetime) -> Segment:
    end = step.end or device_end
    left = axis.position(step.begin)
    width = max(0.0, round(axis.position(end or last) - left, 2))
    letter, _ = STEPS.get(step.name, _WORK)
    return Segment(letter, left, width, width >= _LETTER_WIDTH, end is None)
