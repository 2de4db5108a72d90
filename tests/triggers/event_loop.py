"""What the triggerer does with triggers, in small."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.simulator import Simulator

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

LIST = "/dataservice/device/action/software"


def lists(vm: Simulator) -> int:
    """How often the list was asked for."""
    return sum(request.path == LIST for request in vm.requests)


async def first_event(trigger: BaseTrigger) -> Any:
    """The payload of the first event."""
    try:
        async for event in trigger.run():
            return event.payload
    finally:
        await trigger.cleanup()


def follow(task: Any, run: Callable[..., Any], context: dict[str, Any] | None = None) -> Any:
    """Run a deferrable task to its end, each trigger in an event loop of its own; return the XCom."""
    context, event, resume = context or {}, None, ""
    for _ in range(200):
        try:
            return run(task, context) if event is None else getattr(task, resume)(context, event)
        except TaskDeferred as deferred:
            resume = deferred.method_name
            arguments = json.loads(json.dumps(deferred.trigger.serialize()[1]))
            event = asyncio.run(first_event(type(deferred.trigger)(**arguments)))
    raise AssertionError("deferred without end")


async def until(check: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for something that happens in the simulator's thread."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
