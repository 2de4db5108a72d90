"""Upgrades of a fleet, wave by wave, against a simulated manager: the client, without Airflow."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManagePartialError,
    VManageStalePlanError,
)
from airflow_provider_vmanage.client.upgrade.policy import parse_max_failures
from tests.upgrade.world import NEW, OLD, World, actions_of, reason_of, waves_of

COLOUR = "biz-internet"


def test_every_device_runs_and_boots_the_version(world: World) -> None:
    names = world.edges(5)
    outcome = world.upgrade(world.plan())
    assert actions_of(outcome) == dict.fromkeys(names, "upgraded")
    assert world.running() == {NEW: 5}
    assert {one["defaultVersion"] for one in world.vm.devices if one["device-type"] == "vedge"} == {NEW}
    assert outcome.is_as_planned
    assert set(world.posts().values()) == {1}


def test_no_wave_begins_before_the_one_before_it_has_ended(world: World) -> None:
    world.edges(6)
    plan = world.plan(wave_sizes=(1, 2))
    outcome = world.upgrade(plan)
    waves = outcome.waves()
    assert len(waves) == len(plan["waves"]) == 4
    assert all(one["ended_at"] <= other["started_at"] for one, other in pairwise(waves))


@pytest.mark.parametrize(
    ("knob", "reason"),
    [
        ({"fails_at": "download"}, "the installation failed"),
        ({"fails_at": "activation"}, "the activation failed"),
        ({"ends_as": "Skipped"}, "Skipped"),
        ({"lies": True}, "the manager reports success"),
        ({"comes_back_old": True}, "the activation failed"),
        ({"stays_down": float("inf")}, "the activation failed"),
        ({"loses_colour": COLOUR}, "colour worse"),
    ],
)
def test_failed_device_ends_the_upgrade_before_the_next_wave(
    world: World, knob: dict[str, object], reason: str
) -> None:
    world.edges(4)
    plan = world.plan()
    first = waves_of(plan)[0][0]
    world.vm.behave(first, **knob)
    outcome = world.upgrade(plan)
    assert Counter(actions_of(outcome).values()) == {"failed": 1, "skipped": 3}
    assert reason in reason_of(outcome, first)
    assert outcome.state.stopped_because == "failures"
    assert world.running()[OLD] >= 3
    with pytest.raises(VManagePartialError, match="1 of 4 devices failed, 3 were not upgraded") as caught:
        outcome.raise_unless_done()
    assert not caught.value.retryable


def test_failures_within_the_budget_do_not_stop_the_waves(world: World) -> None:
    world.edges(4)
    world.vm.behave("edge-1", fails_at="activation")
    outcome = world.upgrade(world.plan(), max_failures=1)
    assert Counter(actions_of(outcome).values()) == {"failed": 1, "upgraded": 3}
    assert outcome.state.stopped_because is None
    with pytest.raises(VManagePartialError, match="edge-1"):
        outcome.raise_unless_done()


@pytest.mark.parametrize(("percent", "upgraded"), [("25%", 3), ("24%", 0)])
def test_percentage_of_failures_is_one_of_all_devices(world: World, percent: str, upgraded: int) -> None:
    world.edges(4)
    world.vm.behave("edge-1", fails_at="download")
    outcome = world.upgrade(world.plan(wave_sizes=(1, 3)), max_failures=parse_max_failures(percent))
    assert Counter(actions_of(outcome).values())["upgraded"] == upgraded


def test_stop_by_the_window_says_so(world: World) -> None:
    world.edges(1)
    with pytest.raises(VManagePartialError, match=r"^0 of 1 .* \(stopped: the next wave could not end by not_after\)$"):
        world.upgrade(world.plan(), window=1, wave_minutes=2).raise_unless_done()


def test_rows_are_built_once(world: World) -> None:
    world.edges(2)
    outcome = world.upgrade(world.plan())
    assert [id(row) for row in outcome.as_result()["devices"]] == [id(row) for row in outcome.rows()]


def test_accepted_failures_are_no_error(world: World) -> None:
    world.edges(4)
    world.vm.behave("edge-1", fails_at="activation")
    world.upgrade(world.plan(), max_failures=1, accept_failures=True).raise_unless_done()


def test_too_many_failures_in_the_last_wave_are_an_error(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-1", fails_at="activation")
    outcome = world.upgrade(world.plan(wave_sizes=(3,)), accept_failures=True)
    assert Counter(actions_of(outcome).values()) == {"failed": 1, "upgraded": 2}
    with pytest.raises(VManagePartialError, match=r"0 were not upgraded \(stopped: more have failed than"):
        outcome.raise_unless_done()


def test_ill_device_goes_back_to_its_earlier_version(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-1", loses_colour=COLOUR)
    outcome = world.upgrade(world.plan(), rollback=True, max_failures=1)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "upgraded", "edge-3": "upgraded"}
    assert "colour worse" in reason_of(outcome, "edge-1")
    first = next(one for one in world.vm.devices if one["host-name"] == "edge-1")
    assert (first["version"], first["defaultVersion"]) == (OLD, OLD)
    assert set(world.posts().values()) == {1}


def test_refused_default_keeps_no_ill_device_on_the_version(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-1", loses_colour=COLOUR)
    plan = world.plan(wave_sizes=(2, 1))
    world.vm.faults.add("status", path="device/action/defaultpartition", status=400, body='{"error": {"code": "X"}}')
    outcome = world.upgrade(plan, rollback=True, max_failures=3)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "failed", "edge-3": "skipped"}
    assert "colour worse" in reason_of(outcome, "edge-1")
    assert outcome.state.stopped_because == "failures"
    assert world.running() == {OLD: 2, NEW: 1}


def test_default_stays_where_it_is_not_to_be_set(world: World) -> None:
    world.edges(2)
    outcome = world.upgrade(world.plan(), set_default=False)
    assert set(actions_of(outcome).values()) == {"upgraded"}
    assert {one["defaultVersion"] for one in world.vm.devices if one["device-type"] == "vedge"} == {OLD}


def test_too_many_failed_installations_reboot_nothing(world: World) -> None:
    world.edges(4)
    world.vm.behave("edge-2", fails_at="download")
    outcome = world.upgrade(world.plan(wave_sizes=(4,)))
    assert Counter(actions_of(outcome).values()) == {"failed": 1, "installed": 3}
    assert not any(action == "changepartition" for action, _, _ in world.posts())
    assert world.running() == {OLD: 4}


def test_site_whose_other_router_is_down_is_left_alone(world: World) -> None:
    world.edges(4, sites=2)
    world.vm.behave("edge-1", stays_down=float("inf"))
    outcome = world.upgrade(world.plan(wave_sizes=(2,)), max_failures=1)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded", "edge-3": "skipped", "edge-4": "upgraded"}
    assert reason_of(outcome, "edge-3") == "not begun: edge-1 of its site is unreachable"


def test_failed_router_that_is_back_keeps_no_other_waiting(world: World) -> None:
    world.edges(2, sites=1)
    world.vm.behave("edge-1", fails_at="activation")
    outcome = world.upgrade(world.plan(wave_sizes=(1,)), max_failures=1)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "upgraded"}


def test_nothing_reboots_after_the_window(world: World) -> None:
    """The installations take longer than the window: a new one stays installed, one that was there is skipped."""
    world.edges(3)
    next(one for one in world.vm.devices if one["host-name"] == "edge-2")["availableVersions"] = [NEW]
    outcome = world.upgrade(world.plan(wave_sizes=(2, 1)), window=2, wave_minutes=1)
    assert actions_of(outcome) == {"edge-1": "installed", "edge-2": "skipped", "edge-3": "skipped"}
    assert reason_of(outcome, "edge-1") == "installed, not activated: the window is over"
    assert outcome.state.stopped_because == "window"
    assert {action for action, _, _ in world.posts()} == {"install"}


def test_wave_whose_activation_was_sent_is_finished(world: World) -> None:
    world.edges(2)
    end = world.clock() + 7 * 60
    outcome = world.upgrade(world.plan(wave_sizes=(1,)), not_after=end, wave_minutes=5)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "skipped"}
    assert world.clock() > end


@pytest.mark.parametrize(
    ("window", "wave_minutes", "pause", "begun"), [(1000, None, 0, 4), (170, 50, 7200, 1), (105, None, 0, 0)]
)
def test_wave_begins_only_if_the_window_holds_it(
    world: World, window: float, wave_minutes: float | None, pause: float, begun: int
) -> None:
    """Of the first wave the manager's limits count: 60 and 30 minutes, and 16 to settle."""
    world.edges(4)
    outcome = world.upgrade(world.plan(wave_sizes=(1,)), window=window, wave_minutes=wave_minutes, pause=pause)
    assert Counter(actions_of(outcome).values())["upgraded"] == begun
    assert outcome.state.stopped_because == ("window" if begun < 4 else None)
    assert world.running()[NEW] == begun
    left = {row["reason"] for row in outcome.rows() if row["action"] == "skipped"}
    assert left == ({"not begun: the window ends before the wave could"} if begun < 4 else set())


def test_plan_of_another_manager_is_refused(world: World) -> None:
    world.edges(1)
    plan = {**world.plan(), "manager": "https://elsewhere.example"}
    with pytest.raises(VManageConfigurationError, match="plan was made on https://elsewhere"):
        world.upgrade(plan)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "17.06.01.0.1"}, "it runs 17.06.01.0.1 instead of"),
        ({"reachability": "unreachable"}, "the manager cannot reach it"),
    ],
)
def test_changed_device_makes_the_plan_stale(world: World, change: dict[str, str], reason: str) -> None:
    world.edges(3)
    plan = world.plan()
    next(one for one in world.vm.devices if one["host-name"] == "edge-2").update(change)
    with pytest.raises(VManageStalePlanError, match=f"1 of 3 devices .* edge-2: {reason}|edge-2: {reason}"):
        world.upgrade(plan)
    assert world.vm.actions == []


def test_unreachable_device_is_left_out_where_that_is_allowed(world: World) -> None:
    world.edges(3)
    plan = world.plan()
    next(one for one in world.vm.devices if one["host-name"] == "edge-2")["reachability"] = "unreachable"
    outcome = world.upgrade(plan, skip_blocked=True)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "skipped", "edge-3": "upgraded"}
    assert not outcome.is_as_planned


def test_device_that_moved_by_itself_is_confirmed_only(world: World) -> None:
    world.edges(2)
    plan = world.plan()
    moved = next(one for one in world.vm.devices if one["host-name"] == "edge-1")
    moved.update({"version": NEW, "current-partition": NEW, "availableVersions": [OLD]})
    outcome = world.upgrade(plan)
    assert actions_of(outcome) == {"edge-1": "default_set", "edge-2": "upgraded"}
    assert not [key for key in world.posts() if key[1] == moved["uuid"] and key[0] != "defaultpartition"]


def test_sessions_lost_to_failed_peers_fail_no_device(world: World) -> None:
    """The second wave has fewer sessions than before, since the first edge lost a transport."""
    world.edges(4)
    world.vm.behave("edge-1", loses_colour=COLOUR)
    outcome = world.upgrade(world.plan(), max_failures=1)
    assert Counter(actions_of(outcome).values()) == {"failed": 1, "upgraded": 3}


@pytest.mark.parametrize("ill", [["edge-1"], ["edge-1", "edge-2", "edge-3"]], ids=["one", "all"])
def test_devices_of_a_wave_do_not_excuse_each_other(world: World, ill: list[str]) -> None:
    """Each of them has lost the sessions of a transport, and so have its peers, as many as they are."""
    names = world.edges(3)
    for name in ill:
        world.vm.behave(name, loses_colour=COLOUR)
    outcome = world.upgrade(world.plan(wave_sizes=(3,)))
    assert actions_of(outcome) == {name: "failed" if name in ill else "upgraded" for name in names}
    assert {one["defaultVersion"] for one in world.vm.devices if one["host-name"] in ill} == {OLD}


def test_wave_without_a_reboot_predicts_no_later_one(world: World) -> None:
    """The first edge has moved already, so its wave takes minutes; the manager's limits count for the second."""
    world.edges(2)
    plan = world.plan(wave_sizes=(1,))
    moved = next(one for one in world.vm.devices if one["host-name"] == "edge-1")
    moved.update({"version": NEW, "current-partition": NEW, "availableVersions": [OLD]})
    outcome = world.upgrade(plan, window=107)
    assert actions_of(outcome) == {"edge-1": "default_set", "edge-2": "skipped"}
    assert outcome.state.stopped_because == "window"


def test_wave_that_failed_early_predicts_no_later_one(world: World) -> None:
    world.edges(2)
    world.vm.behave("edge-1", fails_at="download")
    outcome = world.upgrade(world.plan(wave_sizes=(1,)), window=107, max_failures=1)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "skipped"}


def test_activation_alone_predicts_no_installation(world: World) -> None:
    world.edges(2)
    first = next(one for one in world.vm.devices if one["host-name"] == "edge-1")
    first["availableVersions"] = [NEW]
    outcome = world.upgrade(world.plan(wave_sizes=(1,)), window=107)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "skipped"}


@pytest.mark.parametrize(("role", "window", "begun"), [("vsmart", 95, 1), ("vedge", 95, 4)])
def test_controllers_of_a_wave_count_one_after_another(world: World, role: str, window: float, begun: int) -> None:
    """The first wave takes 11 minutes; 24 are left for three controllers, which take 26, or for three edges."""
    devices = {"vsmart": "controller", "vedge": "vedge"}[role]
    for number in range(1, 5):
        world.vm.add_device(f"one-{number}", role, OLD, site_id=str(number), availableVersions=[NEW])
    plan = world.plan(wave_sizes=(1, 3), device_type=devices)
    outcome = world.upgrade(plan, window=window, pause=3600)
    assert Counter(actions_of(outcome).values())["upgraded"] == begun


@pytest.mark.parametrize("path", ["device/action/*", "device/action/status/tasks", "device"])
def test_page_of_a_starting_manager_stops_no_upgrade(world: World, path: str) -> None:
    world.edges(2)
    plan = world.plan()
    session = world.connect()
    sleep, slept = session.sleep, [0.0]

    def sleep_until_pages(seconds: float) -> None:
        if len(slept) in (2, 12):
            world.vm.faults.add("status", path=path, method="GET", status=404, body="<html></html>", times=4)
        slept.append(seconds)
        sleep(seconds)

    session.sleep = sleep_until_pages  # type: ignore[method-assign]
    assert set(actions_of(world.upgrade(plan, session=session)).values()) == {"upgraded"}
    assert not world.vm.faults.pending
