"""The manager of one sequence, the model of what it holds, and how tasks are run against it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred
from airflow.sdk.bases.operator import ExecutorSafeguard
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import Killed
from tests.operators.test_software_upgrade import FakeXCom, Store
from tests.stateful.fleet_model import NAMES, VERSIONS, Edge, is_needless
from tests.stateful.virtual_time import VirtualTime
from tests.stateful.wire import EVENTS, FAULTS, Post, Trouble, Wire
from tests.triggers.event_loop import first_event

#: seconds that a minute of the manager's tasks takes
MINUTE = 6.0

#: of all operators that wait for the manager
PATIENCE: dict[str, Any] = {"poll_interval": 20, "timeout": 180}

versions = st.sampled_from(VERSIONS)
names = st.sampled_from(NAMES)
groups = st.sets(names, min_size=1).map(sorted)
mostly = st.sampled_from([True, True, False])
rarely = st.sampled_from([False, False, True])

#: seconds until the next try, which finds the manager at work, or all that was sent at its end
laters = st.sampled_from([0.0, 30.0, 1000.0])

calm = st.just(Trouble())
anywhere = st.builds(
    Trouble,
    kind=st.sampled_from(sorted([*FAULTS, *EVENTS])),
    from_write=mostly,
    nth=st.sampled_from([0, 0, 0, 1, 2, 3, 5, 8, 13]),
    after=st.booleans(),
    later=laters,
    has_store=mostly,
)
just_sent = st.builds(
    Trouble,
    kind=st.sampled_from(["a lost reply", "a restart", "a killed worker"]),
    from_write=st.just(True),
    after=st.just(True),
    later=laters,
    has_store=mostly,
)
troubles = st.one_of(calm, calm, just_sent, anywhere)

#: of actions on devices: the first, second or third is sent, and its reply is lost
lost_replies = st.builds(
    Trouble,
    kind=st.sampled_from(["a lost reply", "a page for a reply", "a restart", "a killed worker"]),
    from_write=st.just(True),
    nth=st.sampled_from([0, 0, 0, 1, 2]),
    only_writes=st.just(True),
    after=st.just(True),
    later=laters,
    has_store=st.booleans(),
    rows_after=st.sampled_from([0.0, 200.0]),
)
device_troubles = st.one_of(calm, calm, lost_replies, anywhere)


@dataclass
class Outcome:
    """How a try of a task has ended.

    :param result: the XCom, or the XCom ``done`` of one that failed.
    :param ids: tasks of the manager that it knows.
    """

    result: Any = None
    error: BaseException | None = None
    ids: list[str] = field(default_factory=list)

    @property
    def kind(self) -> type[BaseException] | None:
        """Return the type of the error, as the client raised it."""
        error = self.error.error if isinstance(self.error, VManageFailException) else self.error
        return None if error is None else type(error)

    @property
    def is_final(self) -> bool:
        return isinstance(self.error, VManageFailException)

    @property
    def is_broken_off(self) -> bool:
        return self.kind in (Killed, VManageCancelledError)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.result["devices"] if isinstance(self.result, dict) else []


class Manager(RuleBasedStateMachine):
    """A manager with three edges; what is the same for all rules."""

    preset: ClassVar[str]
    clock: ClassVar[VirtualTime]
    counts: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.clock.reset()
        self.stack = ExitStack()
        self.vm = self.stack.enter_context(
            Simulator(version=self.preset, seconds_per_minute=MINUTE, clock=self.clock.time)
        )
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        extra = {"ca_bundle": self.vm.ca_bundle, "requests_per_second": 100}
        connection = {"conn_type": "vmanage", "host": self.vm.url, "login": "admin", "password": self.vm.password}
        os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = json.dumps({**connection, "extra": extra})
        inside = self.vm._manager  # what a real manager does not show: its devices and tasks as they are
        self.tasks, self.devices = inside.tasks, inside.devices
        self.wire = Wire(self.vm, self.clock, self.on_post)
        self.stored: set[str] = set()
        self.edges = {name: Edge() for name in NAMES}
        self.records = {
            name: self.vm.add_device(name, "vedge", VERSIONS[0], site_id=name[-1]) for name in reversed(NAMES)
        }
        self.names = {record["uuid"]: name for name, record in self.records.items()}
        self.asked: dict[str, set[str]] = {}
        self.reboots = self.has_store = False
        self.tried = 0
        self.killed: set[int] = set()
        self.sent: list[Post] = []
        self.open: list[Post] = []
        self.wrong: list[str] = []
        self.process_ids: list[str] = []

    def teardown(self) -> None:
        os.environ.pop("AIRFLOW_CONN_VMANAGE_DEFAULT")
        self.count("troubles met", self.wire.struck)
        self.count("actions sent", len(self.vm.actions))
        self.stack.close()

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    # -- what may be sent ------------------------------------------------------------------------------------------

    def ask_for(self, asked: dict[str, set[str]], *, reboots: bool = False) -> None:
        """Begin a step, in which these versions are asked for on these devices, by name."""
        self.count("steps")
        self.asked, self.reboots, self.has_store = asked, reboots, True
        self.sent, self.open, self.wrong = [], [], []

    def on_post(self, post: Post) -> None:
        """Check an action that the manager has received."""
        if post.action == "reboot":
            return
        name = self.names[post.device]
        post = replace(post, in_try=self.tried)
        shown = f"{post.action} {' '.join(post.versions)} for {name}"
        if not set(post.versions) <= self.asked.get(name, set()):
            self.wrong.append(f"{shown} was not asked for")
        self.tasks.advance()
        if any(post.device in task.devices for task in self.tasks.running if task.process_id != post.process_id):
            self.wrong.append(f"{shown} was sent while a task is at work on the device")
        same = [one for one in self.sent if one.is_like(post)]
        if same and same[-1].in_try == post.in_try:
            self.wrong.append(f"{shown} was sent twice in one try")
        # Without a store, a killed try leaves nothing that the next one could read.
        known = [one for one in self.sent if self.has_store or one.in_try not in self.killed]
        if self.may_reboot(post) and any(one.device == post.device and self.may_reboot(one) for one in known):
            self.wrong.append(f"{shown} was sent, the second that reboots it")
        self.carry_out(name)
        if all(is_needless(self.edges[name], post.action, version) for version in post.versions):
            self.wrong.append(f"{shown} was sent although the device is so")
        self.sent.append(post)
        self.open.append(post)

    def may_reboot(self, post: Post) -> bool:
        return post.action == "changepartition" or (post.action == "install" and self.reboots)

    def carry_out(self, name: str) -> None:
        """Let the model do what was sent for a device."""
        for post in [one for one in self.open if self.names[one.device] == name]:
            self.open.remove(post)
            if not self.was_cancelled(post):
                self.edges[name].carry_out(post.action, post.versions, reboots=self.reboots)

    def was_cancelled(self, post: Post) -> bool:
        task = self.tasks.find(post.process_id or "")
        return task is not None and any(
            job.word == "Cancelled" for job in task.jobs if job.device.record["uuid"] == post.device
        )

    def tries(self, make: Any, trouble: Trouble, *, is_deferred: bool) -> Iterator[Outcome]:
        """Run a task that meets some trouble, and the next try where Airflow or a person would run one."""
        self.has_store = trouble.has_store
        self.tasks.settings = replace(self.tasks.settings, rows_after=trouble.rows_after)
        store = Store() if trouble.has_store else None
        self.wire.begin(trouble)
        outcome = self.run(make, store=store, is_deferred=is_deferred)
        yield outcome
        if outcome.is_broken_off or (outcome.error and not outcome.is_final):
            self.clock.sleep(trouble.later)
            self.wire.calm()
            if trouble.later > 100:
                self.let_all_end()
            yield self.run(make, store=store, is_deferred=is_deferred)

    def let_all_end(self) -> None:
        """Wait until the manager's tasks have ended and all devices are back."""
        for _ in range(1000):
            self.tasks.advance()
            self.devices.advance()
            if not self.tasks.running and not any(one.rebooting for one in self.devices.all):
                break
            self.clock.sleep(MINUTE)
        for name in self.edges:
            self.carry_out(name)

    def end_step(self) -> None:
        """Wait for what goes on, and check what was sent."""
        self.wire.calm()
        self.let_all_end()
        self.clock.sleep(self.tasks.settings.rows_after)
        self.tasks.settings = replace(self.tasks.settings, rows_after=0.0)
        assert not self.wrong, self.wrong
        self.process_ids += [one.process_id for one in self.sent if one.process_id]
        self.asked = {}

    # -- how a task is run -----------------------------------------------------------------------------------------

    def run(
        self, make: Callable[..., Any], *, store: Store | None = None, is_deferred: bool = False, goes_on: bool = True
    ) -> Outcome:
        """Run one try of a task.

        :param make: returns the task; called once for each process.
        :param is_deferred: it waits in triggers.
        :param goes_on: else it is left where it defers.
        """
        self.tried += 1
        ti = FakeXCom()
        context: dict[str, Any] = {"ti": ti} if store is None else {"ti": ti, "task_state_store": store}
        outcome = Outcome()
        options = {"deferrable": True} if is_deferred else {}
        task = self.wire.task = make(**options)
        step: Callable[[], Any] = lambda: task.execute(context, **sentinel_of(task))  # noqa: E731
        try:
            while True:
                try:
                    outcome.result = step()
                    return outcome
                except TaskDeferred as deferred:
                    arguments = json.loads(json.dumps(deferred.trigger.serialize()[1]))
                    outcome.ids += arguments.get("process_ids", [])
                    if not goes_on:
                        return outcome
                    event = self.clock.run(first_event(type(deferred.trigger)(**arguments)))
                    task = self.wire.task = make(**options)
                    step = lambda task=task, event=event: task.execute_complete(context, event)  # noqa: E731
        except (VManageFailException, VManageError, AirflowSensorTimeout, Killed) as err:
            outcome.error = err
            outcome.result = ti.pushed.get("done")
        if outcome.is_broken_off:
            self.killed.add(self.tried)
            self.wire.calm()
            self.vm.expire_sessions()  # those of the dead process
        return outcome

    def done(self, make: Callable[..., Any]) -> Any:
        """Return the result of a task that has to succeed."""
        outcome = self.run(make)
        if outcome.error:
            raise AssertionError("refused") from outcome.error
        return outcome.result


def sentinel_of(task: Any) -> dict[str, Any]:
    return {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
