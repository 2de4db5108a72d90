"""The text for chats and notifications."""

from __future__ import annotations

import pytest

from airflow_provider_vmanage.reports.upgrade_report import MAX_MARKDOWN, render_markdown
from scripts.sample_report import sample_report


def test_text_has_outcome_failures_and_facts() -> None:
    text = render_markdown(sample_report(failures={3: "health", 7: "download"}, waves_begun=3))
    lines = text.splitlines()
    assert lines[0] == "**Upgrade to 17.12.04.0.6740: Stopped: window**"
    assert lines[2].startswith("12 of 18 devices run 17.12.04.0.6740 as planned; 1 failed; 1 rolled back; 4 skipped;")
    assert "Not in any wave: 3 devices were blocked." in lines
    assert sum(line.startswith("- ") for line in lines) == 2
    assert "Manager: https://vmanage.example.com  " in lines


@pytest.mark.parametrize("count", [10, 30, 1200])
def test_text_is_short_and_counts_what_is_left_out(count: int) -> None:
    report = sample_report(count, failures=dict.fromkeys(range(count), "lost"))
    text = render_markdown(report)
    assert len(text) <= MAX_MARKDOWN
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    more = int(lines.pop().split()[2]) if "more" in lines[-1] else 0
    assert len(lines) + more == len(report["devices"])
    assert "Window ends: " in text


@pytest.mark.parametrize("key", ["title", "manager", "approved_by"])
def test_no_text_of_others_makes_it_longer(key: str) -> None:
    text = render_markdown(sample_report(failures={0: "lost"}, **{key: "*<" * 5000}))
    assert len(text) <= MAX_MARKDOWN
    assert "\\*\\<" in text


def test_report_without_keys_has_a_text() -> None:
    assert render_markdown({}).startswith("**Upgrade of devices: Nothing to do**")
