"""What differs from release to release, and what to do instead."""

from __future__ import annotations

from airflow_provider_vmanage.client.errors import VManageRejectedError
from airflow_provider_vmanage.client.models import ServerInfo

#: Cisco's documentation of this release shows only the body with a remote server for ``POST /software``; which
#: release really switched is unknown.
REMOTE_SERVERS_ONLY = (20, 16)

_INSTEAD = "use RemoteServerOperator and AddRemoteImageOperator instead of AddRepoOperator"


def explain_unsupported_url(server: ServerInfo) -> str | None:
    """Return why a URL can probably not be added, by the documentation of the release, or ``None``."""
    if server.release is None or server.release < REMOTE_SERVERS_ONLY:
        return None
    return f"Release {server.version} is documented to know remote servers only, no version_url: {_INSTEAD}"


def explain_refused_url(error: VManageRejectedError, server: ServerInfo) -> VManageRejectedError:
    """Return the refusal of a URL with the mend, where the release is one that may know remote servers only.

    :param error: the manager's own refusal; its fields are kept.
    """
    if explain_unsupported_url(server) is None or error.status in (401, 403):
        return error
    text = f"{error.message}. Release {server.version} may know remote servers only, no version_url: {_INSTEAD}"
    return VManageRejectedError(text, **error.fields)


def explain_refused_remote(error: VManageRejectedError, server: ServerInfo) -> VManageRejectedError:
    """Return the refusal of an image on a remote server, or of a remote server, with the mend on older releases.

    :param error: the manager's own refusal; its fields are kept.
    """
    old = server.release is not None and server.release < REMOTE_SERVERS_ONLY
    if not old or error.status in (401, 403):
        return error
    text = f"{error.message}. Release {server.version} may not know remote servers yet: use AddRepoOperator instead"
    return VManageRejectedError(text, **error.fields)
