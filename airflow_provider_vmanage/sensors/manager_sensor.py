"""What all sensors share: a deferred wait skips where poke mode does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
)

from airflow_provider_vmanage.operators.vmanage import ManagerTask

if TYPE_CHECKING:
    from airflow.sdk import Context


class ManagerSensor(ManagerTask, BaseSensorOperator):
    """A sensor to which ``soft_fail`` and ``never_fail`` mean the same whether it is deferred or not."""

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume, and undo what Airflow skips after a deferral but not in poke mode.

        There ``never_fail`` does not cover a timeout, and ``soft_fail`` covers no error that a retry may fix.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException as skipped:
            error = skipped.__cause__
            if error is None or self._skips(error):
                raise
            raise error from error.__cause__

    @contextmanager
    def errors_as_in_poke_mode(self) -> Iterator[None]:
        """Skip for the errors for which poke mode skips."""
        try:
            yield
        except (Exception, AirflowTaskTimeout) as err:
            if self._skips(err) and not isinstance(err, AirflowSkipException):
                raise AirflowSkipException(f"Skipped because of soft_fail or never_fail: {err}") from err
            raise

    def _skips(self, error: BaseException) -> bool:
        """Return whether poke mode ends in *skipped* for this error."""
        if isinstance(error, AirflowSkipException):
            return True
        if isinstance(error, AirflowSensorTimeout):
            return self.soft_fail
        if isinstance(error, (AirflowFailException, AirflowTaskTimeout)):
            return self.soft_fail or self.never_fail
        return self.never_fail
