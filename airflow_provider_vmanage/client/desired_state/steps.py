"""Make several changes one after the other; if one fails, the error names what was done and what was not tried."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.errors import VManageError, VManagePartialError, VManageTooManyDeletionsError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One change.

    :param what: verb and object, such as ``delete a.bin``, for logs and errors.
    :param act: makes the change; safe to run again.
    """

    what: str
    act: Callable[[], Change]


def take_steps(steps: Sequence[Step], *, check_mode: bool = False) -> list[dict[str, Any]]:
    """Make the changes in their order and return their rows.

    :param check_mode: the steps change nothing; logs and errors say so.
    :raises VManagePartialError: one failed; nothing after it was tried.
    """
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        if check_mode:
            log.info("check mode: would %s (%d of %d)", step.what, number + 1, len(steps))
        else:
            log.info("Step %d of %d: %s", number + 1, len(steps), step.what)
        try:
            rows.append(step.act().as_row())
        except VManageError as err:
            left = [one.what for one in steps[number + 1 :]]
            raise VManagePartialError(
                _what_failed(steps, number, err, check_mode=check_mode),
                done=rows,
                failed=step.what,
                left=left,
                retryable=err.retryable,
            ) from err
    return rows


def check_deletion_limit(count: int, max_deletions: int) -> str | None:
    """Return why that many deletions are refused, or ``None``."""
    if count <= max_deletions:
        return None
    return (
        f"{count} images would be deleted, and max_deletions is {max_deletions}: nothing was changed. Check what "
        "would be deleted, and raise max_deletions if it is right"
    )


def raise_if_refused(reason: str | None) -> None:
    """Raise an error if there is a reason to refuse.

    :raises VManageTooManyDeletionsError: with the reason.
    """
    if reason:
        raise VManageTooManyDeletionsError(reason)


def _what_failed(steps: Sequence[Step], number: int, err: VManageError, *, check_mode: bool) -> str:
    what, before, after = steps[number].what, _names(steps[:number]), _names(steps[number + 1 :])
    if check_mode:
        return (
            f"check mode: would fail to {what}: {err}. Checked before: {before}. Not checked: {after}. "
            "Nothing was changed"
        )
    return (
        f"{number} of {len(steps)} changes were made, then this failed: {what}: {err}. Done: {before}. "
        f"Not tried: {after}. A rerun continues here"
    )


def _names(steps: Sequence[Step]) -> str:
    return ", ".join(step.what for step in steps) or "nothing"
