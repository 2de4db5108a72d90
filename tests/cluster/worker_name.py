"""What Airflow takes for the name of this machine, so that two workers on one machine have two names."""

from __future__ import annotations

import os


def worker_name() -> str:
    """Return the name that the worker was started with."""
    return os.environ.get("CLUSTER_WORKER", "127.0.0.1")
