"""Upgrades in the middle of which something happens: to the window, to a device, to a request, to the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageOutcomeUnknownError,
    VManageRejectedError,
    VManageStalePlanError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from tests.client.action_support import ACTIVATE, Killed, Notes
from tests.upgrade.test_strayed_devices import at_first, die, edge, sent
from tests.upgrade.world import NEW, OLD, World, actions_of, reason_of

TASKS, ACTIVATION = "device/action/status/tasks", "device/action/changepartition"
HOUR = 3600.0


def around_first(session: ManagerSession, path: str, act: Callable[[], None], *, after: bool = False) -> None:
    """Do something once, before or after the first request for a path."""
    send, done = session.request, []

    def request(method: str, asked: str, **options: Any) -> Any:
        is_first = asked == path and not done
        if is_first:
            done.append(asked)
        if is_first and not after:
            act()
        response = send(method, asked, **options)
        if is_first and after:
            act()
        return response

    session.request = request  # type: ignore[method-assign]


def unavailable_until(session: ManagerSession, world: World, end: float) -> None:
    """Let the manager be out of reach, by the clock."""
    send = session.request

    def request(method: str, path: str, **options: Any) -> Any:
        if world.clock() < end:
            raise VManageUnavailableError("connection refused", method=method, path=path)
        return send(method, path, **options)

    session.request = request  # type: ignore[method-assign]


def plan_of_two_versions(world: World) -> dict[str, Any]:
    """Add an edge of another family, and plan one wave, whose actions take two requests each."""
    other = "17.12.05.0.7000"
    world.vm.add_image("c8000v.bin", version=f"{other}.1", platform_family=("c8000v",))
    world.vm.add_device("edge-2", "vedge", OLD, site_id="200", platformFamily="c8000v")
    return world.plan({"vedge-x86": NEW, "c8000v": other}, wave_sizes=(2,))


def test_nothing_is_installed_once_the_window_is_over(world: World) -> None:
    """It ends after the wave has begun, and before its first request."""
    world.edges(2)
    plan, session = world.plan(wave_sizes=(1,)), world.connect()
    at_first(world, plan, "install", lambda: around_first(session, TASKS, lambda: world.clock.sleep(2 * HOUR)))
    outcome = world.upgrade(plan, session=session, window=60, wave_minutes=5)
    assert world.vm.actions == []
    assert actions_of(outcome) == dict.fromkeys(("edge-1", "edge-2"), "skipped")
    assert reason_of(outcome, "edge-1") == "not begun: the window is over"
    assert (outcome.state.stopped_because, outcome.state.failures) == ("window", 0)


def test_wave_is_not_begun_late_after_an_outage(world: World) -> None:
    """The window is not over, but it does not hold the wave any more."""
    world.edges(2)
    plan, session = world.plan(wave_sizes=(1,)), world.connect()
    end = world.clock() + 31 * 60
    at_first(world, plan, "install", lambda: unavailable_until(session, world, end))
    outcome = world.upgrade(plan, session=session, window=60, wave_minutes=30)
    assert world.vm.actions == []
    assert actions_of(outcome) == dict.fromkeys(("edge-1", "edge-2"), "skipped")
    assert reason_of(outcome, "edge-1") == "not begun: the window ends before the wave could"
    assert outcome.waves()[0]["ended_at"] is not None


def test_nothing_reboots_if_the_window_ends_just_before(world: World) -> None:
    world.edges(2)
    plan, session = world.plan(wave_sizes=(2,)), world.connect()
    late = lambda: around_first(session, TASKS, lambda: world.clock.sleep(2 * HOUR))  # noqa: E731
    at_first(world, plan, "activate", late)
    outcome = world.upgrade(plan, session=session, window=60, wave_minutes=5)
    assert actions_of(outcome) == dict.fromkeys(("edge-1", "edge-2"), "installed")
    assert reason_of(outcome, "edge-1") == "installed, not activated: the window is over"
    assert world.running() == {OLD: 2}


def test_second_request_of_a_wave_keeps_the_window(world: World) -> None:
    """The first one is under way when the window ends."""
    world.edges(1)
    plan, session = plan_of_two_versions(world), world.connect()
    around_first(session, ACTIVATION, lambda: world.clock.sleep(2 * HOUR), after=True)
    outcome = world.upgrade(plan, session=session, window=60, wave_minutes=5)
    ended = sorted(actions_of(outcome).values())
    assert ended == ["installed", "upgraded"]
    assert sum(action == "changepartition" for action, _, _ in world.posts()) == 1
    assert outcome.state.stopped_because == "window"


def test_rebooted_device_of_a_lost_response_is_completed(world: World) -> None:
    """Its task has ended before anything can be read again, and so has the window."""
    world.edges(1)
    plan, session = plan_of_two_versions(world), world.connect()

    def lose() -> None:
        end = world.clock() + HOUR
        unavailable_until(session, world, end)
        raise VManageOutcomeUnknownError("the response was lost", method="POST", path=ACTIVATION)

    around_first(session, ACTIVATION, lose, after=True)
    outcome = world.upgrade(plan, session=session, window=60, wave_minutes=5)
    (first,) = (device for action, device, _ in world.posts() if action == "changepartition")
    ended = {row["device_id"]: row["action"] for row in outcome.rows()}
    assert ended.pop(first) == "upgraded"
    assert list(ended.values()) == ["installed"]


def test_device_lost_before_its_default_has_failed(world: World) -> None:
    """It runs the new version, so it is no skipped one, and the other router of its site stays up."""
    world.edges(2, sites=1)
    plan = world.plan(wave_sizes=(1,))
    at_first(world, plan, "set_default", lambda: edge(world, "edge-1").update(reachability="unreachable"))
    outcome = world.upgrade(plan, skip_blocked=True, max_failures=1)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "skipped"}
    assert reason_of(outcome, "edge-1").endswith("the default was not set: the manager cannot reach it")
    assert reason_of(outcome, "edge-2") == "not begun: edge-1 of its site is unreachable"
    assert sent(world, "edge-2") == []


def test_device_found_on_the_version_may_be_skipped(world: World) -> None:
    """Only its default was to be set, so nothing was begun on it."""
    world.edges(1)
    edge(world, "edge-1").update({"version": NEW, "current-partition": NEW, "availableVersions": [OLD]})
    plan = world.plan()
    at_first(world, plan, "set_default", lambda: edge(world, "edge-1").update(reachability="unreachable"))
    outcome = world.upgrade(plan, skip_blocked=True)
    assert actions_of(outcome) == {"edge-1": "skipped"}
    assert reason_of(outcome, "edge-1") == "not begun: the manager cannot reach it"


@pytest.mark.parametrize(
    "change", [{"reachability": "unreachable"}, {"version": "17.06.01.0.1"}, {"uuid": "another"}], ids=str
)
def test_change_of_a_later_device_breaks_off_no_upgrade(world: World, change: dict[str, str]) -> None:
    """The plan does not hold for it any more; the device that was moved is brought to its end in any case."""
    world.edges(3)
    world.vm.behave("edge-1", loses_colour="biz-internet")
    plan, notes = world.plan(wave_sizes=(1,), devices=["edge-1", "edge-2"]), Notes()
    at_first(world, plan, "settle", die)
    with pytest.raises(Killed):
        world.upgrade(plan, notes=notes, rollback=True)
    edge(world, "edge-2").update(change)
    outcome = world.upgrade(plan, notes=notes, from_kept=True, rollback=True, max_failures=3)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "failed"}
    assert reason_of(outcome, "edge-2").startswith("not begun: ")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "body": '{"error": {"code": "X"}}'},
        {"status": 200, "body": "<html>", "content_type": "text/html"},
    ],
    ids=["refused", "lost"],
)
def test_default_that_may_be_retried_keeps_no_ill_device(world: World, fault: dict[str, Any]) -> None:
    world.edges(3)
    world.vm.behave("edge-1", loses_colour="biz-internet")
    plan = world.plan(wave_sizes=(2, 1))
    world.vm.faults.add("status", path="device/action/defaultpartition", **fault)
    outcome = world.upgrade(plan, rollback=True, max_failures=3)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "failed", "edge-3": "skipped"}
    assert world.running() == {OLD: 2, NEW: 1}


def test_read_that_fails_before_a_default_is_retried(world: World) -> None:
    world.edges(3)
    world.vm.behave("edge-1", loses_colour="biz-internet")
    plan, notes = world.plan(wave_sizes=(2, 1)), Notes()
    error = {"status": 500, "body": '{"error": {"code": "X"}}', "content_type": "application/json"}
    lists = "device/action/install/devices/vedge"
    at_first(world, plan, "set_default", lambda: world.vm.faults.add("status", path=lists, **error))
    with pytest.raises(VManageRejectedError):
        world.upgrade(plan, notes=notes, rollback=True, max_failures=3)
    outcome = world.upgrade(plan, notes=notes, from_kept=True, rollback=True, max_failures=3)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "upgraded", "edge-3": "upgraded"}


def test_activation_by_somebody_makes_no_stale_plan_hold(world: World) -> None:
    """A task on one planned device says nothing of the others."""
    world.edges(3)
    edge(world, "edge-3")["availableVersions"] = [NEW]
    plan = world.plan()
    edge(world, "edge-2").update(version="17.06.01.0.1")
    SoftwareUpgrade(world.connect()).submit(ACTIVATE, ["edge-3"], [NEW])
    with pytest.raises(VManageStalePlanError):
        world.upgrade(plan)
    assert len(world.vm.actions) == 1


@pytest.mark.parametrize("phase", ["install", "activate", "set_default"])
def test_device_that_is_replaced_fails_alone(world: World, phase: str) -> None:
    world.edges(3)
    plan = world.plan(wave_sizes=(3,))
    at_first(world, plan, phase, lambda: edge(world, "edge-2").update(uuid="another"))
    outcome = world.upgrade(plan, max_failures=1)
    assert actions_of(outcome) == {"edge-1": "upgraded", "edge-2": "failed", "edge-3": "upgraded"}
    assert "list" in reason_of(outcome, "edge-2")


def test_ill_device_that_is_replaced_keeps_no_other(world: World) -> None:
    world.edges(3)
    for name in ("edge-1", "edge-2"):
        world.vm.behave(name, loses_colour="biz-internet")
    plan = world.plan(wave_sizes=(2,), devices=["edge-1", "edge-2"])
    at_first(world, plan, "roll_back", lambda: edge(world, "edge-1").update(uuid="another"))
    outcome = world.upgrade(plan, rollback=True)
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "rolled_back"}
    assert "not brought back: the manager does not list it any more" in reason_of(outcome, "edge-1")
