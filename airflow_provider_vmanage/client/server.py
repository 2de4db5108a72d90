"""What a new session asks first: release and XSRF token, and the tenant to act as."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests

from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManageProtocolError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.http.envelope import Envelope
from airflow_provider_vmanage.client.http.responses import Call, judge
from airflow_provider_vmanage.client.models import ServerInfo, parse_server_info
from airflow_provider_vmanage.client.settings import is_header_value

#: sends (method, path below /dataservice, options of ``requests``) and returns the answer with its call
Fetch = Callable[..., tuple[Call, requests.Response]]


def read_server(fetch: Fetch) -> ServerInfo:
    """Return release and tenancy, and the XSRF token where the answer has it, as from release 19.2 on.

    :param fetch: sends a request of the session.
    :raises VManageError: as any read.
    """
    try:
        info = parse_server_info(_envelope(fetch("GET", "client/server")).record)
    except VManageRejectedError as err:
        if err.status not in (403, 404):
            raise
        return ServerInfo()  # a role or a release without this call still has its token
    return replace(info, token=_sendable(info.token, "XSRF token") if info.token else None)


def enter_tenant(fetch: Fetch, server: ServerInfo, wanted: str) -> str:
    """Return the ``VSessionId`` that makes a provider act as a tenant.

    :param fetch: sends a request of the session.
    :param server: the manager, as :func:`read_server` saw it.
    :param wanted: exact name, sub-domain or id of the tenant.
    :raises VManageConfigurationError: the user is no provider, or not exactly one tenant fits.
    """
    if server.tenancy_mode != "MultiTenant" or server.user_mode != "provider":
        raise VManageConfigurationError(
            f"tenant is {wanted!r}, but this user is no provider of a multi-tenant manager "
            f"(tenancyMode {server.tenancy_mode}, userMode {server.user_mode}): leave tenant empty"
        )
    rows = _envelope(fetch("GET", "tenant")).rows
    ids = {str(row["tenantId"]) for row in rows if row.get("tenantId") and wanted in _names(row)}
    if len(ids) != 1:
        raise VManageConfigurationError(
            f"tenant {wanted!r} fits {len(ids)} of {len(rows)} tenants: give one exact name, sub-domain or id"
        )
    answer = _envelope(fetch("POST", f"tenant/{ids.pop()}/vsessionid", json={}))
    return _sendable(str(answer.member("VSessionId")), "VSessionId")


def read_token(fetch: Fetch) -> str | None:
    """Return the token of ``/client/token``; 404 before release 19.2 means that there is none.

    Bare text without blanks and ``<``, a JSON string or ``{"token": "…"}``, whatever the content type says.

    :param fetch: sends a request of the session.
    :raises VManageError: as any read.
    """
    call, response = fetch("GET", "client/token")
    if response.status_code == 404:
        return None
    token = _token_in(response.text.strip()) if response.status_code == 200 else None
    return _sendable(token or str(judge(call, response).member("token")), "XSRF token")


def _token_in(text: str) -> str | None:
    if "<" in text:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text if text and not any(char.isspace() or char in '{}[]"' for char in text) else None
    if isinstance(body, (int, float)) and not isinstance(body, bool):
        return text  # a token of digits only
    return body if isinstance(body, str) else None


def _sendable(value: str, what: str) -> str:
    if not is_header_value(value):
        raise VManageProtocolError(f"The manager's {what} has characters that no HTTP header can carry")
    return value


def _envelope(exchange: tuple[Call, requests.Response]) -> Envelope:
    return judge(*exchange)


def _names(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("name"), row.get("subDomain"), str(row["tenantId"])  # an id may come as a number
