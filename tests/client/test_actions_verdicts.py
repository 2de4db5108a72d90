"""What a task reports and what the devices show: every way in which they may disagree."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState, DeviceWork
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.errors import VManagePartialError
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import (
    ACTIVATE,
    INSTALL,
    INSTALL_AND_ACTIVATE,
    NEW,
    OLD,
    REMOVE,
    REQUESTS,
    SET_DEFAULT,
    Notes,
    add_edges,
    names,
)

Upgrade = Callable[..., SoftwareUpgrade]


def run(upgrade: SoftwareUpgrade, request: ActionRequest, edges: list[dict[str, Any]], **options: Any) -> ActionState:
    return upgrade.run(request, names(edges), [NEW], **{"timeout": 1200.0, "poll_interval": 120.0, **options})


def second(state: ActionState) -> DeviceWork:
    assert [state.works[0].action, state.works[2].action] not in (["failed"] * 2, ["pending"] * 2)
    return state.works[1]


CASES: dict[str, tuple[ActionRequest, dict[str, Any], str]] = {
    "download fails": (INSTALL, {"fails_at": "download"}, "the manager reports 'Failure'"),
    "download fails before the activation": (INSTALL_AND_ACTIVATE, {"fails_at": "download"}, "reports 'Failure'"),
    "activation fails": (ACTIVATE, {"fails_at": "activation"}, "the manager reports 'Failure'"),
    "default fails": (SET_DEFAULT, {"fails_at": "action"}, "the manager reports 'Failure'"),
    "removal fails": (REMOVE, {"fails_at": "action"}, "the manager reports 'Failure'"),
    "skipped": (ACTIVATE, {"ends_as": "Skipped"}, "the manager reports 'Skipped'"),
    "timed out": (INSTALL, {"ends_as": "Time out"}, "the manager reports 'Time out'"),
    "cancelled": (SET_DEFAULT, {"ends_as": "Cancelled"}, "the manager reports 'Cancelled'"),
    "a word that no source has": (REMOVE, {"ends_as": "Gone fishing"}, "the manager reports 'Gone fishing'"),
    "scheduled and never done": (INSTALL, {"ends_as": "Done - Scheduled"}, "the manager reports success, but version"),
    "comes back on the old version": (ACTIVATE, {"comes_back_old": True}, "the manager reports 'Failure'"),
    "comes back old, reported as success": (
        ACTIVATE,
        {"comes_back_old": True, "lies": True},
        f"the manager reports success, but the device runs {OLD}",
    ),
    "success without effect: activate": (ACTIVATE, {"lies": True}, f"reports success, but the device runs {OLD}"),
    "success without effect: install": (
        INSTALL,
        {"lies": True},
        f"the manager reports success, but version {NEW} is not installed on the device",
    ),
    "success without effect: default": (
        SET_DEFAULT,
        {"lies": True},
        f"the manager reports success, but the default of the device is {OLD}",
    ),
    "success without effect: remove": (
        REMOVE,
        {"lies": True},
        f"the manager reports success, but the device still has version {NEW}",
    ),
    "never comes back": (ACTIVATE, {"stays_down": math.inf}, "the manager reports 'Failure'"),
}


@pytest.mark.parametrize(("request_", "knobs", "reason"), CASES.values(), ids=CASES)
def test_device_that_is_not_as_wanted_failed(
    in_time: Callable[..., Simulator],
    upgrade_on: Upgrade,
    request_: ActionRequest,
    knobs: dict[str, Any],
    reason: str,
) -> None:
    vm = in_time()
    edges = add_edges(vm, request_, 3)
    vm.behave("edge-2", **knobs)
    state = run(upgrade_on(vm), request_, edges, timeout=2400.0 if "stays_down" in knobs else 1200.0)
    work = second(state)
    assert work.action == "failed"
    assert reason in str(work.reason)
    assert state.works[0].action == state.works[2].action != "failed"
    assert work.activity
    with pytest.raises(VManagePartialError, match="1 of 3 devices failed: edge-2") as caught:
        raise_unless_done(state)
    assert caught.value.retryable is not request_.reboots


@pytest.mark.parametrize("word", ["Failure", "Gone fishing"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_reported_failure_with_the_effect_succeeds_with_a_remark(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, request_: ActionRequest, word: str
) -> None:
    vm = in_time()
    edges = add_edges(vm, request_, 3)
    vm.behave("edge-2", reports=word)
    state = run(upgrade_on(vm), request_, edges)
    work = second(state)
    assert (work.action, work.reason) == (
        state.works[0].action,
        f"as wanted, although the manager reports {word!r}",
    )
    raise_unless_done(state)


def test_failed_validation_fails_all_devices_with_its_words(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE, 3)
    vm.behave("edge-2", fails_validation=True)
    state = run(upgrade_on(vm), ACTIVATE, edges)
    assert [work.action for work in state.works] == ["failed"] * 3
    assert all("the manager's validation failed: " in str(work.reason) for work in state.works)
    assert "edge-2" in str(state.works[0].reason)


@pytest.mark.slow
@pytest.mark.parametrize("notice_after", [0.0, 600.0])
def test_device_that_stays_down_is_waited_for(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, notice_after: float
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE, 3)
    vm.behave("edge-2", stays_down=1800.0, notice_after=notice_after)
    state = run(upgrade_on(vm), ACTIVATE, edges, timeout=3600.0)
    assert second(state).action == "activated"
    assert edges[1]["version"] == NEW


@pytest.mark.slow
def test_device_that_is_not_back_in_time_failed(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE, 3)
    vm.behave("edge-2", stays_down=1800.0)
    state = run(upgrade_on(vm), ACTIVATE, edges, timeout=1200.0)
    work = second(state)
    assert work.action == "failed"
    assert work.reason == (f"the manager reports success, but the device is unreachable (last known version {OLD})")


def test_task_without_rows_is_waited_for(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time(rows_after=480.0)
    edges = add_edges(vm, INSTALL, 3)
    assert [work.action for work in run(upgrade_on(vm), INSTALL, edges).works] == ["installed"] * 3


def test_task_that_outlasts_its_limit_is_found_by_a_retry(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    edges = add_edges(vm, INSTALL, 2)
    notes = Notes()
    state = run(upgrade_on(vm, notes=notes), INSTALL, edges, timeout=60.0)
    assert [work.action for work in state.works] == ["failed"] * 2
    assert str(state.works[0].reason).startswith("the task has given no verdict in time, and version")
    assert [note.process_id for note in notes.notes] == list(state.as_result()["tasks"])
    again = run(upgrade_on(vm, notes=notes), INSTALL, edges)
    assert [work.action for work in again.works] == ["installed"] * 2
    assert notes.notes == []
    assert len(vm.actions) == 2


def test_devices_that_cannot_be_listed_at_the_end_failed(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    edges = add_edges(vm, INSTALL, 2)
    upgrade = upgrade_on(vm)
    state = upgrade.wait(upgrade.submit(INSTALL, names(edges), [NEW]), math.inf, 30.0)
    vm.faults.add("http_500", path="device/action/install/devices/*", times=None)
    state = upgrade.verify(state, math.inf)
    assert [work.action for work in state.works] == ["failed"] * 2
    assert state.works[0].reason == "the manager reports success, but the manager does not list the device"


def test_id_that_the_manager_refuses_is_verified_by_the_lists(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE, 2)
    upgrade = upgrade_on(vm)
    state = upgrade.submit(ACTIVATE, names(edges), [NEW])
    vm.faults.add("error_4xx", path="device/action/status/change_partition-*", times=None)
    state = upgrade.poll(upgrade.poll(state))
    assert not state.has_ended
    state = upgrade.poll(state)
    assert state.has_ended
    recorded_sleeps.append(3600.0)
    assert [work.action for work in upgrade.verify(state, math.inf).works] == ["activated"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("http_500", {}),
        ("http_503", {}),
        ("html_200", {}),
        ("error_4xx", {"status": 500}),
        ("expired_a", {}),
        ("expired_e", {}),
        ("http_429", {}),
    ],
)
def test_no_news_of_a_task_is_no_verdict(
    vm_of_release: Simulator, upgrade_on: Upgrade, fault: str, options: dict[str, Any]
) -> None:
    edges = add_edges(vm_of_release, ACTIVATE, 2)
    upgrade = upgrade_on(vm_of_release)
    state = upgrade.submit(ACTIVATE, names(edges), [NEW])
    vm_of_release.faults.add(fault, path="device/action/status/change_partition-*", times=20, **options)
    state = upgrade.verify(upgrade.wait(state, math.inf, 30.0), math.inf)
    assert [work.action for work in state.works] == ["activated"] * 2
