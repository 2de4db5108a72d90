"""Plans and upgrades in waves, against the model of the fleet."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from airflow_provider_vmanage.client.errors import VManageNotFoundError, VManagePartialError, VManageStalePlanError
from airflow_provider_vmanage.operators.software_upgrade import PlanUpgradeOperator, UpgradeDevicesOperator
from tests.operators.test_software_upgrade import Store
from tests.stateful.fleet_model import Ask, upgrade
from tests.stateful.manager import PATIENCE, Manager, Outcome, device_troubles, groups, mostly, names, rarely, versions
from tests.stateful.wire import Trouble

AS_PLANNED = ("upgraded", "default_set", "unchanged")


class UpgradeRules(Manager):
    """What users do in a maintenance window."""

    @rule(
        devices=groups,
        version=versions,
        size=st.sampled_from([1, 2, "100%"]),
        downgrade=mostly,
        most=st.integers(0, 2),
        lost=st.one_of(st.none(), st.none(), names),
        is_deferred=rarely,
        trouble=device_troubles,
    )
    def plan_and_upgrade(
        self,
        devices: list[str],
        version: str,
        size: Any,
        downgrade: bool,
        most: int,
        lost: str | None,
        is_deferred: bool,
        trouble: Trouble,
    ) -> None:
        self.ask_for({})
        options = {"devices": devices, "version": version, "wave_sizes": [size], "allow_downgrade": downgrade}
        outcome = self.run(partial(PlanUpgradeOperator, task_id="t", **options))
        if version not in self.stored and not any(self.edges[name].has(version) for name in devices):
            assert outcome.kind is VManageNotFoundError
            return
        assert outcome.error is None, outcome.error
        plan = json.loads(json.dumps(outcome.result))
        waves = [[row["device"] for row in wave] for wave in plan["waves"]]
        self.plan_is_right(plan, waves, devices, version, size, downgrade)
        planned = [name for wave in waves for name in wave]
        self.asked = {name: {version} for name in planned}
        make = partial(
            UpgradeDevicesOperator,
            task_id="t",
            plan=plan,
            max_failures=most,
            stable_for=10,
            settle_timeout=60,
            cancel_on_kill=trouble.after,
            **PATIENCE,
        )
        if lost in planned:
            self.lose(lost)
            assert self.run(make, store=Store()).kind is VManageStalePlanError
            assert self.sent == []
        elif trouble.kind:
            self.upgrade_in_trouble(make, version, planned, trouble, is_deferred)
        else:
            self.upgrade_calmly(make, version, waves, most, is_deferred)
        self.end_step()

    def lose(self, name: str) -> None:
        self.edges[name].is_reachable = False
        self.records[name]["reachability"] = "unreachable"

    def plan_is_right(
        self, plan: Any, waves: Sequence[Sequence[str]], devices: list[str], version: str, size: Any, downgrade: bool
    ) -> None:
        edges = {name: self.edges[name] for name in devices}
        so = [name for name, edge in edges.items() if edge.running == edge.default == version]
        ask = Ask("install", version, allow_downgrade=downgrade)
        blocked = [name for name, edge in edges.items() if name not in so and ask.is_blocked(edge, self.stored)]
        needed = [name for name in devices if name not in (*so, *blocked)]
        room = len(needed) if size == "100%" else size
        assert waves == [needed[first : first + room] for first in range(0, len(needed), room or 1)]
        assert [row["device"] for row in plan["unchanged"]] == so
        assert [row["device"] for row in plan["blocked"]] == blocked

    def upgrade_calmly(
        self, make: Any, version: str, waves: Sequence[Sequence[str]], most: int, is_deferred: bool
    ) -> None:
        """Run an upgrade; the model says how each device ends."""
        edges = copy.deepcopy(self.edges)
        words = upgrade(waves, edges, version, most)
        if self.counts["steps"] % 2:
            self.run(partial(make, check_mode=True))
            assert not self.sent, "check mode has sent something"
        outcome = self.run(make, store=Store(), is_deferred=is_deferred)
        assert {row["device"]: row["action"] for row in outcome.rows} == words, outcome.error
        is_well = all(word in AS_PLANNED for word in words.values())
        assert (outcome.kind, outcome.is_final) == ((None, False) if is_well else (VManagePartialError, True))
        self.let_all_end()
        assert self.edges == edges

    def upgrade_in_trouble(
        self, make: Any, version: str, planned: Sequence[str], trouble: Trouble, is_deferred: bool
    ) -> None:
        """Run an upgrade that meets some trouble, and the next try where Airflow or a person would run one."""
        for number, outcome in enumerate(self.tries(make, trouble, is_deferred=is_deferred)):
            self.upgrade_claims_are_true(version, outcome)
            is_well = all(self.edges[name].behaves == "well" for name in planned)
            if number and is_well and trouble.later > 100:
                is_unknown = self.has_store and "may have sent the action" in str(outcome.error)
                assert outcome.error is None or is_unknown, outcome.error

    def upgrade_claims_are_true(self, version: str, outcome: Outcome) -> None:
        """Each device that is called a success runs and boots the version."""
        for row in outcome.rows:
            if row["action"] in AS_PLANNED:
                record = self.records[row["device"]]
                assert record["version"] == record["defaultVersion"] == version, row
