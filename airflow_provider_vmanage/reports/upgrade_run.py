"""One run of an upgrade as a task sees it: its steps, what it keeps for the next try, and the records it leaves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.device_actions.notes import now_text
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import read_devices
from airflow_provider_vmanage.client.upgrade.outcome import AS_PLANNED, UpgradeOutcome
from airflow_provider_vmanage.client.upgrade.packing import pack, unpack
from airflow_provider_vmanage.client.upgrade.planned import PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
from airflow_provider_vmanage.client.upgrade.wave_checks import fail_fallen_back
from airflow_provider_vmanage.state_stores import TaskStateActionNotes, TaskStateUpgrade
from airflow_provider_vmanage.tables import UPGRADE_COLUMNS, TableFile

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_vmanage.hooks.vmanage import VManageHook

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UpgradeRecords:
    """Where the page and the rows go, and what only Airflow knows of the run.

    :param page: file of the page.
    :param table: file of the rows.
    :param run: ids of the run; each may be ``None``.
    :param approved_by: who approved it.
    :param max_failures: as given.
    """

    page: Path | ObjectStoragePath | None
    table: TableFile | None
    run: Mapping[str, Any]
    approved_by: str | None
    max_failures: str

    def write_page(self, outcome: UpgradeOutcome, *, has_ended: bool) -> dict[str, Any]:
        """Write the page, and return what it was made of. A page that cannot be written fails no upgrade.

        :param has_ended: else the page says that the upgrade goes on.
        """
        now = now_text()
        report = outcome.report(
            run=self.run,
            approved_by=self.approved_by,
            max_failures=self.max_failures,
            written_at=now,
            ended_at=now if has_ended else None,
        )
        if self.page is not None:
            from airflow_provider_vmanage.reports.upgrade_report import render_html

            try:
                content = render_html(report).encode()
                with self.page.open("wb") as file:
                    file.write(content)
            except Exception:  # of any store
                log.exception("The report could not be written to %s", self.page)
        return report

    def result(self, outcome: UpgradeOutcome) -> dict[str, Any]:
        """Write page and rows, and return the result for the XCom."""
        from airflow_provider_vmanage.reports.upgrade_report import render_markdown

        result = outcome.as_result()
        result["markdown"] = render_markdown(self.write_page(outcome, has_ended=True))
        if self.table is not None:
            try:
                written = self.table.write(outcome.plan.manager, result["devices"], UPGRADE_COLUMNS)
            except Exception:  # of any store: what the devices show decides the outcome
                log.exception("The rows could not be written to %s; the result holds all of them", self.table.path)
            else:
                left = [row for row in result["devices"] if row["action"] not in AS_PLANNED]
                result.update(devices=left, output=written["path"])
        return result


class UpgradeRun:
    """One run, from its first try to its end.

    :param context: of the running task.
    :param hook: to the manager.
    :param plan: the waves.
    :param policy: what is allowed.
    :param records: what it leaves.
    """

    def __init__(
        self,
        context: Mapping[str, Any],
        hook: VManageHook,
        plan: PlannedUpgrade,
        policy: UpgradePolicy,
        records: UpgradeRecords,
    ) -> None:
        self.plan = plan
        self.policy = policy
        self.records = records
        self.state: UpgradeState | None = None
        self.is_retry = context.get("task_state_store") is None and getattr(context.get("ti"), "try_number", 1) > 1
        self.notes = TaskStateActionNotes(context)
        self._store = TaskStateUpgrade(context)
        self._hook = hook
        self._written_waves = 0

    def steps(self) -> FleetUpgrade:
        """Return the steps, in the session of the hook."""
        return FleetUpgrade(self._hook.get_conn(), self.notes, self.plan, self.policy, keep=self.keep)

    def keep(self, state: UpgradeState) -> None:
        """Store the state for the next try, and write the page after each wave."""
        self.state = state
        self._store.write(self.packed(state))
        if state.wave > self._written_waves and not state.has_ended:
            self._written_waves = state.wave
            self.records.write_page(self.outcome(state, {}), has_ended=False)

    def packed(self, state: UpgradeState) -> str:
        """Return a state as text, for the store and for triggers."""
        return pack(state, self.plan)

    def kept(self) -> UpgradeState | None:
        """Return the state that an earlier try has kept."""
        packed = self._store.read()
        try:
            return None if packed is None else unpack(packed, self.plan)
        except (ValueError, KeyError, TypeError, IndexError):  # of another release of this package, or plan
            log.warning("The state that an earlier try has kept cannot be read; the devices decide")
            return None

    def end(self, state: UpgradeState) -> UpgradeOutcome:
        """Return the outcome, with the devices as listed now: one that has left the version meanwhile has failed."""
        try:
            devices = read_devices(self._hook.get_conn(), self.plan.rows)
        except VManageError as err:
            log.warning("The devices could not be listed at the end: %s", err)
            devices = {}
        known = {key for key, device in devices.items() if device.running is not None}
        done = [row for row in self.plan.rows if row.device_id in known and state.of(row).action in AS_PLANNED]
        state = fail_fallen_back(state, done, devices)
        if self.policy.is_exceeded(state.failures, len(self.plan.rows)):
            state = replace(state, stopped_because=state.stopped_because or "failures")
        self.state = state
        return self.outcome(state, devices)

    def outcome(self, state: UpgradeState, devices: Mapping[str | None, Any]) -> UpgradeOutcome:
        """Return the outcome of a state."""
        return UpgradeOutcome(self.plan, self.policy, state, devices)
