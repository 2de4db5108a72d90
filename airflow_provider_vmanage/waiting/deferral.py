"""How long Airflow lets a deferral last."""

from __future__ import annotations

import time
from datetime import timedelta

#: seconds beyond the deadline after which Airflow itself ends a deferral whose trigger is lost, or has not run for all
#: that time. It ends the task without calling it again: no rows, no report.
SAFETY_NET_S = 6 * 3600.0


def deferral_timeout(deadline: float) -> timedelta:
    """Return the ``timeout`` of ``defer``; a trigger that lives reports the last state before it.

    :param deadline: of the trigger, in seconds since 1970.
    """
    return timedelta(seconds=max(0.0, deadline - time.time()) + SAFETY_NET_S)
