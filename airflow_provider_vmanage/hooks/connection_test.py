"""The test of a connection: whether a manager can be logged in to and its repository read, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.masking import mask, masked
from airflow_provider_vmanage.reports.text_table import count_of

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: seconds that one attempt to connect may take: all of them have to end within the 60 that Airflow gives a test
CONNECT_TIMEOUT_S = 5.0


def diagnose(settings: ManagerSettings) -> tuple[bool, str]:
    """Log in, read the release and the list of images, log out; return success and a message without secrets.

    :raises VManageError: the login failed, or the manager cannot be reached.
    """
    refused_logins.forget(settings)
    limits = settings.timeouts
    limits = replace(limits, connect=min(limits.connect, CONNECT_TIMEOUT_S))
    with ManagerSession(replace(settings, timeouts=limits), on_secret=mask) as session:
        server = session.server
        reached = f"Connected to vManage {server.version or 'of unknown release'} at {settings.base_url}"
        tenancy = server.tenancy_mode or "tenancy mode not shown"
        try:
            images = count_of(len(SoftwareRepository(session).list_images()), "image")
        except VManageError as err:
            return False, masked(f"{reached} ({tenancy}), but the software repository cannot be read: {err}")
        return True, masked(f"{reached} ({tenancy}); the software repository can be read: {images}.")


def hint_at_masked_password(find_connection: Callable[[], Connection]) -> str:
    """Return a hint if the password is the placeholder that Airflow's form shows, else nothing."""
    try:
        is_placeholder = find_connection().password == "***"  # noqa: S105
    except VManageError:
        return ""  # there is no connection, as the message says already
    return " The password arrived as '***': type it again in the form." if is_placeholder else ""
