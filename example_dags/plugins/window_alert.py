"""What Airflow calls when a run of ``upgrade_devices`` has not succeeded in its window: for the folder of plugins.

It runs in the triggerer, which imports no DAG file. An alert stops nothing: what ends an upgrade is its ``not_after``.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


async def window_is_over(context: dict[str, Any] | None = None) -> None:
    """Log which run it is. Replace this by a message to the people on call."""
    run = (context or {}).get("dag_run") or {}
    log.warning("The window is over, and run %s of %s has not succeeded", run.get("dag_run_id"), run.get("dag_id"))
