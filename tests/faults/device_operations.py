"""What the operations on devices of the matrix do, and how each is checked when it has worked."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.__main__ import main
from airflow_provider_vmanage.cli.check import DIFFERENT, OK
from airflow_provider_vmanage.cli.errors import FAILED
from airflow_provider_vmanage.client.http.clock import Clock
from airflow_provider_vmanage.exceptions import fail_without_retry
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    PlanUpgradeOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
    UpgradeDevicesOperator,
)
from airflow_provider_vmanage.sensors.software_upgrade import DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger
from airflow_provider_vmanage.waiting.device_waits import TaskWait
from airflow_provider_vmanage.waiting.events import outcome_of, timed_out
from airflow_provider_vmanage.waiting.pace import Wait
from tests.faults.matrix import ON_DEVICES
from tests.triggers.event_loop import first_event, follow

EDGE = "edge-1"
RUNNING, INSTALLED = "17.09.04.0.4733", "17.12.04.0.6740"

#: seconds that an action waits for the manager, most of them by the clock of the tests
ACTION_TIMEOUT = 120

_WAITS: dict[str, Any] = {"devices": [EDGE], "version": INSTALLED, "timeout": ACTION_TIMEOUT, "poll_interval": 1}


class DeviceOperations:
    """The operations on devices, as a DAG runs them, on one edge.

    :param vm: the manager.
    :param run: executes a task.
    :param clock: of its session.

    ``host`` is the manager's address in the connection, and ``options_of`` holds options of operations, by name.
    """

    def __init__(self, vm: Simulator, run: Callable[..., Any], clock: Clock) -> None:
        self.vm, self._run, self._clock = vm, run, clock
        self.host = vm.url
        self.options_of: dict[str, dict[str, Any]] = {}
        self._process_id = ""
        self._planned: Any = None

    def prepare(self, name: str) -> None:
        """Add the edge, and what the operation needs; plan the upgrade, begin the task that is waited for."""
        if name not in ON_DEVICES:
            return
        version = INSTALLED if name == "version" else RUNNING
        available = [] if name in ("install", "plan", "version") else [INSTALLED]
        self._edge = self.vm.add_device(EDGE, "vedge", version, defaultVersion=RUNNING, availableVersions=available)
        self.vm.add_image("edge.bin", version=f"{INSTALLED}.1708", platform_family=("vedge-x86",))
        if name == "upgrade":
            self._planned = json.loads(json.dumps(self._plan()))
        if name == "task":
            with pytest.raises(TaskDeferred) as deferred:
                self._run(self._activation())
            self._process_id = deferred.value.trigger.process_ids[0]

    def _install(self) -> Any:
        return self._run(self._in_a_session(InstallSoftwareOperator(task_id="install", **_WAITS)))

    def _activate(self) -> Any:
        task = self._in_a_session(self._activation())
        task.hook.clock = task.hook.get_conn().clock = SimpleNamespace(
            monotonic=self._clock.monotonic,
            time=time.time,  # triggers really wait
        )
        return follow(task, self._run)

    def _activation(self) -> ActivateSoftwareOperator:
        options = {**_WAITS, "poll_interval": 0.01, **self.options_of.get("activate", {})}
        return ActivateSoftwareOperator(task_id="activate", **options, deferrable=True)

    def _default(self) -> Any:
        return self._run(self._in_a_session(SetDefaultSoftwareOperator(task_id="default", **_WAITS)))

    def _remove(self) -> Any:
        return self._run(self._in_a_session(RemoveSoftwareOperator(task_id="remove", **_WAITS)))

    def _task(self) -> Any:
        with fail_without_retry():
            trigger = _BriefTrigger(process_ids=[self._process_id], poll_interval=0.01)
            return outcome_of(asyncio.run(first_event(trigger)))

    def _version(self) -> Any:
        task = self._in_a_session(DeviceVersionSensor(task_id="wait", devices=[EDGE], version=INSTALLED))
        with task.hook:
            return task.poke({})  # type: ignore[typeddict-item]

    def _plan(self) -> Any:
        return self._run(self._in_a_session(PlanUpgradeOperator(task_id="plan", version=INSTALLED)))

    def _upgrade(self) -> Any:
        options: dict[str, Any] = {
            "poll_interval": 10,
            "timeout": ACTION_TIMEOUT,
            "settle_timeout": 60,
            "stable_for": 0,
        }
        options.update(self.options_of.get("upgrade", {}))
        plan = {**self._planned, "manager": self.host}
        task = UpgradeDevicesOperator(task_id="upgrade", plan=plan, **options)
        return self._run(self._in_a_session(task))

    def _check(self) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["check"])
        return {OK: "ok", DIFFERENT: "differs", FAILED: "no"}[status], out.getvalue() or err.getvalue()

    def assert_device_done(self, name: str, result: Any) -> None:
        """A success is one only if the device shows it."""
        edge = self._edge
        if name in ("install", "activate", "default", "remove", "upgrade"):
            done, field, value = {
                "install": ("installed", "availableVersions", [INSTALLED]),
                "activate": ("activated", "version", INSTALLED),
                "default": ("default_set", "defaultVersion", INSTALLED),
                "remove": ("removed", "availableVersions", []),
                "upgrade": ("upgraded", "defaultVersion", INSTALLED),
            }[name]
            assert (result["counts"], edge[field]) == ({done: 1}, value)
            assert [row["device"] for row in result["devices"]] == [EDGE]
            assert name != "upgrade" or edge["version"] == INSTALLED
        elif name == "task":
            assert [wait["process_id"] for wait in result["waits"]] == [self._process_id]
            assert edge["version"] == INSTALLED
        elif name == "version":
            assert (result.is_done, [row["device"] for row in result.xcom_value]) == (True, [EDGE])
            assert result.xcom_value[0]["running"] == edge["version"] == INSTALLED
        elif name == "plan":
            assert [row["device"] for wave in result["waves"] for row in wave] == [EDGE]
        else:
            assert " 0 differs, " in result

    def assert_error_names_the_device(self, name: str, result: Any) -> None:
        """Whatever was sent for a device: an error afterwards names it."""
        if name not in ("version", "plan", "check", "task") and self.vm.actions:
            assert EDGE in str(result)

    def _in_a_session(self, task: Any) -> Any:
        """Log in first, so that the fault does not affect the login; waits pass on our clock."""
        task.hook = VManageHook(clock=self._clock)
        with fail_without_retry():
            _ = task.hook.get_conn().server
        return task


def window_that_is_too_short() -> dict[str, Any]:
    """Options of an upgrade whose only wave could not end inside the window."""
    end = datetime.fromtimestamp(time.time(), timezone.utc) + timedelta(minutes=30)
    return {"not_after": end, "wave_minutes": 60}


def window_that_is_over() -> dict[str, Any]:
    """Options of an upload that no moment is left for."""
    return {"not_after": datetime.fromtimestamp(time.time(), timezone.utc) - timedelta(seconds=1)}


class _BriefWait(TaskWait):
    """A wait that stops after more polls than a task and one fault need."""

    polls = 0

    def take(self, result: Any) -> None:
        super().take(result)
        self.polls += 1
        if self.polls == 5 and not self.outcome.done():
            self.outcome.set_result(timed_out(self.last_state))


class _BriefTrigger(DeviceTaskTrigger):
    def new_waits(self) -> list[Wait]:
        return [_BriefWait(one, *self.pace()) for one in self.process_ids]
