"""Installations, activations, defaults, removals, lists and sensors, against the model of the fleet."""

from __future__ import annotations

from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from airflow_provider_vmanage.client.errors import (
    VManageBlockedError,
    VManageInUseError,
    VManageOutcomeUnknownError,
    VManagePartialError,
)
from airflow_provider_vmanage.operators.software_repository import DeleteImageOperator
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    ListDeviceSoftwareOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
)
from airflow_provider_vmanage.sensors.software_upgrade import DeviceTaskSensor, DeviceVersionSensor
from tests.operators.test_software_upgrade import Store
from tests.stateful.fleet_model import AS_USUAL, BEHAVIOURS, DONE, Ask, Edge, file_of, open_asks
from tests.stateful.manager import (
    PATIENCE,
    Manager,
    Outcome,
    device_troubles,
    groups,
    lost_replies,
    mostly,
    names,
    rarely,
    versions,
)
from tests.stateful.wire import Trouble

OPERATORS: dict[str, Any] = {
    "install": InstallSoftwareOperator,
    "activate": ActivateSoftwareOperator,
    "set_default": SetDefaultSoftwareOperator,
    "remove": RemoveSoftwareOperator,
}

#: what all actions are given
actions: dict[str, Any] = {
    "devices": groups,
    "version": versions,
    "downgrade": mostly,
    "skip": st.booleans(),
    "is_deferred": rarely,
    "trouble": device_troubles,
}


def task_of(ask: Ask, devices: list[str], **options: Any) -> Any:
    if ask.kind == "install":
        options["activate"] = ask.reboots
    given = {"devices": devices, "version": ask.version, "allow_downgrade": ask.allow_downgrade}
    return partial(OPERATORS[ask.kind], task_id="t", **given, **PATIENCE, **options)


class DeviceRules(Manager):
    """What users do with devices, and what happens to devices."""

    @rule(name=names, is_reachable=mostly, behaves=st.sampled_from(sorted(BEHAVIOURS)))
    def a_device_changes(self, name: str, is_reachable: bool, behaves: str) -> None:
        self.count("steps")
        self.records[name]["reachability"] = "reachable" if is_reachable else "unreachable"
        self.edges[name].is_reachable = is_reachable
        self.behave(name, behaves)

    def behave(self, name: str, behaves: str) -> None:
        self.vm.behave(name, **{**AS_USUAL, **BEHAVIOURS[behaves]})
        self.edges[name].behaves = behaves

    @rule(**actions)
    def install(self, version: str, downgrade: bool, **given: Any) -> None:
        self.act(Ask("install", version, allow_downgrade=downgrade), **given)

    @rule(**actions)
    def install_and_activate(self, version: str, downgrade: bool, **given: Any) -> None:
        self.act(Ask("install", version, reboots=True, allow_downgrade=downgrade), **given)

    @rule(**actions)
    def activate(self, version: str, downgrade: bool, **given: Any) -> None:
        self.act(Ask("activate", version, reboots=True, allow_downgrade=downgrade), **given)

    @rule(**actions)
    def set_default(self, version: str, downgrade: bool, **given: Any) -> None:
        self.act(Ask("set_default", version, allow_downgrade=downgrade), **given)

    @rule(**actions)
    def remove(self, version: str, downgrade: bool, **given: Any) -> None:
        self.act(Ask("remove", version), **given)

    @precondition(lambda self: open_asks(self.edges, self.stored))
    @rule(
        data=st.data(),
        behaves=st.sampled_from(["well", "well", "fails", "comes back old"]),
        is_deferred=rarely,
        trouble=lost_replies,
    )
    def lose_the_reply_of_an_action(self, data: Any, behaves: str, is_deferred: bool, trouble: Trouble) -> None:
        ask, needing = data.draw(st.sampled_from(open_asks(self.edges, self.stored)))
        devices = data.draw(st.sets(st.sampled_from(needing), min_size=1).map(sorted))
        for name in devices:
            self.behave(name, behaves)
        self.act(ask, devices=devices, skip=False, is_deferred=is_deferred, trouble=trouble)

    def act(self, ask: Ask, *, devices: list[str], skip: bool, is_deferred: bool, trouble: Trouble) -> None:
        make = task_of(ask, devices, skip_blocked=skip, cancel_on_kill=trouble.after)
        self.ask_for({name: {ask.version} for name in devices}, reboots=ask.reboots)
        if trouble.kind:
            self.act_in_trouble(ask, devices, make, trouble, is_deferred)
        else:
            self.act_calmly(ask, devices, make, skip, is_deferred)

    def act_calmly(self, ask: Ask, devices: list[str], make: Any, skip: bool, is_deferred: bool) -> None:
        """Run an action; the model says which devices need it, which cannot have it, and what comes of it."""
        needing = [name for name in devices if not ask.is_met_by(self.edges[name])]
        blocked = {name for name in needing if ask.is_blocked(self.edges[name], self.stored)}
        needed = {name: ask.action_for(self.edges[name]) for name in needing if name not in blocked}
        if self.counts["steps"] % 2:
            self.run(partial(make, check_mode=True))
            assert not self.sent, "check mode has sent something"
        outcome = self.run(make, store=Store(), is_deferred=is_deferred)
        if blocked and not skip:
            assert (outcome.kind, self.sent) == (VManageBlockedError, [])
            return self.end_step()
        assert {self.names[one.device]: one.action for one in self.sent} == needed
        assert len(self.sent) == len(needed)
        self.end_step()
        done = {name for name in needed if ask.is_met_by(self.edges[name])}
        assert outcome.kind == (None if done == set(needed) else VManagePartialError), outcome.error
        assert outcome.is_final == (outcome.error is not None and ask.reboots)
        assert [row["device"] for row in outcome.rows] == devices
        for row in outcome.rows:
            name = row["device"]
            assert (row["action"] in DONE) == row["changed"] == (name in done), row
            assert (row["action"] == "skipped") == (name in blocked), row
            assert (row["action"] == "failed") == (name in needed and name not in done), row
            assert (row["running"], row["default"], sorted(row["available"])) == self.edges[name].shown, row
        return None

    def act_in_trouble(self, ask: Ask, devices: list[str], make: Any, trouble: Trouble, is_deferred: bool) -> None:
        """Run an action that meets some trouble, and the next try where Airflow or a person would run one."""
        for number, outcome in enumerate(self.tries(make, trouble, is_deferred=is_deferred)):
            self.claims_are_true(ask, outcome)
            if number and trouble.later > 100:
                self.next_try_is_right(ask, devices, outcome)
        self.end_step()

    def claims_are_true(self, ask: Ask, outcome: Outcome) -> None:
        """Each device that is called a success is one."""
        for row in outcome.rows:
            if row["action"] in DONE or row["action"] == "unchanged":
                assert ask.is_met_by(self.seen(row["device"])), row

    def next_try_is_right(self, ask: Ask, devices: list[str], outcome: Outcome) -> None:
        """A try after the trouble does it, unless a device, or what cannot be known, stands in its way."""
        if outcome.error is None or (outcome.kind is VManageOutcomeUnknownError and ask.reboots and self.has_store):
            return
        assert outcome.kind in (VManageBlockedError, VManagePartialError), outcome.error
        edges = [self.edges[name] for name in devices]
        assert any(edge.behaves != "well" or ask.is_blocked(edge, self.stored) for edge in edges), outcome.error

    def seen(self, name: str) -> Edge:
        """Return a device as it shows itself."""
        record = self.records[name]
        return Edge(record["version"], record["defaultVersion"], set(record["availableVersions"]))

    # -- while a task of the manager is at work ---------------------------------------------------------------------

    @rule(name=names, version=versions, other=versions, what=st.sampled_from(["delete", "again", "another", "cancel"]))
    def do_something_while_a_device_is_busy(self, name: str, version: str, other: str, what: str) -> None:
        ask, edge = Ask("install", version), self.edges[name]
        self.ask_for({name: {version}})
        if ask.is_met_by(edge) or ask.is_blocked(edge, self.stored):
            return
        make = task_of(ask, [name], cancel_on_kill=True)
        self.run(make, is_deferred=True, goes_on=False)
        assert len(self.sent) == 1
        if what == "delete":
            outcome = self.run(partial(DeleteImageOperator, task_id="t", file_name=file_of(version)))
            assert outcome.kind is VManageInUseError
        elif what == "again":
            outcome = self.run(make)
            self.claims_are_true(ask, outcome)
        elif what == "another":
            self.asked[name].add(other)
            wanted = Ask("install", other, reboots=True)
            self.claims_are_true(wanted, self.run(task_of(wanted, [name])))
        else:
            self.wire.task.process_ids = [self.sent[0].process_id]
            self.wire.task.on_kill()
        assert [self.names[one.device] for one in self.sent].count(name) == 1
        self.end_step()

    # -- what reads only ----------------------------------------------------------------------------------------------

    @rule()
    def list_devices(self) -> None:
        self.count("steps")
        rows = self.done(partial(ListDeviceSoftwareOperator, task_id="t", device_type="vedge"))
        found = {row["device"]: (row["running"], row["default"], sorted(row["available"])) for row in rows}
        assert found == {name: edge.shown for name, edge in self.edges.items()}
        assert {row["device"]: row["reachable"] for row in rows} == {
            name: edge.is_reachable for name, edge in self.edges.items()
        }

    @rule(
        devices=groups,
        version=versions,
        state=st.sampled_from(["running", "default", "available"]),
        is_deferred=rarely,
    )
    def wait_for_a_version(self, devices: list[str], version: str, state: str, is_deferred: bool) -> None:
        self.count("steps")
        options = {"devices": devices, "version": version, "state": state, "timeout": 60, "poke_interval": 20}
        outcome = self.run(partial(DeviceVersionSensor, task_id="t", **options), is_deferred=is_deferred)
        is_so = all(
            edge.is_reachable
            and {"running": edge.running == version, "default": edge.default == version}.get(state, edge.has(version))
            for edge in map(self.edges.__getitem__, devices)
        )
        assert outcome.kind is (None if is_so else AirflowSensorTimeout), outcome.error

    @precondition(lambda self: self.process_ids)
    @rule(data=st.data(), is_deferred=rarely)
    def wait_for_a_task(self, data: Any, is_deferred: bool) -> None:
        self.count("steps")
        process_id = data.draw(st.sampled_from(self.process_ids))
        task = self.tasks.find(process_id)
        make = partial(DeviceTaskSensor, task_id="t", process_id=process_id, timeout=60, poke_interval=20)
        outcome = self.run(make, is_deferred=is_deferred)
        is_well = all(job.word == "Success" for job in task.jobs)
        assert (outcome.error is None, outcome.is_final) == (is_well, not is_well), outcome.error

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def devices_are_as_the_model_says(self) -> None:
        for name, edge in self.edges.items():
            assert self.seen(name).shown == edge.shown, name
