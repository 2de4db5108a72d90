"""The settings that a command names: a connection of Airflow by id, or the URI of one."""

from __future__ import annotations

import logging
import sys

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.settings import ManagerSettings

DEFAULT_CONN_ID = "vmanage_default"

_NO_URI = "uri is not that of a connection: give vmanage://user:password@host:port/?verify=true"

log = logging.getLogger(__name__)


def settings_for(conn_id: str | None, uri: str | None = None) -> ManagerSettings:
    """Return the settings of a connection.

    Connections of the database are found too, unlike in a task: commands run where Airflow's own commands do.

    :param conn_id: of a connection in the environment, a secrets backend or the database.
    :param uri: a connection as URI; ``-`` reads it from the standard input, so that no list of processes shows it.
    :raises VManageConfigurationError: there is no such connection, or it cannot be used.
    :raises VManageUnavailableError: a secrets backend or the database cannot be asked.
    """
    from airflow.models.connection import Connection

    from airflow_provider_vmanage.hooks.connection_lookup import find_connection
    from airflow_provider_vmanage.hooks.connection_settings import settings_of

    if uri is None:
        connection = find_connection(conn_id or DEFAULT_CONN_ID, Connection.get_connection_from_secrets)
        return settings_of(connection, log)
    text = sys.stdin.readline().strip() if uri == "-" else uri
    try:
        connection = Connection(conn_id="--uri", uri=text)
    except Exception:  # noqa: BLE001 - whatever Airflow raises
        raise VManageConfigurationError(_NO_URI) from None  # not chained: the text of the error may quote the password
    if connection.conn_type != "vmanage":
        raise VManageConfigurationError(_NO_URI)
    return settings_of(connection, log)
