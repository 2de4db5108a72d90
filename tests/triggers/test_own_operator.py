"""The custom operator of the documentation works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.waiting import events
from tests.triggers.event_loop import first_event
from tests.triggers.own_operator import ReportWhenListedOperator


def reporter() -> ReportWhenListedOperator:
    return ReportWhenListedOperator(task_id="report", version="20.12.4", vmanage_conn_id="vmanage_default")


@pytest.fixture
def deferred(vm: Simulator, run: Callable[..., Any]) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        run(reporter())
    caught.value.trigger.poke_interval = 0.1  # type: ignore[attr-defined]
    return caught.value


def resume(deferred: TaskDeferred) -> str:
    event = asyncio.run(first_event(deferred.trigger))
    return str(getattr(reporter(), deferred.method_name)({}, event))


def test_event_has_the_image_that_it_waited_for(vm: Simulator, deferred: TaskDeferred) -> None:
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
    assert resume(deferred) == "vmanage-20.12.4-x86_64.tar.gz is there"


def test_refused_login_fails_without_retry(deferred: TaskDeferred, vm: Simulator, connect: Callable[..., None]) -> None:
    connect(vm, password="wrong")
    with pytest.raises(VManageFailException, match="refused the login"):
        resume(deferred)


def test_timeout_is_reported() -> None:
    line = reporter().report({}, events.timed_out("time is up"))
    assert line == "time is up"
