"""Where the client's errors meet Airflow: what no retry can mend fails the task at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_vmanage.client.errors import VManageError, VManagePartialError


class VManageFailException(AirflowFailException):
    """A client error that a retry cannot mend; Airflow fails the task and does not retry it.

    Its text is the original's, with the manager's message, code and details.

    :param error: the client error; also ``__cause__``.
    """

    def __init__(self, error: VManageError) -> None:
        super().__init__(str(error))
        self.error = error
        self.message = error.message
        self.status = error.status
        self.code = error.code
        self.details = error.details
        self.method = error.method
        self.path = error.path

    def __reduce__(self) -> tuple[type[VManageFailException], tuple[VManageError]]:
        """Rebuild from the client error."""
        return type(self), (self.error,)


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Let errors that a retry may mend through as they are, and turn all others into a failure without retry.

    :raises VManageFailException: the error has ``retryable = False``.
    :raises VManageError: any other client error, unchanged, so that retry policies see its type.
    """
    try:
        yield
    except VManageError as err:
        if err.retryable:
            raise
        raise VManageFailException(err) from err


@contextmanager
def partial_success(context: Mapping[str, Any]) -> Iterator[None]:
    """Leave the rows of what was done as the XCom ``done`` where a series of changes breaks off.

    :param context: of the running task.
    :raises VManagePartialError: unchanged.
    """
    try:
        yield
    except VManagePartialError as err:
        task = context.get("ti")
        if task is not None:
            task.xcom_push(key="done", value=list(err.done))
        raise
