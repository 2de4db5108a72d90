"""How the simulated manager differs from release to release, as one table."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """The behaviour of one release and of all later ones up to the next preset.

    :param name: First two fields of the release, the name of the preset.
    :param json_login_failure: A refused login gets JSON (live capture 20.18.2.1) and not the HTML
        login page (Cisco docs, authentication page); the status is 200 either way.
    :param has_token: ``/client/token`` exists, and writes must carry the XSRF token. Before 19.2 public
        clients take a 404 there as "no token needed".
    :param logout_verb: What public clients log out with: ``GET`` before 20.12, ``POST`` since (catalystwan 0.41.6,
        sastre 1.28). A release whose clients use ``POST`` takes ``GET`` too.
    :param six_fields: Image records carry the six fields of the original API page only.
    :param url_body: ``POST /software`` takes ``versionName`` and ``versionURL``.
    :param remote_server_body: ``POST /software`` takes ``remoteServerId`` and ``fileName`` (Cisco docs,
        release 20.16). Which release switched is undocumented: that every preset with remote servers takes
        their images too, and the 20.18 preset only those, is invented.
    :param has_remote_servers: ``/remote-server`` exists (in an OpenAPI of 2022; the first release is unknown).
    :param has_metadata: ``/package/{versionId}/metadata`` exists (OpenAPI 26.1; the first release is unknown, that
        20.18 has it is invented).
    :param has_jwt: ``/jwt/login`` and API keys exist (Cisco docs: 20.18.1).
    :param locks_accounts: Five refused logins in 15 minutes lock the account (Cisco docs: 20.12.1).
    """

    name: str
    json_login_failure: bool = False
    has_token: bool = True
    logout_verb: str = "GET"
    six_fields: bool = False
    url_body: bool = True
    remote_server_body: bool = False
    has_remote_servers: bool = True
    has_metadata: bool = False
    has_jwt: bool = False
    locks_accounts: bool = False


RELEASES = (
    Release("16.3", has_token=False, six_fields=True, has_remote_servers=False),
    Release("20.9", remote_server_body=True),
    Release("20.12", logout_verb="POST", remote_server_body=True, locks_accounts=True),
    Release(
        "20.18",
        json_login_failure=True,
        logout_verb="POST",
        url_body=False,
        remote_server_body=True,
        has_metadata=True,
        has_jwt=True,
        locks_accounts=True,
    ),
)


def release_for(version: str) -> Release:
    """The preset nearest at or below a release; the oldest preset for anything older.

    :param version: Release text, such as ``20.9.4.1``.
    :raises ValueError: The text does not start with two numbers.
    """
    wanted = _fields(version)
    return next((r for r in reversed(RELEASES) if _fields(r.name) <= wanted), RELEASES[0])


def _fields(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise ValueError(f"not a release of vManage: {version!r} (expected something like '20.12.4')")
    return int(found[1]), int(found[2])
