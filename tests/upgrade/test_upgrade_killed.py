"""An upgrade that is killed anywhere, and the try after it: nothing is sent twice, and the end is the same."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_vmanage.client.session import ManagerSession
from tests.client.action_support import Forgetful, Killed, Notes
from tests.upgrade.killed import Case, KilledUpgrade
from tests.upgrade.test_strayed_devices import at_first, die
from tests.upgrade.world import NEW, OLD, World, actions_of, reason_of

ILL = (("loses_colour", "biz-internet"),)

CASES = {
    "store, healthy": Case(has_store=True, is_deferred=True),
    "store, rollback": Case(has_store=True, is_deferred=False, knobs=ILL, rollback=True),
    "store, rollback, after the task": Case(
        has_store=True, is_deferred=True, meanwhile=7200.0, knobs=ILL, rollback=True
    ),
    "store, failed activation, after the task": Case(
        has_store=True, is_deferred=False, meanwhile=7200.0, knobs=(("fails_at", "activation"),)
    ),
    "store, failed activation, no failure allowed": Case(
        has_store=True, is_deferred=True, knobs=(("fails_at", "activation"),), max_failures=0
    ),
    "no store, healthy": Case(has_store=False, is_deferred=True),
    "no store, ill, after the task": Case(has_store=False, is_deferred=False, meanwhile=7200.0, knobs=ILL),
    "no store, rollback, after the task": Case(
        has_store=False, is_deferred=True, meanwhile=7200.0, knobs=ILL, rollback=True
    ),
}

#: about what is sent and stored, where a kill may do harm
CRITICAL = ("POST", "notes.", "keep")

REBOOT = "device/action/changepartition"


def check_kills(case: Case, moments: Iterable[int], whole: KilledUpgrade) -> None:
    """Kill an upgrade at these moments, and compare what the next try leaves with a run that was not killed."""
    for at in moments:
        one = KilledUpgrade(case, at)
        moment = one.moments[at]
        if case.rollback and not case.has_store:
            # Nothing shows that the ill device went back: it may be upgraded once more. No other is rebooted for it.
            assert rebooted_oddly(one) <= {"edge-2"}, (moment, one.posts)
            continue
        assert set(one.posts.values()) == {1}, (moment, one.posts)
        if one.is_unknown:  # the note of a reboot that nothing explains: a person decides
            near = ("after notes.write", f"before request POST {REBOOT}", f"after request POST {REBOOT}")
            assert case.has_store, moment
            assert moment in (*near, "before notes.write"), moment
            continue
        assert one.edges == whole.edges, (moment, one.edges)
        # Without a store nothing shows which devices the killed try has upgraded.
        assert one.counts == whole.counts or not case.has_store, (moment, one.counts)


def rebooted_oddly(one: KilledUpgrade) -> set[str]:
    """Return the names of devices that were activated twice, or went back."""
    names = {device["uuid"]: device["host-name"] for device in one.world.vm.devices}
    reboots = {post: number for post, number in one.posts.items() if post[0] == "changepartition"}
    return {names[device] for (_, device, version), number in reboots.items() if number > 1 or version == OLD}


@pytest.mark.parametrize(
    "case",
    # Every other case is left to the whole grid, as every moment is to make fleet.
    [
        pytest.param(CASES[name], id=name, marks=[] if number % 2 else [pytest.mark.whole_grid])
        for number, name in enumerate(CASES)
    ],
)
def test_upgrade_killed_somewhere_sends_nothing_twice(case: Case) -> None:
    whole = KilledUpgrade(case, None)
    chosen = random.Random(repr(case))
    critical = [at for at, moment in enumerate(whole.moments) if any(one in moment for one in CRITICAL)]
    check_kills(case, {*chosen.sample(critical, 3), *chosen.sample(range(len(whole.moments)), 1)}, whole)


@pytest.mark.fleet
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_upgrade_killed_at_each_moment_sends_nothing_twice(case: Case) -> None:
    whole = KilledUpgrade(case, None)
    check_kills(case, range(len(whole.moments)), whole)


@pytest.mark.parametrize("has_store", [True, False], ids=["store", "no store"])
def test_try_after_the_window_reboots_nothing(world: World, has_store: bool) -> None:
    """An installation was under way at the kill; what it has installed stays, and nothing more begins."""
    world.edges(2)
    plan, notes = world.plan(wave_sizes=(2,)), Notes() if has_store else Forgetful()
    end = world.clock() + 180 * 60
    session = world.connect()
    die_after_a_post(session)
    with pytest.raises(Killed):
        world.upgrade(plan, session=session, notes=notes, not_after=end)
    world.clock.sleep(120 * 60)
    outcome = world.upgrade(plan, notes=notes, from_kept=has_store, not_after=end)
    assert actions_of(outcome) == dict.fromkeys(("edge-1", "edge-2"), "skipped")
    assert not [key for key in world.posts() if key[0] == "changepartition"]
    assert world.running() == {OLD: 2}


@pytest.mark.parametrize("window", [0.0, 900 * 60.0], ids=["after the window", "within it"])
def test_activation_that_fails_before_its_adoption_is_not_repeated(world: World, window: float) -> None:
    """There is no store: the retry sees the task when it opens, and the task ends before the wave is activated."""
    world.edges(1, availableVersions=[NEW])
    world.vm.behave("edge-1", fails_at="activation")
    plan, session, keep = world.plan(), world.connect(), world.keep
    die_after_a_post(session)
    with pytest.raises(Killed):
        world.upgrade(plan, session=session)

    def keep_late(packed: str) -> None:
        keep(packed)
        world.clock.sleep(3600.0)

    world.keep = keep_late  # type: ignore[method-assign]
    outcome = world.upgrade(plan, is_retry=True, not_after=world.clock() + window, wave_minutes=1)
    assert actions_of(outcome) == {"edge-1": "failed"}
    assert "an earlier try has sent this" in reason_of(outcome, "edge-1")
    assert set(world.posts().values()) == {1}


def test_try_after_a_kill_takes_the_ill_device_back(world: World) -> None:
    """It alone is left of its wave, and the kill came just before its rollback was sent."""
    world.edges(3)
    world.vm.behave("edge-1", loses_colour="biz-internet")
    plan, notes = world.plan(wave_sizes=(3,)), Notes()
    at_first(world, plan, "roll_back", die)
    with pytest.raises(Killed):
        world.upgrade(plan, notes=notes, rollback=True)
    outcome = world.upgrade(plan, notes=notes, from_kept=True, rollback=True)
    assert actions_of(outcome) == {"edge-1": "rolled_back", "edge-2": "upgraded", "edge-3": "upgraded"}
    assert world.running() == {OLD: 1, NEW: 2}


def die_after_a_post(session: ManagerSession) -> None:
    """Kill the process that uses this session when the manager has received a POST."""
    send = session.request

    def request(method: str, *args: Any, **options: Any) -> Any:
        response = send(method, *args, **options)
        if method == "POST":
            raise Killed("after a POST")
        return response

    session.request = request  # type: ignore[method-assign]
