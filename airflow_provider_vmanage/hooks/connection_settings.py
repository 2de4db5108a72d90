"""From an Airflow connection to the settings of a session, checked; its secrets are masked on the way."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage import __version__
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.settings import ManagerSettings, read_settings
from airflow_provider_vmanage.masking import mask

if TYPE_CHECKING:
    from airflow.sdk import Connection


def settings_of(connection: Connection, log: Any) -> ManagerSettings:
    """Return the settings of a connection; warn about ignored extras and disabled TLS verification.

    :param connection: of type ``vmanage``.
    :param log: logger of the hook, for warnings.
    :raises VManageConfigurationError: naming the field, its value and the fix.
    """
    mask(connection.password)
    extra = _extra_of(connection)
    mask(str(extra.get("api_key") or ""))
    try:
        settings = read_settings(
            host=connection.host,
            port=connection.port,
            schema=connection.schema,
            login=connection.login,
            password=connection.password,
            extra=extra,
            user_agent=_user_agent(),
        )
    except VManageConfigurationError as err:
        raise VManageConfigurationError(f"Connection {connection.conn_id!r}: {err.message}") from err
    _warn_about(settings, connection.conn_id, log)
    return settings


def _extra_of(connection: Connection) -> dict[str, Any]:
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError as err:
        raise VManageConfigurationError(
            f"Connection {connection.conn_id!r}: extra is not a JSON object: {err}"
        ) from err
    if not isinstance(extra, dict):
        raise VManageConfigurationError(f"Connection {connection.conn_id!r}: extra is not a JSON object")
    return extra


def _warn_about(settings: ManagerSettings, conn_id: str, log: Any) -> None:
    if settings.unknown_extras:
        log.warning(
            "Connection %r has unknown extras, which are ignored: %s",
            conn_id,
            ", ".join(settings.unknown_extras),
        )
    if not settings.verify:
        log.warning(
            "Connection %r does not verify the manager's certificate: anybody on the way can read the password. "
            "Set ca_bundle instead of verify=false",
            conn_id,
        )


def _user_agent() -> str:
    from airflow import __version__ as airflow_version

    python = platform.python_version()
    return f"airflow-provider-vmanage/{__version__} (airflow {airflow_version}; python {python})"
