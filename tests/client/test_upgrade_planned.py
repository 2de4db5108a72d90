"""A plan and a policy as an upgrade reads them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.client.upgrade.policy import parse_policy

END = datetime(2026, 1, 31, 22, 0, tzinfo=timezone.utc)
ROW = {
    "device": "edge-1",
    "device_id": "id-1",
    "role": "vedge",
    "from_version": "17.9.4",
    "version": "17.12.4",
    "step": "activate",
    "system_ip": "10.0.0.1",
    "site_id": "7",
    "platform_family": "c8000v",
}


def test_plan_keeps_all_that_a_report_shows() -> None:
    beside: dict[str, Any] = {
        "manager": "https://manager.example.com",
        "release": "20.12",
        "unchanged": [{"device": "same"}],
        "blocked": [{"device": "busy", "reason": "task 1 is at work on it"}],
        "warnings": ["check the image"],
    }
    plan = parse_plan({"waves": [[ROW]], **beside})
    assert [asdict(row) for row in plan.rows] == [{**ROW, "wave": 1}]
    assert (plan.manager, plan.release) == (beside["manager"], beside["release"])
    for name in ("unchanged", "blocked", "warnings"):
        assert list(getattr(plan, name)) == beside[name]


def test_plan_of_waves_alone_has_nothing_beside_them() -> None:
    plan = parse_plan({"waves": [[ROW]]})
    assert (plan.manager, plan.release, plan.baseline) == ("", None, {})
    assert (plan.unchanged, plan.blocked, plan.warnings) == ((), (), ())


def test_policy_holds_what_was_given() -> None:
    given = {"settle_timeout": 600, "stable_for": 0, "pause": 60, "timeout": 3600, "poll_interval": 15}
    flags = {"set_default": False, "rollback": True, "accept_failures": True, "skip_blocked": True}
    policy = parse_policy(max_failures=2, not_after=END, wave_minutes=30, checks=["reachable"], **given, **flags)
    assert asdict(policy) == {
        "max_failures": 2,
        "not_after": END.timestamp(),
        "wave_seconds": 1800.0,
        "checks": ("reachable",),
        **{name: float(value) for name, value in given.items()},
        **flags,
    }


def test_policy_without_a_window_has_none() -> None:
    policy = parse_policy(max_failures=0, not_after=None, wave_minutes=None, checks=["reachable"])
    assert (policy.not_after, policy.wave_seconds) == (None, None)


@pytest.mark.parametrize("name", ["timeout", "poll_interval", "settle_timeout"])
def test_policy_refuses_no_time(name: str) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{name} "):
        parse_policy(max_failures=0, not_after=None, wave_minutes=None, checks=["reachable"], **{name: 0})
