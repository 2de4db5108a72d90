"""The page of an upgrade: complete, escaped, small, and without anything from the network."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

import pytest

from airflow_provider_vmanage.reports.upgrade_report import render_html
from scripts.sample_report import FAILURES, sample_report
from tests.reports.page import Page

KINDS = tuple(FAILURES)
SOME = {3: "health", 7: "download", 9: "lost"}


def page_of(**arguments: Any) -> Page:
    page = Page(render_html(sample_report(**arguments)))
    assert page.unbalanced == []
    return page


def test_numbers_are_those_of_the_rows() -> None:
    report = sample_report(24, failures=SOME, waves_begun=3)
    page = Page(render_html({**report, "counts": {"upgraded": 999}}))
    counts = Counter(row["action"] for row in report["devices"])
    shown = re.findall(r"(\d+) +[✓✕↩○] (upgraded|failed|rolled back|skipped)", page.texts[""])
    assert {word.replace(" ", "_"): int(count) for count, word in shown} == counts
    outcomes = Counter(row[3].split(" ", 1)[1].replace(" ", "_") for row in page.rows[1:])
    assert outcomes == counts
    assert [name for name in page.headings() if "(" in name] == [
        f"Failures ({counts['failed'] + counts['rolled_back']})",
        f"Skipped ({counts['skipped']})",
        f"Blocked ({len(report['blocked'])})",
        f"All planned devices ({len(report['devices'])})",
    ]


@pytest.mark.parametrize("bad", [3, 150])
def test_each_failure_is_shown_with_reason_and_last_line(bad: int) -> None:
    report = sample_report(240, failures={number: KINDS[number % 3] for number in range(bad)})
    rows = [row for row in report["devices"] if row["action"] in ("failed", "rolled_back")]
    assert len(rows) == bad
    shown = Page(render_html(report)).failures
    for row, text in zip(rows, shown, strict=True):
        assert row["device"] in text
        assert row["reason"] in text
        assert row["lines"][-1] in text


def test_failed_device_shows_health_before_and_after() -> None:
    (failure,) = page_of(failures={3: "health"}).failures
    assert re.search(r"bfd\s*✕ worse\s*8\s*3", failure)
    assert re.search(r"control\s*ok\s*3 of 3\s*3 of 3", failure)


def test_health_that_is_not_ok_without_failure_is_listed() -> None:
    report = sample_report()
    report["devices"][5]["findings"] = [{"check": "omp", "verdict": "cannot tell", "before": "2", "after": "unknown"}]
    page = Page(render_html(report))
    (heading,) = [name for name in page.headings() if "(1)" in name]
    assert "omp cannot tell 2 unknown" in page.texts[heading]
    assert page.failures == []


def test_texts_of_others_are_escaped() -> None:
    hostile = "<script>alert(1)</script>\" onload='x' \N{RIGHT-TO-LEFT OVERRIDE}&amp;"
    report = sample_report(24, failures=SOME, waves_begun=3, title=hostile, approved_by=hostile, warnings=[hostile])
    for row in [*report["devices"], *report["blocked"]]:
        row.update(device=hostile, reason=hostile, from_version=hostile, site_id=hostile)
        row["lines"] = [hostile]
        row["findings"] = [{"check": hostile, "verdict": hostile, "before": hostile, "after": hostile}]
    html = render_html({**report, "manager": hostile, "release": hostile, "max_failures": hostile})
    page = Page(html)
    assert page.unbalanced == []
    assert [tag for tag, given in page.tags if tag == "script" or "onload" in given] == []
    assert "<script>alert(1)</script>\" onload='x' &amp;" in page.texts[""]
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in html


@pytest.mark.parametrize(
    ("manager", "links"),
    [
        ("https://vmanage.example.com:8443", ["https://vmanage.example.com:8443"]),
        ("https://user:secret@vmanage.example.com", ["https://***@vmanage.example.com"]),
        ("javascript:alert(1)", []),
        (None, []),
    ],
)
def test_page_loads_nothing_and_links_the_manager_only(manager: str | None, links: list[str]) -> None:
    html = render_html(sample_report(failures=SOME, manager=manager))
    urls = [(tag, given[name]) for tag, given in Page(html).tags for name in ("src", "href", "action") if name in given]
    assert urls == [("link", "data:,"), *(("a", link) for link in links)]
    assert not re.search(r"url\(|@import|secret", html)
    policy = next(given for tag, given in Page(html).tags if given.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'")


@pytest.mark.parametrize("share", [37, 1], ids=["some failures", "all failed"])
def test_thousand_devices_take_two_seconds_and_little_room(share: int) -> None:
    failures = {number: KINDS[number % 3] for number in range(0, 1000, share)}
    report = sample_report(1203, failures=failures, wave_sizes=(1, "10%"))
    assert len(report["devices"]) >= 1000
    for row in report["devices"]:
        row["lines"] = row["lines"] * 4
    render_html(sample_report(4))  # the template is compiled once
    begun = time.process_time()
    html = render_html(report)
    assert time.process_time() - begun < 2
    assert len(html.encode()) < 1_500_000
    assert all(row["device"] in html for row in report["devices"])


def test_running_upgrade_says_so() -> None:
    report = sample_report(24, failures=SOME, waves_begun=3, ended_at=None, stopped_because=None)
    begun = [row for row in report["devices"] if row["wave"] <= 3]
    for row in report["devices"][len(begun) :]:
        row.update(action="pending", reason=None)
    begun[-1].update(action="pending", ended_at=None, steps=begun[-1]["steps"][:1])
    begun[-1]["steps"][0]["ended_at"] = None
    page = Page(render_html(report))
    assert page.texts[""].count("In progress") >= 2
    assert "written again after each wave" in page.text
    assert re.search(r"1 in progress; 4 to come\.", page.text)
    assert "Ended" not in page.texts[""]
    assert any(bar.startswith("install since 0") for bar in page.bars)


def test_device_without_outcome_after_the_end_is_a_failure() -> None:
    report = sample_report(24, stopped_because="killed")
    report["devices"][2].update(action="pending", ended_at=None)
    page = Page(render_html(report))
    assert "1 outcome unknown" in page.texts[""]
    assert report["devices"][2]["device"] in page.failures[0]


def test_check_mode_calls_no_device_upgraded() -> None:
    page = page_of(applied=False)
    assert {row[3] for row in page.rows[1:]} == {"→ would be upgraded"}
    assert re.search(r"18 +→ would be upgraded", page.texts[""])
    assert "✓" not in page.text
    assert page.bars == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"applied": False}, "Check mode, nothing was changed: all 18 devices would run"),
        ({"devices": [], "waves": [], "counts": {}}, "No device was planned, so nothing was changed."),
    ],
    ids=["check mode", "nothing to do"],
)
def test_headline_says_that_nothing_was_changed(change: dict[str, Any], words: str) -> None:
    assert words in page_of(**change).text


@pytest.mark.parametrize("key", sorted(sample_report()))
def test_missing_key_leaves_a_page(key: str) -> None:
    report = sample_report(24, failures=SOME, waves_begun=3)
    del report[key]
    assert Page(render_html(report)).unbalanced == []


def test_report_without_keys_is_a_page() -> None:
    page = Page(render_html({}))
    assert page.unbalanced == []
    assert "Nothing to do" in page.text


def test_device_that_was_only_installed_is_no_success() -> None:
    report = sample_report(waves_begun=3)
    report["devices"][1].update(action="installed", reason="the window ended before its activation")
    page = Page(render_html(report))
    assert "13 of 18 devices run" in page.text
    assert re.search(r"○ installed only .*the window ended", page.texts["Skipped or installed only (5)"])
    assert len(page.bars) == 14


def test_device_without_times_is_drawn_without_a_bar() -> None:
    report = sample_report()
    report["devices"][4].update(started_at=None, ended_at="yesterday", steps=[])
    page = Page(render_html(report))
    assert page.bars.count("no times are known") == 1
    assert len(page.bars) == len(report["devices"])


def test_rows_of_plain_results_are_enough() -> None:
    extra = ("lines", "findings", "steps")
    rows = [{key: row[key] for key in row if key not in extra} for row in sample_report(failures=SOME)["devices"]]
    page = Page(render_html({"devices": rows}))
    assert len(page.bars) == len(rows)
    assert "work without recorded steps" in page.text
    assert rows[9]["activity"] in "".join(page.failures)


def test_page_has_language_title_and_headers() -> None:
    page = page_of(failures=SOME, waves_begun=3)
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all(given.get("scope") in ("row", "col") for tag, given in page.tags if tag == "th")
