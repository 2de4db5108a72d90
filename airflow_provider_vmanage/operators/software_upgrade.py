"""Operators for the software of the devices of a vManage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_vmanage.links import SoftwareUpgradeLink
from airflow_provider_vmanage.masking import MaskedURL
from airflow_provider_vmanage.operators.device_action import DeviceActionOperator
from airflow_provider_vmanage.operators.upgrade_devices import UpgradeDevicesOperator
from airflow_provider_vmanage.operators.upgrade_plan import PlanUpgradeOperator
from airflow_provider_vmanage.operators.vmanage import VManageOperator
from airflow_provider_vmanage.reports.text_table import count_of
from airflow_provider_vmanage.template_fields import FieldsWithPaths

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest

__all__ = [
    "ActivateSoftwareOperator",
    "InstallSoftwareOperator",
    "ListDeviceSoftwareOperator",
    "PlanUpgradeOperator",
    "RemoveSoftwareOperator",
    "SetDefaultSoftwareOperator",
    "UpgradeDevicesOperator",
]

#: of the table that a list logs
_COLUMNS = ("device", "role", "site_id", "running", "default", "available", "reachable")


class InstallSoftwareOperator(DeviceActionOperator):
    """Install a version on devices, and with ``activate`` reboot into it.

    Reads first: a device that has the version is ``unchanged``, one that a task of the manager already works on is
    waited for, and nothing is sent if a device is blocked (unreachable, busy, no image for its platform family, a
    downgrade) unless ``skip_blocked``. With ``activate`` a device that has the version already is only activated. The
    devices' own versions decide at the end, not the manager's words. Devices fetch the image themselves, which can take
    an hour; Cisco's devices have rebooted for want of memory while they add a large one. With ``activate`` set
    ``retries=0`` before Airflow 3.3, as for :class:`ActivateSoftwareOperator`.

    Returns ``action``, ``changed``, ``version``, ``devices`` (a row for each), ``counts``, ``tasks`` (ids of the
    manager) and ``applied``. If a device fails, the XCom ``done`` holds the same.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated). Each has to stand for exactly
        one device of the manager.
    :param version: as the repository or the device spells it (templated); without it, that of the rows or the image.
    :param file_name: of the image (templated); the only way to name one on a remote server, together with ``version``.
    :param activate: reboot into the new version (templated).
    :param timeout: seconds for all of it: the requests, the manager's task, and devices that come back.
    :param poll_interval: seconds between two polls of the task.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param max_devices: fail, and send nothing, if more devices than this would change (templated).
    :param allow_downgrade: act although the version is older than the running one (templated).
    :param skip_blocked: act on the other devices where some are blocked (templated).
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated); what that does to a
        device that has begun is not documented.
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, blocked devices, refused; with ``activate`` any failure: a person has
        to check first. No retry.
    :raises VManageError: unavailable, or a device failed to install. A retry is safe, and takes only the devices that
        still need it.
    """

    kind = "INSTALL"
    template_fields: Sequence[str] = (*DeviceActionOperator.template_fields, "file_name", "activate")

    def __init__(
        self,
        *,
        devices: Sequence[str | dict[str, Any]] | str,
        version: str | None = None,
        file_name: str | None = None,
        activate: bool | str = False,
        timeout: float = 7200,
        poll_interval: float = 30,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_devices: int | str = 50,
        allow_downgrade: bool | str = False,
        skip_blocked: bool | str = False,
        cancel_on_kill: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            devices=devices,
            version=version,
            timeout=timeout,
            poll_interval=poll_interval,
            deferrable=deferrable,
            max_devices=max_devices,
            allow_downgrade=allow_downgrade,
            skip_blocked=skip_blocked,
            cancel_on_kill=cancel_on_kill,
            check_mode=check_mode,
            vmanage_conn_id=vmanage_conn_id,
            **kwargs,
        )
        self.file_name = file_name
        self.activate = activate

    def request(self) -> ActionRequest:
        """Return the checked request."""
        return replace(super().request(), activate=self.flag(self.activate, "activate"))

    def options(self) -> dict[str, Any]:
        """Return the name of the image."""
        return {"file_name": self.file_name or None}


class ActivateSoftwareOperator(DeviceActionOperator):
    """Reboot devices into a version that is installed on them. A power cycle boots the default, which stays.

    Reads first, and sends nothing if a device is blocked (unreachable, busy, version not installed, a downgrade) unless
    ``skip_blocked``. Waits until every device runs the version and can be reached. A manager that activates itself is
    unavailable meanwhile, and waited for. Nothing is sent twice: a retry on Airflow 3.3 takes over the task of the
    try before. Before 3.3 set ``retries=0``: an activation that failed while nothing watched it would be sent again.

    Returns what :class:`InstallSoftwareOperator` returns.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated).
    :param version: one, as the repository or the device spells it (templated); without it, that of the rows.
    :param timeout: seconds for all of it: the requests, the manager's task, and devices that come back.
    :param poll_interval: seconds between two polls of the task.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param max_devices: fail, and send nothing, if more devices than this would change (templated).
    :param allow_downgrade: act although the version is older than the running one (templated).
    :param skip_blocked: act on the other devices where some are blocked (templated).
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated).
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, blocked devices, refused, outcome unknown, or a device failed: a
        person has to check what rebooted, or may have. No retry.
    :raises VManageError: unavailable before anything was sent. A retry is safe.
    """

    kind = "ACTIVATE"


class SetDefaultSoftwareOperator(DeviceActionOperator):
    """Make a version the one that devices boot: the confirmation of an upgrade. Nothing reboots.

    Do it once a device has proven healthy: until then a power cycle boots the earlier version. Returns what
    :class:`InstallSoftwareOperator` returns.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated).
    :param version: one that runs or is installed on the devices (templated); without it, that of the rows.
    :param timeout: seconds for all of it: the requests, the manager's task, and the verification.
    :param poll_interval: seconds between two polls of the task.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param max_devices: fail, and send nothing, if more devices than this would change (templated).
    :param allow_downgrade: act although the version is older than the running one (templated).
    :param skip_blocked: act on the other devices where some are blocked (templated).
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated).
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, blocked devices, refused. No retry.
    :raises VManageError: unavailable, outcome unknown, or a device failed. A retry is safe.
    """

    kind = "SET_DEFAULT"


class RemoveSoftwareOperator(DeviceActionOperator):
    """Remove versions from devices. A running or default version blocks its device, and so does one that is not shown.

    Returns what :class:`InstallSoftwareOperator` returns; ``version`` of a row is the list joined by blanks.

    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated).
    :param version: one version or a list (templated); without it, that of the rows.
    :param timeout: seconds for all of it: the requests, the manager's task, and the verification.
    :param poll_interval: seconds between two polls of the task.
    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param max_devices: fail, and send nothing, if more devices than this would change (templated).
    :param allow_downgrade: has no effect here.
    :param skip_blocked: act on the other devices where some are blocked (templated).
    :param cancel_on_kill: ask the manager to cancel its task when this one is killed (templated).
    :param check_mode: send nothing and return what would be done (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, blocked devices, refused. No retry.
    :raises VManageError: unavailable, outcome unknown, or a device failed. A retry is safe.
    """

    kind = "REMOVE"


class ListDeviceSoftwareOperator(VManageOperator):
    """List what devices run, boot and have at hand, one row per device.

    Changes nothing; a retry is safe. Returns a list of rows with ``device`` (host name), ``role`` (as the manager
    spells it: ``vedge``, ``vsmart``, ``vbond``, ``vmanage``), ``running``, ``default`` (version of the next boot),
    ``available`` (list of versions) and ``reachable``. With ``output``: one dict of ``path`` and ``count``.

    :param device_type: only the manager's list ``vedge``, ``controller`` or ``vmanage`` (templated); all three by
        default.
    :param output: file to write instead (templated): a path or what ``ObjectStoragePath`` opens, ending in ``.jsonl``,
        ``.csv`` or ``.parquet``; its columns are described in :mod:`airflow_provider_vmanage.tables`.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or a response that is not a list. A retry is safe.
    """

    template_fields: Sequence[str] = FieldsWithPaths(("device_type", "output_path", "vmanage_conn_id"))
    operator_extra_links = (SoftwareUpgradeLink(),)
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

        file = table_file(self.output_path) if self.output_path else None  # what is wrong with it is reported first
        rows = [device.as_row() for device in self.hook.list_devices(self.device_type or None)]
        self.log.info("%s", _counted(rows))
        self.log_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
        return file.write(self.hook.settings.base_url, rows, DEVICE_COLUMNS) if file else rows


def _counted(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many devices there are and how many of them can be reached: ``1 device, reachable``."""
    missing = sum(not row["reachable"] for row in rows)
    reach = "not reachable" if missing == len(rows) else f"{missing} not reachable" if missing else "reachable"
    return f"{count_of(len(rows), 'device')}, {reach}" if rows else "no devices"
