"""Cancel tasks of the manager from a triggerer, whose event loop must not be blocked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from asgiref.sync import sync_to_async


async def cancel_from_loop(vmanage_conn_id: str, process_ids: Sequence[str]) -> None:
    """Ask the manager, in a session of its own and for a few seconds, to cancel tasks.

    :param vmanage_conn_id: id of the connection.
    :param process_ids: of the tasks.
    :raises VManageError: refused, or no response in time.
    """
    from airflow_provider_vmanage.client.device_actions.cancellation import CANCEL_TIMEOUT_S, cancel_tasks
    from airflow_provider_vmanage.hooks.vmanage import VManageHook

    hook = VManageHook(vmanage_conn_id)
    await hook.aload_connection()
    cancel = sync_to_async(cancel_tasks, thread_sensitive=False)
    task = asyncio.ensure_future(cancel(hook.get_conn, process_ids))
    _, late = await asyncio.wait([task], timeout=CANCEL_TIMEOUT_S)
    if late:
        hook.abort()
    await task
