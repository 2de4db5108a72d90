"""The operator that brings a fleet to a version: waves, health, confirmation, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageError, VManagePartialError
from airflow_provider_vmanage.exceptions import failure_of
from airflow_provider_vmanage.links import SoftwareUpgradeLink
from airflow_provider_vmanage.masking import MaskedURL
from airflow_provider_vmanage.operators.killed_task import leave_tasks
from airflow_provider_vmanage.operators.vmanage import VManageOperator
from airflow_provider_vmanage.template_fields import FieldsWithPaths

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
    from airflow_provider_vmanage.client.upgrade.outcome import UpgradeOutcome
    from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
    from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
    from airflow_provider_vmanage.client.upgrade.settling import HealthVerdict
    from airflow_provider_vmanage.reports.upgrade_run import UpgradeRun

T = TypeVar("T")

#: all health checks; a name that DAG files may import
DEFAULT_CHECKS = ("reachable", "control", "omp", "bfd", "colour", "state", "certificate", "config")

#: of the table that is logged at the end
_COLUMNS = ("device", "wave", "action", "from_version", "running", "default", "reason")


class UpgradeDevicesOperator(VManageOperator):
    """Bring the devices of a plan to its version, wave after wave, and confirm those that prove healthy.

    Each wave installs where the version is missing, activates, waits until every device runs the version and is as
    healthy as before, and sets the default. No wave begins if the plan is stale, the wave could not end inside the
    window, or too many devices have failed. Once the reboot request of a wave has been sent, that wave is completed. A
    retry goes on where the upgrade was: it waits for tasks that were sent, and sends nothing twice. On Airflow 3.1 and
    3.2, which have no task state store, set ``retries=0``.

    Returns ``action``, ``changed``, ``version``, ``devices`` (a row for each), ``counts``, ``tasks`` (ids of the
    manager), ``applied``, ``waves``, ``stopped_because`` (``failures``, ``window``, ``killed`` or nothing) and
    ``markdown`` (a short text for a chat). If a device is not as planned, the XCom ``done`` holds the same.

    :param plan: the result of :class:`.PlanUpgradeOperator` (templated).
    :param max_failures: no further wave begins once more devices than this have failed (templated): a number, or a
        percentage such as ``"5%"`` of all devices in the waves. 0 stops after the first wave with a failure. With 5 %
        of 40 devices the upgrade continues after two failures, even if one of them was the whole first wave. Failures
        within the limit also fail the task at the end, unless ``accept_failures``.
    :param not_after: no wave begins unless it can finish by this time (templated): ISO 8601 with a time zone. A wave
        that has rebooted devices by then is completed; one that has only installed is not rebooted.
    :param wave_minutes: minutes that a wave takes at most, to decide by ``not_after``. Default: the manager's own time
        limits plus ``settle_timeout`` and ``stable_for``, until a wave of the same role has upgraded a device; then the
        longest such wave plus 25 %.
    :param checks: health checks: ``reachable``, ``control``, ``omp``, ``bfd``, ``colour``, ``state``, ``certificate``,
        ``config`` (templated). What the manager does not show is *cannot tell*, and no failure.
    :param settle_timeout: seconds that the devices of a wave may take to become as healthy as before.
    :param stable_for: seconds for which they have to stay healthy.
    :param pause: seconds between two waves.
    :param set_default: confirm the version on healthy devices (templated). Without it a power
        cycle boots the earlier version.
    :param rollback: activate the earlier version where only the health has failed (templated); still a failure.
    :param accept_failures: failures within ``max_failures`` end in success, with a warning (templated).
    :param report: file for a page that explains the upgrade (templated): a path or what ``ObjectStoragePath`` opens. It
        is written after each wave, and when the upgrade ends, fails or is killed on a worker; not if the process is
        lost, or if the task is killed while deferred.
    :param output: file for the rows (templated), as for :class:`.ListDeviceSoftwareOperator`. The result then holds
        only the rows that did not end well. A file that cannot be written is logged, and the result holds all rows.
    :param approved_by: who approved the upgrade, for the report (templated).
    :param timeout: seconds for each task of the manager, and for devices to come back.
    :param poll_interval: seconds between two polls.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param skip_blocked: leave out devices that cannot be reached or are busy when their wave begins (templated).
        Without it they make the plan stale at the beginning, and count as failed later.
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated); what that does to a
        device that has begun is not documented.
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, a stale plan, or devices that are not as planned. No retry: a person
        decides.
    :raises VManageError: unavailable for longer than ``timeout``, or an installation whose outcome is unknown. A retry
        goes on.
    """

    template_fields: Sequence[str] = FieldsWithPaths(
        (
            "plan",
            "max_failures",
            "not_after",
            "checks",
            "set_default",
            "rollback",
            "accept_failures",
            "report_path",
            "output_path",
            "approved_by",
            "skip_blocked",
            "cancel_on_kill",
            "check_mode",
            "vmanage_conn_id",
        )
    )
    operator_extra_links = (SoftwareUpgradeLink(),)
    report_path = MaskedURL()
    output_path = MaskedURL()

    #: the upgrade under way, for :meth:`on_kill`
    _run: UpgradeRun | None = None

    def __init__(
        self,
        *,
        plan: dict[str, Any] | str,
        max_failures: int | str = 0,
        not_after: datetime | str | None = None,
        wave_minutes: float | None = None,
        checks: Sequence[str] | str = DEFAULT_CHECKS,
        settle_timeout: float = 1800,
        stable_for: float = 60,
        pause: float = 0,
        set_default: bool | str = True,
        rollback: bool | str = False,
        accept_failures: bool | str = False,
        report: str | ObjectStoragePath | None = None,
        output: str | ObjectStoragePath | None = None,
        approved_by: str | None = None,
        timeout: float = 7200,
        poll_interval: float = 30,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        skip_blocked: bool | str = False,
        cancel_on_kill: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.plan = plan
        self.max_failures = max_failures
        self.not_after = not_after
        self.wave_minutes = wave_minutes
        self.checks = checks
        self.settle_timeout = settle_timeout
        self.stable_for = stable_for
        self.pause = pause
        self.set_default = set_default
        self.rollback = rollback
        self.accept_failures = accept_failures
        self.report_path = report  # `report` is a method of all operators here
        self.output_path = output  # `task.output` is Airflow's own: the XCom, for the next task
        self.approved_by = approved_by
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self.skip_blocked = skip_blocked
        self.cancel_on_kill = cancel_on_kill
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Do the waves, and return the rows."""
        from airflow_provider_vmanage.client.upgrade.opening import open_upgrade
        from airflow_provider_vmanage.state_stores import drop_if_cleared

        run = self._prepare(context)
        drop_if_cleared(context)
        session = self.hook.get_conn()
        if self.flag(self.check_mode, "check_mode"):
            return self._would_be(run)
        kept, notes = run.kept(), run.notes.read()
        state = open_upgrade(session, run.plan, run.policy, kept=kept, notes=notes, is_retry=run.is_retry)
        return self._go_on(context, run, state)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Go on after a wait, until the next one or the end."""
        try:
            with self.hook:
                return self._resume(context, event)
        except VManageError as err:
            failure = failure_of(err)
        raise failure

    def on_kill(self) -> None:
        """Break off the call under way, and write the report. The manager's tasks go on, unless ``cancel_on_kill``."""
        super().on_kill()
        run = self._run
        if run is None or run.state is None:
            return
        outcome = run.outcome(replace(run.state, stopped_because="killed"), {})
        run.records.write_page(outcome, has_ended=True)  # first: a cancellation may take the rest of the five seconds
        process_ids = run.state.action.running_ids if run.state.action else []
        cancel = bool(process_ids) and self.flag(self.cancel_on_kill, "cancel_on_kill")
        leave_tasks(self.vmanage_conn_id, process_ids, cancel=cancel, log=self.log)

    def _file(self, parse: Callable[[Any], T], path: Any, *, goes_on: bool) -> T | None:
        """Return a file to write; one that is gone ends no upgrade in the middle: devices may have been rebooted."""
        try:
            return parse(path) if path else None
        except (VManageError, OSError) as err:
            if not goes_on:
                raise
            self.log.warning("The upgrade goes on without a file: %s", err)
            return None

    def _prepare(self, context: Context, *, resumes: bool = False) -> UpgradeRun:
        """Return the run; all arguments are checked before anything is read."""
        from airflow_provider_vmanage.client.upgrade.planned import parse_plan
        from airflow_provider_vmanage.files.targets import parse_place
        from airflow_provider_vmanage.reports.upgrade_run import UpgradeRecords, UpgradeRun
        from airflow_provider_vmanage.tables import table_file

        self.flag(self.cancel_on_kill, "cancel_on_kill")
        ti = context.get("ti")
        names = ("dag_id", "run_id", "task_id", "try_number")
        goes_on = resumes or (getattr(ti, "try_number", None) or 1) > 1
        records = UpgradeRecords(
            page=self._file(lambda path: parse_place(path, field="report"), self.report_path, goes_on=goes_on),
            table=self._file(table_file, self.output_path, goes_on=goes_on),
            run={name: getattr(ti, name, None) for name in names},
            approved_by=str(self.approved_by) if self.approved_by else None,
            max_failures=str(self.max_failures),
        )
        self._run = UpgradeRun(context, self.hook, parse_plan(self.plan), self._policy(), records)
        return self._run

    def _policy(self) -> UpgradePolicy:
        from airflow_provider_vmanage.client.upgrade.policy import parse_policy

        return parse_policy(
            max_failures=self.max_failures,
            not_after=self.not_after,
            wave_minutes=self.wave_minutes,
            checks=self.checks,
            settle_timeout=self.settle_timeout,
            stable_for=self.stable_for,
            pause=self.pause,
            timeout=self.timeout,
            poll_interval=self.poll_interval,
            set_default=self.flag(self.set_default, "set_default"),
            rollback=self.flag(self.rollback, "rollback"),
            accept_failures=self.flag(self.accept_failures, "accept_failures"),
            skip_blocked=self.flag(self.skip_blocked, "skip_blocked"),
        )

    def _would_be(self, run: UpgradeRun) -> dict[str, Any]:
        """Return the result of an upgrade in which nothing fails; nothing is sent or kept."""
        from airflow_provider_vmanage.client.upgrade.opening import open_upgrade, read_devices
        from airflow_provider_vmanage.client.upgrade.outcome import would_be

        session = self.hook.get_conn()
        state = open_upgrade(session, run.plan, run.policy)
        devices = read_devices(session, run.plan.rows)
        outcome = run.outcome(would_be(run.plan, run.policy, state, devices), devices)
        self._log_rows(outcome)
        self.log.info("check mode: nothing was sent")
        return run.records.result(replace(outcome, applied=False))

    def _resume(self, context: Context, event: Mapping[str, Any] | None) -> dict[str, Any]:
        from airflow_provider_vmanage.client.upgrade.packing import unpack
        from airflow_provider_vmanage.waiting.events import outcome_of, unknown
        from airflow_provider_vmanage.waiting.health_wait import verdicts_of

        run = self._prepare(context, resumes=True)
        payload = event.get("payload") if isinstance(event, Mapping) else None
        if not isinstance(payload, Mapping) or "state" not in payload:
            raise unknown(event)
        state = run.state = unpack(payload["state"], run.plan)
        try:
            outcome = outcome_of(event)
        except VManageError as err:
            if not err.retryable:
                return self._end(context, run, run.steps().stop(state, err))
            self.log.warning("The wait has failed, the upgrade goes on: %s", err)
            outcome = {}
        refused = [one["process_id"] for one in outcome.get("waits", ()) if one.get("refused")]
        if state.action is not None and refused:
            state = replace(state, action=state.action.without_reports(refused))
        verdicts = verdicts_of(outcome)
        if verdicts is None and state.waits_for == "health":
            state = replace(state, unavailable_since=self.hook.clock.time())
        return self._go_on(context, run, state, verdicts)

    def _go_on(
        self,
        context: Context,
        run: UpgradeRun,
        state: UpgradeState,
        verdicts: Mapping[str, HealthVerdict] | None = None,
    ) -> dict[str, Any]:
        steps = run.steps()
        try:
            if not self.deferrable:
                state = steps.run(state)
            elif not (state := steps.advance(state, verdicts)).has_ended:
                self._defer(run, steps, state)
        except VManageCancelledError:
            raise  # on_kill has written the page
        except VManageError:
            run.records.write_page(run.outcome(steps.state or state, {}), has_ended=True)
            raise
        return self._end(context, run, state)

    def _defer(self, run: UpgradeRun, steps: FleetUpgrade, state: UpgradeState) -> NoReturn:
        from airflow_provider_vmanage.waiting.deferral import deferral_timeout

        deadline = state.until or self.hook.clock.time() + self.timeout
        timeout = deferral_timeout(deadline + 3 * self.stable_for)
        trigger = self._trigger_for(steps, state, deadline, payload={"state": run.packed(state)})
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _trigger_for(
        self, steps: FleetUpgrade, state: UpgradeState, deadline: float, payload: dict[str, Any]
    ) -> BaseTrigger:
        """Return the trigger of the next wait."""
        from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger, DeviceVersionTrigger
        from airflow_provider_vmanage.triggers.upgrade import DeviceHealthTrigger, PauseTrigger

        common: dict[str, Any] = {
            "vmanage_conn_id": self.vmanage_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": deadline,
            "payload": payload,
        }
        if state.waits_for == "tasks" and state.action is not None:
            cancel = self.flag(self.cancel_on_kill, "cancel_on_kill")
            return DeviceTaskTrigger(process_ids=state.action.running_ids, cancel_on_kill=cancel, **common)
        if state.waits_for == "versions" and state.action is not None:
            return DeviceVersionTrigger(**state.action.awaited_versions(), **common)
        if state.waits_for == "health":  # a device that is healthy at the deadline still has to stay so
            common["deadline"] = deadline + 3 * self.stable_for + self.poll_interval
            return DeviceHealthTrigger(settling=steps.steps.settling(state).packed(), **common)
        return PauseTrigger(until=self.hook.clock.time() + steps.seconds_to_wait(state), payload=payload)

    def _end(self, context: Context, run: UpgradeRun, state: UpgradeState) -> dict[str, Any]:
        """Return the result, or raise with the result as the XCom ``done``."""
        outcome = run.end(state)
        result = run.records.result(outcome)
        self._log_rows(outcome)
        run.notes.keep_until_cleared()
        try:
            outcome.raise_unless_done()
        except VManagePartialError:
            if "ti" in context:
                context["ti"].xcom_push(key="done", value=result)
            raise
        if not outcome.is_as_planned:
            self.log.warning("Some devices are not as planned, which accept_failures allows")
        return result

    def _log_rows(self, outcome: UpgradeOutcome) -> None:
        self.log_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in outcome.rows()])
