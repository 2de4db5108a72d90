"""A manager that starts: its web server may respond before the application does, with a page under 404."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_vmanage.client.errors import VManageRejectedError, VManageUnavailableError


@contextmanager
def page_means_unavailable() -> Iterator[None]:
    """Raise that the manager is unavailable where a read got a page under 404, for calls that every release has.

    No source shows such a page; a wait that lives through a restart must not fail by one.

    :raises VManageUnavailableError: in place of the refusal.
    """
    try:
        yield
    except VManageRejectedError as err:
        if err.method != "GET" or err.status != 404 or not err.is_page:
            raise
        raise VManageUnavailableError(err.message, **err.fields) from err
