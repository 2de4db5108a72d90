"""What the sensors for devices share: the hook, the deferral, the timeout."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, BaseSensorOperator, PokeReturnValue

from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.links import SoftwareRepositoryLink

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_vmanage.hooks.vmanage import VManageHook


class DeviceSensor(BaseSensorOperator):
    """Shared behaviour of the sensors for devices: hook, deferral, timeout."""

    template_fields: Sequence[str] = ("vmanage_conn_id",)
    template_ext: Sequence[str] = ()
    ui_color = "#e6f1f2"
    operator_extra_links = (SoftwareRepositoryLink(),)

    def __init__(self, *, deferrable: bool, vmanage_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.vmanage_conn_id = vmanage_conn_id

    @cached_property
    def hook(self) -> VManageHook:
        """Return the hook; imported here so that a DAG file does not pay for the client."""
        from airflow_provider_vmanage.hooks.vmanage import VManageHook

        return VManageHook(self.vmanage_conn_id)

    def execute(self, context: Context) -> Any:
        """Poke until it is so, all pokes of one process in one session; or poke once and defer."""
        started = time.time()
        with self.hook:
            if not self.deferrable:
                return super().execute(context)
            if found := self.poke(context):
                return found.xcom_value
        return self._defer(started + self.timeout)

    def _defer(self, deadline: float) -> NoReturn:
        from airflow_provider_vmanage.waiting.deferral import deferral_timeout

        timeout = deferral_timeout(deadline)
        self.defer(trigger=self.trigger(deadline), method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Poke once more for the result, or end as the event says."""
        from airflow_provider_vmanage.waiting.events import outcome_of

        with fail_without_retry():
            outcome = outcome_of(event)
        if outcome["status"] == "timeout":
            raise AirflowSensorTimeout(outcome["message"])
        with self.hook:
            found = self.poke(context)
        if not found:
            raise AirflowSensorTimeout("The trigger has ended, and it is no longer so: run the task again")
        return found.xcom_value

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the manager once."""
        raise NotImplementedError

    def trigger(self, deadline: float) -> BaseTrigger:
        """Return the trigger that polls from now on; the first poke has been made."""
        raise NotImplementedError

    def on_kill(self) -> None:
        """Break off the call under way."""
        self.hook.abort()
