"""Logins that a manager refused in this process: not sent again for 15 minutes, unless the connection changes.

From release 20.12.1 five refused logins within 15 minutes lock the account for 15 minutes (Cisco, account lockout). One
session never sends a refused login twice; this module holds the same for all sessions of a process, such as the
waits of a triggerer.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import astuple, replace

from airflow_provider_vmanage.client.errors import VManageAuthenticationError
from airflow_provider_vmanage.client.settings import ManagerSettings

#: seconds for which a refused login is not sent again; as long as managers count and lock
REFUSAL_S = 900.0

# The keys are digests with a salt of this process, so neither a dump nor a repr shows a password.
_salt = secrets.token_bytes(16)
_refusals: dict[str, tuple[float, VManageAuthenticationError]] = {}


@contextmanager
def remembered(settings: ManagerSettings) -> Iterator[None]:
    """Raise if this login was refused recently; otherwise remember whether the login inside is refused.

    :param settings: the settings to log in with.
    :raises VManageAuthenticationError: refused now, or recently; in the latter case nothing is sent.
    """
    raise_if_refused(settings)
    try:
        yield
    except VManageAuthenticationError as refusal:
        note(settings, refusal)
        raise
    forget(settings)


def note(settings: ManagerSettings, refusal: VManageAuthenticationError) -> None:
    """Remember a refused login; the error must already be free of secrets.

    :param settings: the settings that were refused.
    :param refusal: the manager's refusal.
    """
    now = time.monotonic()
    for key in [key for key, (since, _) in _refusals.items() if now - since >= REFUSAL_S]:
        _refusals.pop(key, None)
    _refusals[_key(settings)] = (now, copy(refusal))


def raise_if_refused(settings: ManagerSettings) -> None:
    """Raise the remembered refusal of these settings, if it is recent; nothing is sent.

    :raises VManageAuthenticationError: the refusal, with how long ago it was.
    """
    since, refusal = _refusals.get(_key(settings), (float("-inf"), None))
    age = time.monotonic() - since
    if refusal is None or age >= REFUSAL_S:
        return
    error = copy(refusal)
    error.add(
        f"this was {age:.0f} s ago, and the login is not sent again for {REFUSAL_S - age:.0f} s unless the "
        "connection changes (its Test sends it)"
    )
    raise error


def forget(settings: ManagerSettings) -> None:
    """Forget the refusal of these settings: the login was accepted, or a person asked for another attempt."""
    _refusals.pop(_key(settings), None)


def forget_all() -> None:
    """Forget every refusal; for tests that share a process."""
    _refusals.clear()


def _key(settings: ManagerSettings) -> str:
    # All settings but the one that the test of a connection shortens: whatever a person changed, it is another login.
    limits = replace(settings.timeouts, connect=0.0)
    return hashlib.blake2b(repr(astuple(replace(settings, timeouts=limits))).encode(), key=_salt).hexdigest()
