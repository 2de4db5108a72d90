"""Differences between releases, with the operator to use instead."""

from __future__ import annotations

from airflow_provider_vmanage.client.errors import VManageRejectedError
from airflow_provider_vmanage.client.models import ServerInfo

#: the first release whose documentation shows only the body with a remote server for ``POST /software`` (Cisco); which
#: release dropped repository URLs is unknown
REMOTE_SERVERS_ONLY = (20, 16)

_USE_OPERATORS = "use RemoteServerOperator and AddRemoteImageOperator instead of AddRepoOperator"


def explain_unsupported_url(server: ServerInfo) -> str | None:
    """Return why the release probably accepts no repository URL, by its documentation, or ``None``."""
    if server.release is None or server.release < REMOTE_SERVERS_ONLY:
        return None
    return f"Release {server.version} is documented to know remote servers only, no version_url: {_USE_OPERATORS}"


def explain_refused_url(error: VManageRejectedError, server: ServerInfo) -> VManageRejectedError:
    """Return the refusal of a repository URL, with a hint if the release may know remote servers only.

    :param error: the manager's refusal; its fields are kept.
    """
    if explain_unsupported_url(server) is None or error.status in (401, 403):
        return error
    text = f"{error.message}. Release {server.version} may know remote servers only, no version_url: {_USE_OPERATORS}"
    return VManageRejectedError(text, **error.fields)


def explain_refused_remote(error: VManageRejectedError, server: ServerInfo) -> VManageRejectedError:
    """Return the refusal of a remote server, or of an image on one, with a hint on older releases.

    :param error: the manager's refusal; its fields are kept.
    """
    old = server.release is not None and server.release < REMOTE_SERVERS_ONLY
    if not old or error.status in (401, 403):
        return error
    text = f"{error.message}. Release {server.version} may not know remote servers yet: use AddRepoOperator instead"
    return VManageRejectedError(text, **error.fields)
