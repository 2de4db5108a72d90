"""A custom operator that waits for an image, as docs/triggers/image-version.md shows it."""

# [START own_operator]
from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.triggers.software_repository import ImageVersionTrigger
from airflow_provider_vmanage.waiting import wait_events


class ReportWhenListedOperator(BaseOperator):
    def __init__(self, *, version: str, vmanage_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.vmanage_conn_id = vmanage_conn_id

    def execute(self, context: Context) -> None:
        trigger = ImageVersionTrigger(self.vmanage_conn_id, version=self.version)
        self.defer(trigger=trigger, method_name="report")

    def report(self, context: Context, event: dict[str, Any]) -> str:
        with fail_without_retry():  # a refused login and the like: no retry fixes them
            row, line = wait_events.read(event)
        return f"{row['file_name']} is there" if row else line
        # [END own_operator]
