"""What the manager reports of a task, and what it means for each device.

The task status follows the samples in the tests of catalystwan 0.36.1. No complete status of an installation or an
activation is published, and no sample of a sub-task that failed or was skipped, so verdicts fail closed: a word that
no source names is a failure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target
from airflow_provider_vmanage.client.errors import VManageProtocolError

#: refusals in a row after which a task id says nothing any more
MAX_REFUSALS = 3

#: the only words that make a device a success: an action that ended, and one that the manager has scheduled
SUCCESS_WORDS = frozenset({"success", "success_scheduled"})

#: the words of a sub-task that has not ended
OPEN_WORDS = frozenset({"in_progress", "scheduled"})

_VALIDATED_WORDS = frozenset({"validation_success", "success"})

# "Done - Scheduled" is the text of the id success_scheduled (catalystwan 0.41.6).
_WORD_OF_TEXT = {"done_scheduled": "success_scheduled"}


@dataclass(frozen=True)
class SubTask:
    """What a task status reports of one device.

    :param ids: ``uuid`` and ``deviceID``. In the one complete published sample they are the same.
    :param ips: ``system-ip`` and ``local-system-ip``.
    :param words: ``statusId`` and ``status``, normalised; one of them may be missing.
    :param text: ``status`` as the manager shows it.
    :param activity: the manager's lines, oldest first.
    """

    ids: tuple[str, ...]
    ips: tuple[str, ...]
    words: frozenset[str]
    text: str
    activity: tuple[str, ...] = ()

    @property
    def device_id(self) -> str | None:
        """Return the first of the ids."""
        return self.ids[0] if self.ids else None

    @property
    def is_open(self) -> bool:
        """Return whether the device has not ended; a row without any status has not."""
        return not self.words or bool(self.words & OPEN_WORDS)

    @property
    def succeeded(self) -> bool:
        """Return whether every status word of the row is one of success."""
        return bool(self.words) and self.words <= SUCCESS_WORDS


@dataclass(frozen=True)
class TaskStatus:
    """A task as ``GET device/action/status/{processId}`` reports it.

    :param word: ``summary.status``, normalised; ``None`` where the manager reports none yet.
    :param rows: one for each device, none at first.
    :param validation_words: status words of the validation, none where the manager shows no validation.
    :param validation_lines: the manager's lines about it.
    """

    word: str | None
    rows: tuple[SubTask, ...] = ()
    validation_words: frozenset[str] = frozenset()
    validation_lines: tuple[str, ...] = ()

    @property
    def failed_validation(self) -> str | None:
        """Return why the manager did nothing at all, or ``None``."""
        if self.validation_words <= _VALIDATED_WORDS:
            return None
        return self.validation_lines[-1] if self.validation_lines else ", ".join(sorted(self.validation_words))

    @property
    def is_over(self) -> bool:
        """Return whether the task seems over, judged without the list of its devices."""
        if self.word in (None, "in_progress"):
            return False
        return self.word == "done" or (bool(self.rows) and not any(row.is_open for row in self.rows))

    def has_ended(self, targets: Iterable[Target]) -> bool:
        """Return whether the task is over.

        ``done`` is the only end that a source names. Any other word but ``in_progress`` counts as one only once every
        device has a row that has ended.
        """
        if self.word in (None, "in_progress"):
            return False
        if self.word == "done":
            return True
        rows = [self.rows_of(target) for target in targets]
        return all(found and not any(row.is_open for row in found) for found in rows)

    def rows_of(self, target: Target) -> list[SubTask]:
        """Return the rows that are about a device: by one of its ids, or by its address where a row has no id."""
        by_name = self._rows_by_name
        return [*by_name.get(target.device_id, ()), *by_name.get(("ip", target.ip), ())]

    @cached_property
    def _rows_by_name(self) -> dict[Hashable, list[SubTask]]:
        found: dict[Hashable, list[SubTask]] = {}
        for row in self.rows:
            for name in row.ids or [("ip", ip) for ip in dict.fromkeys(row.ips)]:
                found.setdefault(name, []).append(row)
        return found


@dataclass(frozen=True)
class Verdict:
    """What a task that has ended means for one device.

    :param succeeded: only where every row of the device says so.
    :param reason: why not, in the manager's words; empty for a success.
    :param activity: the manager's last line about the device.
    """

    succeeded: bool
    reason: str = ""
    activity: str | None = None


def verdict_of(status: TaskStatus, target: Target) -> Verdict:
    """Return the verdict for one device of a task that has ended; anything unknown is a failure."""
    rows = status.rows_of(target)
    activity = next((row.activity[-1] for row in reversed(rows) if row.activity), None)
    if failed := status.failed_validation:
        return Verdict(False, f"the manager's validation failed: {failed}", activity or failed)
    if not rows:
        return Verdict(False, "the manager reports nothing about this device", None)
    bad = next((row for row in rows if not row.succeeded), None)
    if bad is None:
        return Verdict(True, activity=activity)
    words = bad.text or ", ".join(sorted(bad.words)) or "no status"
    return Verdict(False, f"the manager reports {words!r}", activity)


def parse_status(body: Any) -> TaskStatus:
    """Return a task status; rows may be missing, as they are at first and after a failed validation.

    :param body: the whole JSON of the response.
    :raises VManageProtocolError: the body, its rows, its summary or its validation are not of the documented kind.
    """
    if not isinstance(body, Mapping):
        raise VManageProtocolError("The status of a task is not an object")
    rows = [] if body.get("data") is None else body["data"]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise VManageProtocolError('The status of a task has a "data" that is not a list of objects')
    summary, validation = _object(body, "summary"), _object(body, "validation")
    return TaskStatus(
        word=_word(summary.get("status")),
        rows=tuple(_sub_task(row) for row in rows),
        validation_words=_words(validation),
        validation_lines=_lines(validation.get("activity")),
    )


@dataclass(frozen=True)
class RunningTask:
    """A task of the manager that has not ended.

    :param process_id: id to ask for its status by.
    :param action: such as ``software_install``, as the manager names it.
    :param user: who started it, where the manager says so.
    """

    process_id: str
    action: str
    user: str | None = None

    def is_kind(self, kind: ActionKind) -> bool:
        """Return whether the task is such an action, by its name or by its id."""
        return self.action in kind.value or self.process_id.startswith(f"{kind.id_prefix}-")


def parse_running_tasks(body: Any) -> list[RunningTask]:
    """Return the tasks of ``GET device/action/status/tasks``.

    :raises VManageProtocolError: no list of objects that each have an id.
    """
    rows = body.get("runningTasks") if isinstance(body, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and row.get("processId") for row in rows):
        raise VManageProtocolError('The list of running tasks has no "runningTasks", or one without processId')
    return [
        RunningTask(str(row["processId"]), _text(row.get("action")), _text(row.get("userSessionUserName")) or None)
        for row in rows
    ]


class Requests(Protocol):
    """Sends a call: a session, or a hook."""

    def request(self, method: str, path: str) -> Any:
        """Return the envelope of the response."""


def read_status(manager: Requests, process_id: str) -> TaskStatus:
    """Return the status of a task; one call.

    :param process_id: of the task.
    :raises VManageError: as any read.
    """
    return parse_status(manager.request("GET", f"device/action/status/{process_id}").body)


def _sub_task(row: Mapping[str, Any]) -> SubTask:
    return SubTask(
        ids=tuple(dict.fromkeys(one for name in ("uuid", "deviceID") if (one := _text(row.get(name))))),
        ips=tuple(ip for name in ("system-ip", "local-system-ip") if (ip := _text(row.get(name)))),
        words=_words(row),
        text=_text(row.get("status")),
        activity=_lines(row.get("activity")),
    )


def _words(row: Mapping[str, Any]) -> frozenset[str]:
    found = (_word(row.get("statusId")), _word(row.get("status")))
    return frozenset(word for word in found if word)


def _word(value: Any) -> str | None:
    """Return a status in one spelling: ``In progress`` and ``in_progress`` are the same."""
    word = "_".join(_text(value).casefold().replace("-", " ").replace("_", " ").split())
    return _WORD_OF_TEXT.get(word, word) or None


def _lines(value: Any) -> tuple[str, ...]:
    lines = value if isinstance(value, list) else [value]
    return tuple(line for item in lines if (line := _text(item)))


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise VManageProtocolError(f'The status of a task has a "{name}" that is not an object')
    return value or {}


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
