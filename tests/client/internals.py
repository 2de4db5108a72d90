"""The internals of a session that tests need, in one place."""

from __future__ import annotations

from typing import Any

from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.session_pool import SessionPool


def pool_of(session: ManagerSession) -> SessionPool:
    """Return the logins of a session."""
    return session._pool


def connection_of(session: ManagerSession) -> ManagerConnection:
    """Return the connection that sends the requests of a session."""
    return session._connection


def connections_of(session: ManagerSession) -> list[Any]:
    """Return the TCP connections that a session holds."""
    return list(connection_of(session)._adapter._connections)


def make_older(session: ManagerSession, seconds: float) -> None:
    """Move the login of a session into the past."""
    opened = pool_of(session).current
    assert opened is not None
    opened.opened_at -= seconds


def remembered_refusals() -> dict[str, Any]:
    """Return the refused logins that this process remembers."""
    return refused_logins._refusals
