"""A run that is killed anywhere, and the run after it: no device gets a second request of the same action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.errors import VManageOutcomeUnknownError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import (
    ACTIVATE,
    NEW,
    REQUESTS,
    Forgetful,
    Kill,
    Killed,
    Notes,
    add_edges,
    posts_of_one_device,
)

pytestmark = pytest.mark.slow

#: seconds between the kill and the next run: the task still runs, or has ended
MEANWHILE_S = {"while the task runs": 0.0, "after the task": 7200.0}


class Runner:
    """Runs one action against one manager, as often as asked for."""

    def __init__(self, vm: Simulator, connect: Callable[..., ManagerSession], sleeps: list[float]) -> None:
        self._vm, self._connect, self._sleeps = vm, connect, sleeps

    def run(self, request: ActionRequest, notes: Notes, kill: Kill, *, deferred: bool = False) -> ActionState:
        notes.kill = kill
        devices = [one["host-name"] for one in self._vm.devices if one["device-type"] == "vedge"]
        if not deferred:
            return self._make(notes, kill).run(request, devices, [NEW])
        state = self._make(notes, kill).submit(request, devices, [NEW])
        while not state.has_ended:
            state = self._make(notes, kill).poll(ActionState.from_json(state.as_json()))
            kill.pass_through("between two polls")
            self._sleeps.append(30.0)
        state = ActionState.from_json(state.as_json())
        upgrade = self._make(notes, kill)
        state = upgrade.verify(state, sum(self._sleeps) + 7200.0)
        upgrade.end_notes(state)
        return state

    def _make(self, notes: Notes, kill: Kill) -> SoftwareUpgrade:
        session = self._connect(self._vm)
        kill.arm(session)
        return SoftwareUpgrade(session, notes=notes)


@pytest.fixture
def runner_for(
    simulate: Callable[..., Simulator], connect: Callable[..., ManagerSession], recorded_sleeps: list[float]
) -> Callable[..., tuple[Simulator, Runner]]:
    """Makes a manager whose tasks take their minutes, on a clock that only recorded sleeps move."""

    def make(request: ActionRequest, **fields: Any) -> tuple[Simulator, Runner]:
        vm = simulate(seconds_per_minute=10.0, clock=lambda: 1_700_000_000 + sum(recorded_sleeps))
        add_edges(vm, request, **fields)
        return vm, Runner(vm, connect, recorded_sleeps)

    return make


def killed_runs(
    runner_for: Callable[..., tuple[Simulator, Runner]], request: ActionRequest, store: type[Notes], **options: Any
) -> Iterator[tuple[str, Simulator, Runner, Notes]]:
    """Yield a manager and notes after a run that was killed, once for each moment of a run."""
    deferred = options.pop("deferred", False)
    for at in range(1000):
        vm, runner = runner_for(request, **options)
        notes, kill = store(), Kill(at)
        try:
            runner.run(request, notes, kill, deferred=deferred)
        except Killed as killed:
            yield str(killed), vm, runner, notes
        else:
            return
        finally:
            vm.close()


CASES = {
    f"{name}, {'store' if store is Notes else 'no store'}, {'deferred' if deferred else 'blocking'}, {meanwhile}": (
        REQUESTS[name],
        store,
        deferred,
        MEANWHILE_S[meanwhile],
    )
    for name, store, deferred, meanwhile in [
        ("activate", Notes, False, "while the task runs"),
        ("activate", Notes, True, "after the task"),
        ("activate", Forgetful, True, "while the task runs"),
        ("activate", Forgetful, False, "after the task"),
        ("install and activate", Notes, False, "after the task"),
        ("install", Notes, True, "while the task runs"),
        ("set default", Forgetful, False, "while the task runs"),
        ("remove", Forgetful, False, "after the task"),
    ]
}


@pytest.mark.parametrize(("request_", "store", "deferred", "meanwhile"), CASES.values(), ids=CASES)
def test_run_killed_anywhere_never_sends_twice(
    runner_for: Callable[..., tuple[Simulator, Runner]],
    recorded_sleeps: list[float],
    request_: ActionRequest,
    store: type[Notes],
    deferred: bool,
    meanwhile: float,
) -> None:
    moments = []
    for moment, vm, runner, notes in killed_runs(runner_for, request_, store, deferred=deferred):
        moments.append(moment)
        recorded_sleeps.append(meanwhile)
        outcome = "as wanted"
        try:
            state = runner.run(request_, notes, Kill(None), deferred=deferred)
            assert all(request_.is_met_by(work.device, work.versions) for work in state.works), (moment, state)
        except VManageOutcomeUnknownError as err:
            outcome = "unknown" if request_.reboots and store is Notes and not err.retryable else repr(err)
        assert posts_of_one_device(vm) <= 1, moment
        # Where the manager has received the request, its task or the device shows its effect.
        assert outcome == "as wanted" or (outcome == "unknown" and not vm.actions), (moment, outcome)
    between = moments[next(i for i, one in enumerate(moments) if "notes.write" in one) :]
    assert len(between) >= 12, between


@pytest.mark.parametrize(("store", "sent"), [(Notes, 1), (Forgetful, 2)], ids=["store", "no store"])
def test_activation_that_failed_unseen_is_repeated_only_without_a_store(
    runner_for: Callable[..., tuple[Simulator, Runner]],
    recorded_sleeps: list[float],
    store: type[Notes],
    sent: int,
) -> None:
    """Why the docs want ``retries=0`` for tasks that reboot devices where Airflow has no task state store."""
    vm, runner = runner_for(ACTIVATE, fails_at="activation")
    notes, kill = store(), Kill(None)
    kill.around = _killing_after_the_request(kill)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        runner.run(ACTIVATE, notes, kill)
    recorded_sleeps.append(7200.0)
    state = runner.run(ACTIVATE, notes, Kill(None))
    assert [work.action for work in state.works] == ["failed"] * 2
    assert posts_of_one_device(vm) == sent


def _killing_after_the_request(kill: Kill) -> Callable[..., Any]:
    original = kill.around

    def around(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            result = original(name, call)(*args, **options)
            if "change" in " ".join(one for one in args if isinstance(one, str)) and args[0] == "GET":
                raise Killed("at the first poll")
            return result

        return wrapped

    return around
