"""Operators for the software of the devices of a vManage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.operators.manager import VManageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ListDeviceSoftwareOperator(VManageOperator):
    """List what devices run, boot and have at hand, one row per device.

    Changes nothing; a retry is safe. Returns a list of rows with ``device`` (host name), ``role`` (as the manager
    says it: ``vedge``, ``vsmart``, ``vbond``, ``vmanage``), ``running``, ``default`` (version of the next boot),
    ``available`` (list of versions) and ``reachable``.

    :param device_type: only the manager's list ``vedge``, ``controller`` or ``vmanage`` (templated); all three by
        default.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or an answer that is no list. A retry is safe.
    """

    template_fields: Sequence[str] = ("device_type", "vmanage_conn_id")

    def __init__(
        self, *, device_type: str | None = None, vmanage_conn_id: str = "vmanage_default", **kwargs: Any
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.device_type = device_type

    def work(self, context: Context) -> list[dict[str, Any]]:
        """Return the rows."""
        rows = [device.as_row() for device in self.hook.list_devices(self.device_type or None)]
        self.log.info("%d devices listed, %d of them not reachable", len(rows), sum(not r["reachable"] for r in rows))
        return rows
