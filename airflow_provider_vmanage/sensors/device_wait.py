"""What the sensors for devices share: the deferral and the timeout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, PokeReturnValue

from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.links import SoftwareUpgradeLink
from airflow_provider_vmanage.sensors.manager_sensor import ManagerSensor

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger


class DeviceSensor(ManagerSensor):
    """Shared behaviour of the sensors for devices: deferral, timeout."""

    operator_extra_links = (SoftwareUpgradeLink(),)
    ui_color = "#e6f1f2"

    def __init__(self, *, deferrable: bool, vmanage_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.vmanage_conn_id = vmanage_conn_id

    def execute(self, context: Context) -> Any:
        """Poke until the condition holds, all pokes of one process in one session; or poke once and defer."""
        started = time.time()
        with self.one_session(context):
            if not self.deferrable:
                return super().execute(context)
            with self.errors_as_in_poke_mode():
                if found := self.poke(context):
                    return found.xcom_value
        return self._defer(started + self.timeout)

    def _defer(self, deadline: float) -> NoReturn:
        from airflow_provider_vmanage.waiting.deferral import deferral_timeout

        timeout = deferral_timeout(deadline)
        self.defer(trigger=self.trigger(deadline), method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Poke once more for the result, or end as the event says; what is no longer so is waited for again."""
        with self.errors_as_in_poke_mode():
            return self._take(event, context)

    def _take(self, event: Mapping[str, Any] | None, context: Context) -> Any:
        from airflow_provider_vmanage.waiting.events import outcome_of

        with fail_without_retry():
            outcome = outcome_of(event)
        if outcome["status"] == "timeout":
            raise AirflowSensorTimeout(outcome["message"])
        with self.hook:
            found = self.poke(context)
        if found:
            return found.xcom_value
        deadline = (outcome.get("payload") or {}).get("deadline", 0.0)
        if deadline <= time.time():
            raise AirflowSensorTimeout("The trigger has ended, and it is no longer so: run the task again")
        self.log.info("The trigger has ended, and it is no longer so: the wait goes on")
        return self._defer(deadline)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the manager once."""
        raise NotImplementedError

    def trigger(self, deadline: float) -> BaseTrigger:
        """Return the trigger that polls from now on; the first poke has been made."""
        raise NotImplementedError
