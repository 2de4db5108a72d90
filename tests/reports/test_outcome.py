"""One sentence for the outcome of a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.reports.outcome import Summary, common_version, outcome_of, settled_action


def summary(counts: dict[str, int], **fields: Any) -> Summary:
    values: dict[str, Any] = {
        "version": "17.12.4",
        "unchanged": 0,
        "blocked": 0,
        "stopped_because": None,
        "last_wave": 3,
        "is_running": False,
        "applied": True,
        "max_failures": "1",
    }
    return Summary(counts=counts, **{**values, **fields})


@pytest.mark.parametrize(
    ("counts", "fields", "badge", "sentence"),
    [
        ({"upgraded": 12}, {}, "Complete", "All 12 devices run 17.12.4 as planned."),
        ({"upgraded": 1}, {}, "Complete", "The one device runs 17.12.4 as planned."),
        ({"failed": 1}, {}, "Completed with failures", "0 of 1 device runs 17.12.4 as planned; 1 failed."),
        ({"failed": 4}, {}, "Completed with failures", "0 of 4 devices run 17.12.4 as planned; 4 failed."),
        (
            {"upgraded": 9, "activated": 1, "unchanged": 1, "failed": 1},
            {},
            "Completed with failures",
            "11 of 12 devices run 17.12.4 as planned; 1 failed.",
        ),
        (
            {"upgraded": 3, "rolled_back": 1, "skipped": 5},
            {"stopped_because": "window"},
            "Stopped: window",
            (
                "3 of 9 devices run 17.12.4 as planned; 1 rolled back; 5 skipped; nothing else was begun after wave 3, "
                "because the next wave could not end within the window."
            ),
        ),
        (
            {"failed": 2, "skipped": 8},
            {"stopped_because": "failures", "last_wave": 1},
            "Stopped: failures",
            (
                "0 of 10 devices run 17.12.4 as planned; 2 failed; 8 skipped; nothing else was begun after wave 1, "
                "because more devices failed than allowed (max_failures 1)."
            ),
        ),
        (
            {"skipped": 8},
            {"stopped_because": "window", "last_wave": 0},
            "Stopped: window",
            (
                "0 of 8 devices run 17.12.4 as planned; 8 skipped; nothing was begun, "
                "because the next wave could not end within the window."
            ),
        ),
        (
            {"unknown": 2},
            {"stopped_because": "killed", "last_wave": 1},
            "Stopped: killed",
            (
                "0 of 2 devices run 17.12.4 as planned; 2 outcome unknown; nothing else was begun after wave 1, "
                "because the task was killed, while the manager goes on with what it had begun."
            ),
        ),
        (
            {"upgraded": 5, "failed": 1, "to_come": 6},
            {"is_running": True},
            "In progress",
            "In progress: 5 of 12 devices run 17.12.4 so far; 1 failed; 6 to come.",
        ),
        (
            {"upgraded": 3, "skipped": 1},
            {"applied": False},
            "Check mode",
            "Check mode, nothing was changed: 3 of 4 devices would run 17.12.4; 1 skipped.",
        ),
        ({"upgraded": 2}, {"version": ""}, "Complete", "All 2 devices run the planned version."),
        ({}, {"unchanged": 3}, "Nothing to do", "No device was planned, so nothing was changed."),
        ({"upgraded": 1, "skipped": 1}, {}, "Incomplete", "1 of 2 devices run 17.12.4 as planned; 1 skipped."),
    ],
)
def test_sentence_says_what_happened(counts: dict[str, int], fields: Any, badge: str, sentence: str) -> None:
    one = summary(counts, **fields)
    assert (one.badge()[0], one.sentence()) == (badge, sentence)


def test_devices_in_no_wave_are_mentioned() -> None:
    one = summary({"upgraded": 1}, unchanged=1, blocked=2)
    assert one.remark() == "Not in any wave: 1 device needed no change; 2 devices were blocked."
    assert summary({"upgraded": 1}).remark() == ""


@pytest.mark.parametrize(
    ("begun", "running", "action"),
    [
        (True, True, "in_progress"),
        (False, True, "to_come"),
        (True, False, "unknown"),
        (False, False, "skipped"),
    ],
)
def test_pending_device_has_another_word_after_the_end(begun: bool, running: bool, action: str) -> None:
    assert settled_action("pending", was_begun=begun, is_running=running) == action
    assert settled_action("upgraded", was_begun=begun, is_running=running) == "upgraded"


def test_unknown_action_keeps_its_word_and_is_no_success() -> None:
    assert outcome_of("half_done").word == "half done"
    assert outcome_of("half_done").kind == "other"


@pytest.mark.parametrize(
    ("versions", "shown"),
    [
        ([], ""),
        (["17.12.04.0.6740.1708", "17.12.04.0.6740"], "17.12.04.0.6740"),
        (["17.12.4", "17.12.4", "20.12.4"], "17.12.4 or 20.12.4"),
        (["1.1", "2.2", "3.3"], ""),
    ],
)
def test_version_of_the_headline(versions: list[str], shown: str) -> None:
    assert common_version(versions) == shown
