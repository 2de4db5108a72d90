"""A plan for people: a table for the log, and a Markdown page to approve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from airflow_provider_vmanage.client.desired_state.plan import Plan
from airflow_provider_vmanage.client.desired_state.wanted import WantedImage
from airflow_provider_vmanage.client.device_actions.usage import Usage
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.urls import masked_url
from airflow_provider_vmanage.reports.text_table import ROWS_SHOWN, count_of, markdown_cell, size_of

COLUMNS = ("action", "image", "version", "version_id", "size", "used by", "reason")

_BLOCKED = (
    "**blocked** is not changed: an image that must not be deleted stays on the manager. A wanted image that cannot be "
    "added stops the whole plan before anything is changed."
)


@dataclass(frozen=True)
class PlanLine:
    """One line of a plan; ``None`` if a value is not known."""

    action: str
    image: str
    version: str | None
    version_id: str | None
    size: str | None
    used_by: str | None
    reason: str


def plan_lines(plan: Plan, usage: Usage | None, sizes: Mapping[WantedImage, int]) -> list[PlanLine]:
    """Return the lines of a plan: what is added, deleted, blocked and kept.

    :param usage: of the images, or ``None`` if devices were not listed.
    :param sizes: bytes of the images to add, as far as they are known.
    """
    return [
        *(_wanted_line("add", one, "missing", sizes) for one in plan.add),
        *(_image_line("delete", image, "not wanted", usage) for image in plan.remove),
        *(
            _wanted_line("blocked", one, reason, sizes)
            if isinstance(one, WantedImage)
            else _image_line("blocked", one, reason, usage)
            for one, reason in plan.blocked
        ),
        *(_image_line("keep", image, reason, usage) for image, reason in plan.keep),
    ]


def count_lines(lines: Sequence[PlanLine]) -> str:
    """Return the summary of a plan: ``1 to add, 2 to delete, 0 blocked, 12 to keep``."""
    counts = Counter(line.action for line in lines)
    return (
        f"{counts['add']} to add, {counts['delete']} to delete, {counts['blocked']} blocked, {counts['keep']} to keep"
    )


def render_plan(lines: Sequence[PlanLine], *, manager: str, release: str | None, digest: str) -> str:
    """Return a plan as a Markdown table that shows every addition and deletion; what others named is escaped.

    :param lines: of :func:`plan_lines`.
    :param manager: its base URL.
    :param release: of the manager.
    :param digest: of the plan.
    """
    blocked = [one for one in lines if one.action == "blocked"]
    shown = [one for one in lines if one.action in ("add", "delete")] + blocked[:ROWS_SHOWN]
    kept = sum(one.action == "keep" for one in lines)
    parts = [
        f"**Manager:** {markdown_cell(manager)}, release {markdown_cell(release)}",
        _markdown_table(shown) if shown else "Nothing to change.",
        f"and {len(blocked) - ROWS_SHOWN} more blocked" if len(blocked) > ROWS_SHOWN else "",
        _BLOCKED if blocked else "",
        f"{count_of(kept, 'other image')} on the manager: no change. Digest of the plan: {digest}",
    ]
    return "\n\n".join(part for part in parts if part)


def _markdown_table(lines: Sequence[PlanLine]) -> str:
    head = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    rows = [" | ".join(map(markdown_cell, astuple(line))) for line in lines]
    return "\n".join(f"| {row} |" for row in [*head, *rows])


def _wanted_line(action: str, one: WantedImage, reason: str, sizes: Mapping[WantedImage, int]) -> PlanLine:
    return PlanLine(action, one.describe(), one.version, None, size_of(sizes.get(one)), None, reason)


def _image_line(action: str, image: SoftwareImage, reason: str, usage: Usage | None) -> PlanLine:
    name = image.file_name or masked_url(image.url or "no file")
    return PlanLine(action, name, image.version, image.version_id, None, _users(image, usage), reason)


def _users(image: SoftwareImage, usage: Usage | None) -> str | None:
    if usage is None or usage.problem is not None or not image.version:
        return None
    return usage.users_of(image.version) or "no device"
