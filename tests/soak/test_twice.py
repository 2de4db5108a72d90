"""What the soak counts as an action that was sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.simulator.upgrade.book import ReceivedAction
from tests.soak.twice import sent_twice

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"


def received(action: str, process_id: str | None, *, had: str = "", busy_with: str = "", **more: Any) -> ReceivedAction:
    """Return an action on one device that runs the old version, or what it had already."""
    found = {"version": OLD, "defaultVersion": OLD, "availableVersions": [], **dict.fromkeys(had.split(), NEW)}
    if had == "availableVersions":
        found["availableVersions"] = [NEW]
    reboots = more.pop("reboots", action == "changepartition")
    version = f"{NEW}.1708" if action == "install" else NEW
    return ReceivedAction(action, "edge", version, None, process_id, reboots, found, tuple(busy_with.split()))


INSTALL, ACTIVATE, CONFIRM = "install", "changepartition", "defaultpartition"
DONE = {INSTALL: "availableVersions", ACTIVATE: "version", CONFIRM: "defaultVersion"}


@pytest.mark.parametrize("action", DONE)
def test_second_request_counts_while_the_first_is_at_work(action: str) -> None:
    again = received(action, None, busy_with="t1")  # the manager may refuse it
    assert len(sent_twice([received(action, "t1"), again], {"edge": [0, 1]})) == 1


@pytest.mark.parametrize("action", DONE)
def test_second_request_counts_where_the_first_has_worked(action: str) -> None:
    again = received(action, "t2", had=DONE[action])
    assert len(sent_twice([received(action, "t1"), again], {"edge": [0, 1]})) == 1


def test_repeated_reboot_counts_until_a_person_has_checked() -> None:
    both = [received(ACTIVATE, "t1"), received(ACTIVATE, "t2")]
    assert len(sent_twice(both, {"edge": [0]})) == 1
    assert sent_twice(both, {"edge": [0, 1]}) == []


@pytest.mark.parametrize("action", [INSTALL, CONFIRM])
def test_repeated_request_that_is_still_needed_does_not_count(action: str) -> None:
    assert sent_twice([received(action, "t1"), received(action, "t2")], {"edge": [0]}) == []


def test_refused_request_may_be_repeated() -> None:
    assert sent_twice([received(ACTIVATE, None), received(ACTIVATE, "t1")], {"edge": [0]}) == []


def test_installation_with_a_reboot_is_not_repeated() -> None:
    both = [received(INSTALL, process_id, reboots=True) for process_id in ("t1", "t2")]
    assert len(sent_twice(both, {"edge": [0]})) == 1
