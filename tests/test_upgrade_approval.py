"""The page of a plan of an upgrade: what a person reads before the devices reboot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_vmanage.reports.upgrade_approval import count_plan, plan_rows, render_upgrade_plan


def row(name: str, **fields: Any) -> dict[str, Any]:
    usual = {
        "device": name,
        "device_id": f"C8K-39b1ec36-47ec-5a23-9430-{name}",
        "system_ip": "10.0.1.1",
        "site_id": "101",
        "role": "vedge",
        "platform_family": "c8000v",
        "from_version": "17.09.04a.0.6",
        "version": "17.12.04.0.6740",
        "step": "install+activate",
        "wave": 1,
        "reason": None,
    }
    return {**usual, **fields}


def plan(*waves: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    usual = {"manager": "https://vm.example.com", "release": "20.12", "unchanged": [], "blocked": [], "warnings": []}
    return {**usual, "baseline_problems": [], "waves": list(waves), **fields}


def test_page_shows_manager_waves_and_what_is_blocked() -> None:
    blocked = row("b", step=None, wave=None, reason="the manager cannot reach it")
    page = render_upgrade_plan(
        plan(
            [row("s", role="vsmart", site_id="100")],
            [row("e"), row("f", step="activate")],
            unchanged=[row("u")],
            blocked=[blocked],
            warnings=["version 20.15.1 belongs to release 20.15"],
        )
    )
    assert (
        page
        == """\
**Manager:** https://vm.example.com, release 20.12

**3 devices in 2 waves, 1 unchanged, 1 blocked**. *install+activate* and *activate* reboot a device, *set\\_default* \
does not.

- **Warning:** version 20.15.1 belongs to release 20.15

**Wave 1 of 2**: 1 device, role vsmart

| device | site | running | wanted | step |
| --- | --- | --- | --- | --- |
| s | 100 | 17.09.04a.0.6 | 17.12.04.0.6740 | install+activate |

**Wave 2 of 2**: 2 devices, role vedge

| device | site | running | wanted | step |
| --- | --- | --- | --- | --- |
| e | 101 | 17.09.04a.0.6 | 17.12.04.0.6740 | install+activate |
| f | 101 | 17.09.04a.0.6 | 17.12.04.0.6740 | activate |

**Blocked**, not changed: 1 device

| device | site | running | wanted | reason |
| --- | --- | --- | --- | --- |
| b | 101 | 17.09.04a.0.6 | 17.12.04.0.6740 | the manager cannot reach it |"""
    )


def test_plan_without_waves_says_that_no_device_changes() -> None:
    page = render_upgrade_plan(plan(unchanged=[row("u")]))
    assert page.split("\n\n")[1:] == ["**no devices, 1 unchanged, 0 blocked**"]


@pytest.mark.parametrize("evil", ["a|b", "<script>", "[x](javascript:1)", "line\nline", "`code`"])
def test_text_of_others_is_escaped(evil: str) -> None:
    page = render_upgrade_plan(
        plan([row("a", device=evil, role=evil)], blocked=[row("b", reason=evil)], warnings=[evil], release=evil)
    )
    assert evil not in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {6}


def test_page_stays_short_for_a_thousand_devices() -> None:
    waves = [[row(f"w{number}-{one}") for one in range(25)] for number in range(40)]
    page = render_upgrade_plan(plan(*waves, blocked=[row(f"b{one}") for one in range(30)]))
    assert page.count("\n\nand 5 more\n\n**Wave") == 9
    assert "and 30 more waves with 750 devices: see the result of the task" in page
    assert page.endswith("\n\nand 10 more")
    assert len(page.splitlines()) < 320
    assert len(json.dumps(page)) < 30_000


def test_log_lists_what_is_blocked_first() -> None:
    found = plan([row("a")], blocked=[row("b", wave=None, step=None, reason="busy")])
    assert [cells[:2] for cells in plan_rows(found)] == [[None, "b"], [1, "a"]]
    assert count_plan(found) == "1 device in 1 wave, 0 unchanged, 1 blocked"
