"""The outcome of an upgrade in words: one line for each device, and one sentence for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_vmanage.client.versions import same_version
from airflow_provider_vmanage.reports.text_table import cell


@dataclass(frozen=True)
class Outcome:
    """The outcome of a device.

    :param word: as the report writes it.
    :param symbol: beside the word, so that colour is never needed.
    :param kind: ``good``, ``bad`` or ``other``.
    """

    word: str
    symbol: str
    kind: str


#: by the action of a row
OUTCOMES = {
    "upgraded": Outcome("upgraded", "✓", "good"),
    "activated": Outcome("activated", "✓", "good"),
    "default_set": Outcome("default set", "✓", "good"),
    "unchanged": Outcome("unchanged", "=", "good"),
    "failed": Outcome("failed", "✕", "bad"),
    "rolled_back": Outcome("rolled back", "↩", "bad"),
    "installed": Outcome("installed only", "○", "other"),
    "skipped": Outcome("skipped", "○", "other"),
    "unknown": Outcome("outcome unknown", "?", "bad"),
    "in_progress": Outcome("in progress", "…", "other"),
    "to_come": Outcome("to come", "·", "other"),
}

_CHANGES = ("upgraded", "activated", "default_set")
_WOULD_BE = "would_be_"

#: the order in which counts are shown
_ORDER = tuple(OUTCOMES)


def outcome_of(action: Any) -> Outcome:
    """Return the outcome for the action of a row; an unknown one keeps its own word."""
    name = str(action).removeprefix(_WOULD_BE)
    outcome = OUTCOMES.get(name) or Outcome(cell(name).replace("_", " "), "?", "other")
    return outcome if name == action else replace(outcome, word=f"would be {outcome.word}", symbol="→")


def settled_action(action: Any, *, was_begun: bool = False, is_running: bool = False, applied: bool = True) -> str:
    """Return the action of a row as it is counted and shown.

    ``pending`` depends on whether the run goes on, and nothing was done in check mode.
    """
    if not applied and action in _CHANGES:
        return f"{_WOULD_BE}{action}"
    if action != "pending":
        return str(action)
    if is_running:
        return "in_progress" if was_begun else "to_come"
    return "unknown" if was_begun else "skipped"


def ordered_counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the counts that are not 0, in the order of a report."""
    known = [(action, counts[action]) for action in _ORDER if counts.get(action)]
    return known + [(action, count) for action, count in counts.items() if count and action not in _ORDER]


def counts_text(counts: Mapping[str, int]) -> str:
    """Return counts such as ``9 upgraded, 1 failed``."""
    return ", ".join(f"{count} {outcome_of(action).word}" for action, count in ordered_counts(counts))


@dataclass(frozen=True)
class Summary:
    """What the headline says.

    :param version: that the devices should run, or empty if it cannot be named in short.
    :param counts: of the planned devices, by action.
    :param unchanged: devices that needed nothing and are in no wave.
    :param blocked: devices that could not be planned.
    :param stopped_because: ``failures``, ``window``, ``killed`` or ``None``.
    :param last_wave: number of the last wave that was begun; 0 if none was.
    :param is_running: the upgrade goes on.
    :param applied: false in check mode.
    :param max_failures: as it was given.
    """

    version: str
    counts: Mapping[str, int]
    unchanged: int
    blocked: int
    stopped_because: str | None
    last_wave: int
    is_running: bool
    applied: bool
    max_failures: str

    @property
    def total(self) -> int:
        """Return how many devices were planned."""
        return sum(self.counts.values())

    @property
    def good(self) -> int:
        """Return how many planned devices are as planned."""
        return self._count("good")

    @property
    def bad(self) -> int:
        """Return how many planned devices failed; rolled back and unknown ones count."""
        return self._count("bad")

    def _count(self, kind: str) -> int:
        return sum(count for action, count in self.counts.items() if outcome_of(action).kind == kind)

    def badge(self) -> tuple[str, str]:
        """Return the state in one or two words, and its kind."""
        if not self.applied:
            return "Check mode", "other"
        if self.is_running:
            return "In progress", "bad" if self.bad else "other"
        if self.stopped_because:
            words = {"failures": "Stopped: failures", "window": "Stopped: window", "killed": "Stopped: killed"}
            return words.get(self.stopped_because, f"Stopped: {cell(self.stopped_because)}"), "bad"
        if not self.total:
            return "Nothing to do", "other" if self.blocked else "good"
        if self.bad:
            return "Completed with failures", "bad"
        return ("Complete", "good") if self.good == self.total else ("Incomplete", "other")

    def sentence(self) -> str:
        """Return the outcome in one sentence."""
        if not self.total:
            return "No device was planned, so nothing was changed."
        devices, run = _of(self.good, self.total), "runs" if self.total == 1 else "run"
        version = self.version or "the planned version"
        if not self.applied:
            main = f"Check mode, nothing was changed: {_lower(devices)} would run {version}"
        elif self.is_running:
            main = f"In progress: {_lower(devices)} {run} {version} so far"
        else:
            main = f"{devices} {run} {version}{' as planned' if self.version else ''}"
        parts = [main, *self._rest(), *self._stop()]
        return "; ".join(parts) + "."

    def remark(self) -> str:
        """Return a sentence on the devices that were in no wave, or an empty text."""
        parts = []
        if self.unchanged:
            parts.append(f"{count_text(self.unchanged)} needed no change")
        if self.blocked:
            parts.append(f"{count_text(self.blocked)} {'was' if self.blocked == 1 else 'were'} blocked")
        return f"Not in any wave: {'; '.join(parts)}." if parts else ""

    def _rest(self) -> list[str]:
        rest = {action: count for action, count in self.counts.items() if outcome_of(action).kind != "good"}
        return [f"{count} {outcome_of(action).word}" for action, count in ordered_counts(rest)]

    def _stop(self) -> list[str]:
        if not self.stopped_because:
            return []
        why = {
            "failures": f"more devices failed than allowed (max_failures {self.max_failures})",
            "window": "the next wave could not end within the window",
            "killed": "the task was killed, while the manager goes on with what it had begun",
        }.get(self.stopped_because, cell(self.stopped_because))
        begun = f"nothing else was begun after wave {self.last_wave}" if self.last_wave else "nothing was begun"
        return [f"{begun}, because {why}"]


def common_version(versions: Sequence[str]) -> str:
    """Return the wanted version, or two, by their shortest spelling; an empty text for more."""
    different: list[str] = []
    for version, _ in Counter(versions).most_common():
        same = next((one for one in different if same_version(one, version)), None)
        if same is None:
            different.append(version)
        elif len(version) < len(same):
            different[different.index(same)] = version
    return " or ".join(different) if 0 < len(different) <= 2 else ""


def _of(count: int, total: int) -> str:
    if total == 1:
        return "The one device" if count else "0 of 1 device"
    return f"All {total} devices" if count == total else f"{count} of {total} devices"


def _lower(text: str) -> str:
    return f"{text[0].lower()}{text[1:]}"


def count_text(count: int) -> str:
    """Return a number of devices in words, such as ``1 device``."""
    return f"{count} device{'s' * (count != 1)}"
