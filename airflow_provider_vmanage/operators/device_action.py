"""What the operators for actions on devices share: one engine, the arguments that all of them take, the deferral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import conf

from airflow_provider_vmanage.client.errors import VManageError, VManagePartialError
from airflow_provider_vmanage.exceptions import failure_of
from airflow_provider_vmanage.links import SoftwareUpgradeLink
from airflow_provider_vmanage.operators.killed_task import leave_tasks
from airflow_provider_vmanage.operators.vmanage import VManageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
    from airflow_provider_vmanage.client.device_actions.state import ActionState
    from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade


class DeviceActionOperator(VManageOperator):
    """Shared behaviour of actions on devices.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated).
    :param version: as the repository or the device spells it (templated).
    :param timeout: seconds for all of it: the requests, the manager's task, and devices that come back.
    :param poll_interval: seconds between two polls of the task.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param max_devices: fail, and send nothing, if more devices than this would change (templated).
    :param allow_downgrade: act although the version is older than the running one (templated).
    :param skip_blocked: act on the other devices where some are blocked (templated).
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated).
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    """

    template_fields: Sequence[str] = (
        "devices",
        "version",
        "max_devices",
        "allow_downgrade",
        "skip_blocked",
        "cancel_on_kill",
        "check_mode",
        "vmanage_conn_id",
    )
    operator_extra_links = (SoftwareUpgradeLink(),)

    #: name of the action, one of ``ActionKind``
    kind: ClassVar[str]

    #: the tasks of the manager that this task waits for, for :meth:`on_kill`
    process_ids: Sequence[str] = ()

    def __init__(
        self,
        *,
        devices: Sequence[str | dict[str, Any]] | str,
        version: str | Sequence[str] | None = None,
        timeout: float = 7200,
        poll_interval: float = 30,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_devices: int | str = 50,
        allow_downgrade: bool | str = False,
        skip_blocked: bool | str = False,
        cancel_on_kill: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.devices = devices
        self.version = version
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self.max_devices = max_devices
        self.allow_downgrade = allow_downgrade
        self.skip_blocked = skip_blocked
        self.cancel_on_kill = cancel_on_kill
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Do the action, wait for it, verify it, and return the rows."""
        from airflow_provider_vmanage.client.arguments import parse_max_devices, parse_seconds
        from airflow_provider_vmanage.client.device_actions.selection import parse_versions
        from airflow_provider_vmanage.state_stores import drop_if_cleared

        self.flag(self.cancel_on_kill, "cancel_on_kill")
        interval, clock = parse_seconds(self.poll_interval, "poll_interval"), self.hook.clock
        deadline = clock.monotonic() + parse_seconds(self.timeout, "timeout")
        drop_if_cleared(context)
        upgrade = self._upgrade(context)
        state = upgrade.submit(
            self.request(),
            self.devices,
            parse_versions(self.version),
            max_devices=parse_max_devices(self.max_devices),
            skip_blocked=self.flag(self.skip_blocked, "skip_blocked"),
            deadline=deadline,
            **self.options(),
        )
        self._watch(state)
        if self.deferrable and not state.has_ended:
            self._defer(state, clock.time() + deadline - clock.monotonic())
        return self._end(context, upgrade, upgrade.verify(upgrade.wait(state, deadline, interval), deadline))

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Verify what the trigger has waited for, and return the rows; or wait on, until the deadline."""
        try:
            with self.hook:
                return self._after_trigger(context, event)
        except VManageError as err:
            failure = failure_of(err)
        raise failure

    def on_kill(self) -> None:
        """Break off the call under way. The manager's tasks go on, unless ``cancel_on_kill`` is set."""
        super().on_kill()
        cancel = bool(self.process_ids) and self.flag(self.cancel_on_kill, "cancel_on_kill")
        leave_tasks(self.vmanage_conn_id, self.process_ids, cancel=cancel, log=self.log)

    def request(self) -> ActionRequest:
        """Return the checked request."""
        from airflow_provider_vmanage.client.device_actions.actions import ActionKind
        from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest

        allow_downgrade = self.flag(self.allow_downgrade, "allow_downgrade")
        return ActionRequest(ActionKind[self.kind], allow_downgrade=allow_downgrade)

    def options(self) -> dict[str, Any]:
        """Return further options of the engine."""
        return {}

    def _upgrade(self, context: Context) -> SoftwareUpgrade:
        from airflow_provider_vmanage.state_stores import TaskStateActionNotes

        check_mode = self.flag(self.check_mode, "check_mode")
        return self.hook.software_upgrade(check_mode=check_mode, notes=TaskStateActionNotes(context))

    def _watch(self, state: ActionState) -> None:
        self.process_ids = state.running_ids
        for process_id in self.process_ids:
            self.log.info("Waiting for task %s of the manager", process_id)

    def _after_trigger(self, context: Context, event: Mapping[str, Any] | None) -> dict[str, Any]:
        from airflow_provider_vmanage.client.device_actions.compressed import expand_json
        from airflow_provider_vmanage.client.device_actions.state import ActionState
        from airflow_provider_vmanage.waiting.events import outcome_of

        try:
            outcome = outcome_of(event)
        except VManageError:
            self.log.warning("The wait has failed; the manager's tasks go on, see its task list")
            raise
        payload = outcome["payload"]
        upgrade = self._upgrade(context)
        refused = [one["process_id"] for one in outcome.get("waits", ()) if one.get("refused")]
        state = ActionState.from_json(expand_json(payload["state"])).without_reports(refused)
        self._watch(state)
        state = upgrade.verify_now(upgrade.poll(state))
        left = payload["deadline"] - self.hook.clock.time()
        waits_on = not state.has_ended or state.request.reboots
        if state.is_pending and waits_on and left > 0:
            self._defer(state, payload["deadline"])
        return self._end(context, upgrade, upgrade.verify(state, self.hook.clock.monotonic() + left))

    def _defer(self, state: ActionState, deadline: float) -> NoReturn:
        from airflow_provider_vmanage.waiting.deferral import deferral_timeout

        timeout = deferral_timeout(deadline)
        self.defer(trigger=self._trigger_for(state, deadline), method_name="execute_complete", timeout=timeout)

    def _trigger_for(self, state: ActionState, deadline: float) -> BaseTrigger:
        """Return the trigger of the next wait: for the manager's tasks, then for the devices that have to come back."""
        from airflow_provider_vmanage.client.device_actions.compressed import compress_json
        from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger, DeviceVersionTrigger

        common: dict[str, Any] = {
            "vmanage_conn_id": self.vmanage_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": deadline,
            "payload": {"state": compress_json(state.as_json()), "deadline": deadline},
        }
        if running := state.running_ids:
            cancel = self.flag(self.cancel_on_kill, "cancel_on_kill")
            return DeviceTaskTrigger(process_ids=running, cancel_on_kill=cancel, **common)
        return DeviceVersionTrigger(**state.awaited_versions(), **common)

    def _end(self, context: Context, upgrade: SoftwareUpgrade, state: ActionState) -> dict[str, Any]:
        """Return the result, or raise with the result as the XCom ``done``; the notes come last."""
        from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done

        self.process_ids = ()
        result = state.as_result()
        columns = ("device", "action", "from_version", "running", "default", "reason")
        self.log_table(columns, [[row[name] for name in columns] for row in result["devices"]])
        if not state.applied:
            self.log.info("check mode: nothing was sent")
        try:
            raise_unless_done(state)
        except VManagePartialError:
            if "ti" in context:
                context["ti"].xcom_push(key="done", value=result)
            upgrade.end_notes(state)
            raise
        upgrade.end_notes(state)
        return result
