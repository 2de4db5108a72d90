"""Where the client's errors meet Airflow: which fail the task without a retry, and what the log shows of a failure.

Airflow logs an exception with its traceback and its whole chain of causes. Of an error that was foreseen, that is 29
frames (150 lines in the console for TLS) around one sentence, so the chain is cut here and logged at DEBUG.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_vmanage.client.errors import VManageError, VManagePartialError

log = logging.getLogger(__name__)


class VManageFailException(AirflowFailException):
    """A client error that a retry cannot fix; Airflow fails the task and does not retry it.

    Its text is the original's, with the manager's message, code and details.

    :param error: the client error; its own causes are in its ``__cause__``.
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


def failure_of(error: VManageError) -> VManageFailException | VManageError:
    """Log an error in one sentence, and return the exception to raise for it, without traceback and causes.

    What is too long for it, such as whole digests, follows on lines of its own. The traceback with all causes is logged
    at DEBUG. Raise the result
    outside of the ``except`` block, or Python adds the chain again.

    :param error: of the client.
    """
    for line in (error, *_lines(error)):
        log.error("%s", line)
    return _cut(error)


class fail_without_retry:  # noqa: N801 - used as a function
    """Raise a client error that a retry cannot fix as one that Airflow does not retry, and log it as one sentence.

    An error that a retry may fix is not logged here: a sensor may go on after it.

    :raises VManageFailException: the error has ``retryable = False``.
    :raises VManageError: any other client error, the same object, so that retry policies see its type.
    """

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise what Airflow gets to see."""
        if isinstance(error, VManageError):
            raise (_cut(error) if error.retryable else failure_of(error)) from None


def _cut(error: VManageError) -> VManageFailException | VManageError:
    """Return the exception for Airflow, without traceback and causes, which are logged at DEBUG."""
    log.debug("Traceback of the failure", exc_info=error)
    if not error.retryable:
        return VManageFailException(error)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _lines(error: VManageError) -> tuple[str, ...]:
    """Return the lines that belong below the sentence, of the error that stopped a series of changes too."""
    cause = error.__cause__ if isinstance(error, VManagePartialError) else None
    return cause.lines if isinstance(cause, VManageError) else error.lines


@contextmanager
def partial_success(context: Mapping[str, Any]) -> Iterator[None]:
    """Push the rows of the changes that were made as the XCom ``done`` if a series of changes fails.

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
