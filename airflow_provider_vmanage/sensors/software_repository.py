"""Sensor that waits until an image shows up in the software repository of a vManage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from airflow.sdk import PokeReturnValue

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError
from airflow_provider_vmanage.client.matching import AwaitedImage, ImageIndex
from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.masking import masked
from airflow_provider_vmanage.sensors.manager_sensor import ManagerSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

#: seconds below which a wait that leaves its worker is warned of: Airflow may take the quick return for a failure
#: (apache/airflow issues 71172 and 72716)
SHORT_INTERVAL_S = 10.0


class ImageVersionSensor(ManagerSensor):
    """Wait until an image shows up in the list; its row is the XCom.

    Reads only; a retry is safe. Every given argument must match exactly. If several images match, since images of
    several roles share a version, the newest is the XCom, and the log names the others. A broken list is an error,
    never "not there yet".

    In all three modes ``soft_fail`` skips on a timeout and on an error that no retry can fix, ``never_fail`` on every
    error but a timeout, and ``silent_fail`` continues after errors that a retry can fix: as Airflow does in poke mode.

    :param version: version as the manager lists it (templated). Give it, ``file_name`` or both.
    :param file_name: listed or uploaded file name (templated).
    :param platform_family: only images for this family, such as ``c8000v`` (templated).
    :param image_type: only this type, such as ``software`` (templated).
    :param deferrable: poll once, then wait in the triggerer, where all waits on one connection share one poll. Not
        together with ``mode="reschedule"``. Default: Airflow's ``[operators] default_deferrable``.
    :param max_unavailable: seconds for which the manager may be unavailable in a row before a deferred wait fails;
        ``None`` for any time. Raise it for an upgrade of the manager. In the other modes a failed poll fails the try.
    :param max_consecutive_failures: failed polls in a row after which a deferred wait fails. Where it is given, it
        replaces the default of ``max_unavailable``.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or a response that is not a list. A retry is safe.
    :raises AirflowSensorTimeout: not there within ``timeout`` seconds. No retry.
    """

    template_fields: Sequence[str] = (
        "version",
        "file_name",
        "platform_family",
        "image_type",
        "vmanage_conn_id",
    )
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        version: str | None = None,
        file_name: str | None = None,
        platform_family: str | None = None,
        image_type: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_unavailable: float | None = 3600,
        max_consecutive_failures: int | None = None,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.file_name = file_name
        self.platform_family = platform_family
        self.image_type = image_type
        self.deferrable = deferrable
        self.max_unavailable = max_unavailable
        self.max_consecutive_failures = max_consecutive_failures
        self.vmanage_conn_id = vmanage_conn_id
        self._last_state = "not polled yet"
        self._check_mode()

    def execute(self, context: Context) -> Any:
        """Poke until the image is there, all pokes of one process in one session; or poll once and defer."""
        if (self.deferrable or self.reschedule) and self.poke_interval < SHORT_INTERVAL_S:
            self.log.warning(
                "poke_interval is %s s: below %d s Airflow may take a quick return for a failure; set retries >= 1",
                self.poke_interval,
                SHORT_INTERVAL_S,
            )
        with self.one_session(context):
            if not self.deferrable:
                return self._poke_until_done(context)
            with self.errors_as_in_poke_mode():
                self._check_deferral()
                return self._poke_once_then_defer(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; one call to the manager."""
        # Here rather than around all pokes: Airflow decides within its loop what soft_fail, never_fail and silent_fail
        # mean for an error, and a silent sensor that logs in again after a refused login would lock the account.
        with fail_without_retry(), self._noting_failure():
            wanted = self._wanted().checked()
            index = ImageIndex(self.hook.repository().list_images())
            found = index.find(wanted)
        if not found:
            self._last_state = index.last_state
            self.log.info("Not listed yet: %s", wanted)
            return PokeReturnValue(is_done=False)
        newest, *others = found
        also = f"; also {'; '.join(image.describe() for image in others)}" if others else ""
        self.log.info("Listed: %s%s", newest.describe(), also)
        return PokeReturnValue(is_done=True, xcom_value=newest.as_row())

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Return the row that the trigger found, or end as its event says; an unknown event is an error."""
        from airflow_provider_vmanage.waiting import wait_events

        with self.errors_as_in_poke_mode():
            with fail_without_retry():
                row, line = wait_events.read(event)
            if row is None:
                raise AirflowSensorTimeout(line)
        self.log.info("%s", line)
        return row

    def _poke_until_done(self, context: Context) -> Any:
        """Poke as Airflow does; its message for a timeout says nothing of the image, so it is replaced."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            raise AirflowSensorTimeout(self._timeout_message()) from None
        except AirflowSkipException as err:
            if err.__cause__ is not None:
                raise
            raise AirflowSkipException(self._timeout_message()) from None

    def _timeout_message(self) -> str:
        return self._wanted().timed_out(self._last_state)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except VManageError as err:
            self._last_state = f"the last poll failed: {masked(str(err))}"
            raise

    def _check_deferral(self) -> None:
        if type(self).poke is not ImageVersionSensor.poke:
            raise AirflowFailException(
                f"deferrable is {self.deferrable!r}: {type(self).__name__} has a poke() of its own, which the "
                "triggerer would not call. Set deferrable=False"
            )
        number: Any = self.max_consecutive_failures
        if number is not None and (not isinstance(number, int) or number < 1):
            raise AirflowFailException(
                f"max_consecutive_failures is {number!r}: give a whole number from 1 on, or None"
            )
        seconds: Any = self.max_unavailable
        if seconds is not None and not (isinstance(seconds, (int, float)) and seconds >= 0):
            raise AirflowFailException(f"max_unavailable is {seconds!r}: give a number of seconds from 0 on, or None")

    def _poke_once_then_defer(self, context: Context) -> Any:
        started = time.time()
        failures = 0
        try:
            if found := self.poke(context):
                return found.xcom_value
        except VManageError as err:
            failures = 1
            if not self.silent_fail and (self.max_consecutive_failures == 1 or self.max_unavailable == 0):
                raise
            self.log.warning("The first poll failed; going on in the triggerer: %s", err)
        if time.time() - started >= self.timeout:
            raise AirflowSensorTimeout(self._timeout_message())
        return self._defer(started, failures)

    def _defer(self, started: float, failures: int) -> NoReturn:
        from airflow_provider_vmanage.triggers.software_repository import ImageVersionTrigger
        from airflow_provider_vmanage.waiting.deferral import deferral_timeout

        deadline = started + self.timeout
        trigger = ImageVersionTrigger(
            vmanage_conn_id=self.vmanage_conn_id,
            version=self.version,
            file_name=self.file_name,
            platform_family=self.platform_family,
            image_type=self.image_type,
            poke_interval=self.poke_interval,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
            deadline=deadline,
            started_at=started,
            max_consecutive_failures=None if self.silent_fail else self.max_consecutive_failures,
            failures=failures,
            max_unavailable=None if self.silent_fail else self.max_unavailable,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=deferral_timeout(deadline))

    def _check_mode(self) -> None:
        """Refuse ``deferrable`` with ``reschedule``, unless Airflow's default is to defer: then deferring wins."""
        by_default = conf.getboolean("operators", "default_deferrable", fallback=False)
        if self.deferrable and self.mode == "reschedule" and not by_default:
            raise VManageConfigurationError(
                "deferrable is True and mode is 'reschedule': both free the worker, so give only one of them"
            )

    def _wanted(self) -> AwaitedImage:
        return AwaitedImage(self.version, self.file_name, self.platform_family, self.image_type)
