"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity

from airflow_provider_vmanage.client.errors import VManageUnavailableError

log = logging.getLogger(__name__)

#: repeats inside one call, and seconds for all of them
MAX_REPEATS = 5
MAX_REPEATS_S = 60.0

# Not wait_exponential_jitter: its `initial` is deprecated from tenacity 9.2 on, and older releases know no other name.
_backoff = tenacity.wait_exponential(multiplier=0.5, max=19.5) + tenacity.wait_random(0, 0.5)


def retrying(
    sleep: Callable[[float], Any], *, repeats: int = MAX_REPEATS, seconds: float = MAX_REPEATS_S
) -> tenacity.Retrying:
    """Return the retry policy of one call: repeat it while the manager is unavailable, after no other error.

    The manager's ``Retry-After`` is used if it fits into the remaining time; otherwise the error is raised at once and
    says how long the manager asked to wait.

    :param sleep: waits that many seconds, and raises if the task is stopped.
    :param repeats: how often at most the request is sent again.
    :param seconds: limit of all failed attempts and waits.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_repeat),
        stop=tenacity.stop_after_attempt(repeats + 1) | tenacity.stop_before_delay(seconds),
        wait=_wait,
        sleep=sleep,
        before_sleep=_log,
        reraise=True,
    )


def parse_retry_after(value: str | None, *, date: str | None = None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for (a number or an HTTP date), or ``None``.

    :param value: the header.
    :param date: the ``Date`` header of the same response: a date is relative to the server's clock, not to ours.
    """
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII):
        return float(text)
    moment = _timestamp(text)
    if moment is None:
        return None
    now = _timestamp(date or "")
    return max(0.0, math.ceil(moment - (time.time() if now is None else now)))


def _timestamp(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError, OSError):
        return None


def _may_repeat(err: BaseException) -> bool:
    return isinstance(err, VManageUnavailableError) and err.repeat


def _wait(state: tenacity.RetryCallState) -> float:
    err = state.outcome.exception() if state.outcome else None
    asked = err.retry_after if isinstance(err, VManageUnavailableError) else None
    return asked if asked is not None else _backoff(state)


def _log(state: tenacity.RetryCallState) -> None:
    err = state.outcome.exception() if state.outcome else None
    log.warning("%s; attempt %d follows in %.1f s", err, state.attempt_number + 1, state.upcoming_sleep)
