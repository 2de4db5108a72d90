"""Operators for the software of the devices of a vManage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.masking import MaskedURL
from airflow_provider_vmanage.operators.vmanage import VManageOperator
from airflow_provider_vmanage.text_table import count_of

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

#: of the table that a list logs
_COLUMNS = ("device", "role", "running", "default", "available", "reachable")


class ListDeviceSoftwareOperator(VManageOperator):
    """List what devices run, boot and have at hand, one row per device.

    Changes nothing; a retry is safe. Returns a list of rows with ``device`` (host name), ``role`` (as the manager
    says it: ``vedge``, ``vsmart``, ``vbond``, ``vmanage``), ``running``, ``default`` (version of the next boot),
    ``available`` (list of versions) and ``reachable``. With ``output``: one dict of ``path`` and ``count``.

    :param device_type: only the manager's list ``vedge``, ``controller`` or ``vmanage`` (templated); all three by
        default.
    :param output: file to write instead (templated): a path or what ``ObjectStoragePath`` opens, ending in ``.jsonl``,
        ``.csv`` or ``.parquet``; its columns are told in :mod:`airflow_provider_vmanage.tables`.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or an answer that is no list. A retry is safe.
    """

    template_fields: Sequence[str] = ("device_type", "output_path", "vmanage_conn_id")
    output_path = MaskedURL()

    def __init__(
        self,
        *,
        device_type: str | None = None,
        output: str | ObjectStoragePath | None = None,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.device_type = device_type
        self.output_path = output  # `task.output` is Airflow's own: the XCom, for the next task

    def work(self, context: Context) -> list[dict[str, Any]] | dict[str, Any]:
        """Return the rows, or write them and return where they are and how many."""
        from airflow_provider_vmanage.tables import DEVICE_COLUMNS, table_file

        file = table_file(self.output_path) if self.output_path else None  # what is wrong with it is told first
        rows = [device.as_row() for device in self.hook.list_devices(self.device_type or None)]
        self.log.info("%s", _counted(rows))
        self.log_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
        return file.write(self.hook.settings.base_url, rows, DEVICE_COLUMNS) if file else rows


def _counted(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many devices there are and how many of them can be reached: ``1 device, reachable``."""
    missing = sum(not row["reachable"] for row in rows)
    reach = "not reachable" if missing == len(rows) else f"{missing} not reachable" if missing else "reachable"
    return f"{count_of(len(rows), 'device')}, {reach}" if rows else "no devices"
