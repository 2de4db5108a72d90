"""How long a wave of an upgrade takes at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import DeviceProgress, UpgradeState, WaveProgress
from airflow_provider_vmanage.client.upgrade.timing import read_limits, seconds_of_wave
from airflow_provider_vmanage.simulator import Simulator

POLICY = UpgradePolicy(settle_timeout=900.0, stable_for=60.0)
DOWNLOAD, ACTIVATE, SETTLE = 3600.0, 1800.0, 960.0


def wave(number: int, *steps: str, role: str = "vedge") -> tuple[PlannedRow, ...]:
    return tuple(
        PlannedRow(f"{number}-{place}", f"id-{number}-{place}", role, "17.9.4", "17.12.4", step, number)
        for place, step in enumerate(steps)
    )


def seconds(*waves: tuple[PlannedRow, ...], **fields: Any) -> float:
    """The limit of the last wave."""
    plan = PlannedUpgrade("", None, waves)
    state = UpgradeState(plan.digest, 0, limits=(DOWNLOAD, ACTIVATE), **fields)
    return seconds_of_wave(plan, POLICY, state, waves[-1])


@pytest.mark.parametrize(
    ("steps", "role", "limit"),
    [
        (["set_default"], "vedge", SETTLE),
        (["activate", "set_default"], "vedge", ACTIVATE + SETTLE),
        (["install+activate", "activate"], "vedge", DOWNLOAD + ACTIVATE + SETTLE),
        (["install+activate"] * 3, "vedge", DOWNLOAD + ACTIVATE + SETTLE),
        (["install+activate"] * 3, "vsmart", 3 * (DOWNLOAD + ACTIVATE) + SETTLE),
    ],
)
def test_first_wave_takes_the_limits_of_the_manager(steps: list[str], role: str, limit: float) -> None:
    assert seconds(wave(1, *steps, role=role)) == limit


@pytest.mark.parametrize(("role", "limit"), [("vedge", 1000 * 1.25), ("vsmart", 500 * 1.25 * 3)])
def test_later_wave_takes_a_quarter_more_than_the_longest(role: str, limit: float) -> None:
    """Controllers are upgraded one after another: there were two of them, and now there are three."""
    first, second = wave(1, "activate", "activate", role=role), wave(2, *["activate"] * 3, role=role)
    times = {"activate": (0, 600)}
    devices = {row.device_id: DeviceProgress(action="upgraded", times=times) for row in first}
    assert seconds(first, second, devices=devices, waves=(WaveProgress(0, 1000),)) == limit


def test_manager_without_limits_asks_for_wave_minutes(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    session = connect(vm)
    vm.faults.add(
        "status", path="settings/configuration/*", status=200, body='{"data": []}', content_type="application/json"
    )
    text = "^wave_minutes is missing, and the manager does not show its limits for software tasks: give wave_minutes"
    with pytest.raises(VManageConfigurationError, match=text):
        read_limits(session)
