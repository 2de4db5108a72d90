"""A deferred wait that is killed, stopped or moved, and the task of the manager behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.triggers.base import BaseTrigger

from airflow_provider_vmanage.client.device_actions import cancellation
from airflow_provider_vmanage.operators.software_upgrade import ActivateSoftwareOperator
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger
from tests.triggers.event_loop import first_event, until

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"

since_airflow_3_3 = pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="Airflow calls it from 3.3 on")


@pytest.fixture
def deferred(vm: Simulator, run: Callable[..., Any]) -> Callable[..., DeviceTaskTrigger]:
    """Begins an activation and returns the trigger that waits for it."""

    def begin(**options: Any) -> DeviceTaskTrigger:
        vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
        options = {"devices": ["edge-1"], "version": NEW, "deferrable": True, "poll_interval": 60, **options}
        with pytest.raises(TaskDeferred) as caught:
            run(ActivateSoftwareOperator(task_id="t", **options))
        return DeviceTaskTrigger(**caught.value.trigger.serialize()[1])

    return begin


def cancelled(vm: Simulator) -> list[str]:
    return [one.path.rpartition("/")[2] for one in vm.requests if "/status/cancel/" in one.path]


async def kill_by_a_person(trigger: BaseTrigger) -> None:
    """What the triggerer does when a person marks or clears the deferred task."""
    runner = TriggerRunner()
    task = asyncio.ensure_future(runner.run_trigger(1, trigger))
    runner.triggers[1] = {"task": task, "is_watcher": False, "name": "t", "events": 0}  # type: ignore[typeddict-item]
    await asyncio.sleep(0.1)
    runner.to_cancel.append(1)
    await runner.cancel_triggers()
    await asyncio.wait([task])


@since_airflow_3_3
@pytest.mark.parametrize("wanted", [True, "true"])
def test_person_who_kills_a_deferred_task_cancels_the_managers(
    wanted: Any, deferred: Callable[..., DeviceTaskTrigger], vm: Simulator
) -> None:
    trigger = deferred(cancel_on_kill=wanted)
    asyncio.run(kill_by_a_person(trigger))
    assert cancelled(vm) == trigger.process_ids
    assert vm.counters.open_sessions == 0


@since_airflow_3_3
def test_kill_leaves_the_managers_task_by_default(deferred: Callable[..., DeviceTaskTrigger], vm: Simulator) -> None:
    trigger = deferred()
    asyncio.run(kill_by_a_person(trigger))
    assert cancelled(vm) == []


def test_stopped_triggerer_cancels_nothing(deferred: Callable[..., DeviceTaskTrigger], vm: Simulator) -> None:
    async def stop() -> None:
        task = asyncio.ensure_future(first_event(deferred(cancel_on_kill=True)))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(stop())
    assert cancelled(vm) == []


def test_silent_manager_holds_no_kill_and_no_event_loop(
    deferred: Callable[..., DeviceTaskTrigger],
    vm: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trigger = deferred(cancel_on_kill=True)
    monkeypatch.setattr(cancellation, "CANCEL_TIMEOUT_S", 1.5)
    vm.faults.add("slow", times=None, path="/j_security_check", delay=60)
    seen, before = len(vm.requests), time.monotonic()

    async def kill() -> None:
        task = asyncio.ensure_future(trigger.on_kill())
        await until(lambda: any(one.path == "/j_security_check" and one.status is None for one in vm.requests[seen:]))
        assert not task.done()  # and the loop goes on
        await task

    with caplog.at_level(logging.WARNING):
        asyncio.run(kill())
    assert 1.5 <= time.monotonic() - before < 6
    assert "could not be cancelled" in caplog.text
