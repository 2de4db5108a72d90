"""Several changes, one after the other, told truthfully when one of them fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError, VManagePartialError, VManageTooManyDeletionsError
from airflow_provider_vmanage.client.software_repository import Change

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One change.

    :param what: in words, for logs and errors.
    :param act: makes it; safe to run again.
    """

    what: str
    act: Callable[[], Change]


def take_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Make the changes in their order and return their rows.

    :raises VManagePartialError: one failed; nothing after it was tried.
    """
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        log.info("Step %d of %d: %s", number + 1, len(steps), step.what)
        try:
            rows.append(step.act().as_row())
        except VManageError as err:
            left = [one.what for one in steps[number + 1 :]]
            raise VManagePartialError(
                f"{len(rows)} of {len(steps)} changes were made, then this failed: {step.what}: {err}. "
                f"Done: {_names(steps[:number])}. Not tried: {', '.join(left) or 'nothing'}. A rerun goes on here",
                done=rows,
                failed=step.what,
                left=left,
                retryable=err.retryable,
            ) from err
    return rows


def too_many_deletions(count: int, max_deletions: int) -> str | None:
    """Return why that many deletions are refused, or ``None`` where they are not."""
    if count <= max_deletions:
        return None
    return (
        f"{count} images would be deleted, and max_deletions is {max_deletions}: nothing was changed; look at what "
        "would go, and raise max_deletions if it is right"
    )


def refuse_deletions(reason: str | None) -> None:
    """Do nothing without a reason.

    :raises VManageTooManyDeletionsError: there is one.
    """
    if reason:
        raise VManageTooManyDeletionsError(reason)


def _names(steps: Sequence[Step]) -> str:
    return ", ".join(step.what for step in steps) or "nothing"
