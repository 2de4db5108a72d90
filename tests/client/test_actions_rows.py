"""Rows, verdicts and messages of actions on devices, each as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.actions import ActionKind, Target
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState, DeviceWork, Job, fitted_row
from airflow_provider_vmanage.client.device_actions.task_rows import rows_of
from airflow_provider_vmanage.client.device_actions.task_status import SubTask, TaskStatus, Verdict, verdict_of
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import (
    VManagePartialError,
)

OLD, NEW = "17.09.04.0.4733", "17.12.04.0.6740"


def work(number: int = 1, **fields: Any) -> DeviceWork:
    device = Device(
        f"edge-{number}",
        running=OLD,
        default=OLD,
        available=(NEW,),
        role="vedge",
        device_id=f"id-{number}",
        platform_family="c8000v",
        system_ip=f"10.0.0.{number}",
        site_id="7",
    )
    return DeviceWork(device, (NEW,), Target(f"id-{number}", f"10.0.0.{number}", NEW), from_version=OLD, **fields)


def state(*works: DeviceWork, **fields: Any) -> ActionState:
    return ActionState(ActionRequest(ActionKind.ACTIVATE), works, **fields)


def sub_task(number: int = 1, word: str = "success", *activity: str, **fields: Any) -> SubTask:
    named = SubTask((f"id-{number}",), (f"10.0.0.{number}",), frozenset({word}), word.capitalize(), activity)
    return replace(named, **fields)


def test_row_of_a_device_has_these_fields() -> None:
    assert work(action="activated", process_id="p-1").as_row(applied=True) == {
        "device": "edge-1",
        "device_id": "id-1",
        "system_ip": "10.0.0.1",
        "site_id": "7",
        "role": "vedge",
        "platform_family": "c8000v",
        "action": "activated",
        "changed": True,
        "from_version": OLD,
        "version": NEW,
        "running": OLD,
        "default": OLD,
        "available": [NEW],
        "reachable": True,
        "reason": None,
        "activity": None,
        "process_id": "p-1",
        "wave": None,
        "started_at": None,
        "ended_at": None,
        "applied": True,
    }


def test_row_that_is_too_long_loses_the_last_versions() -> None:
    versions = [f"17.{number:02}.01.0.{number:0200}" for number in range(6)]
    row = fitted_row({"activity": None, "reason": None, "available": list(versions)})
    assert len(json.dumps(row)) <= 800
    assert row["available"] == versions[:3]  # a fourth would be too much


def test_task_is_noted_for_its_own_devices() -> None:
    noted = state(work(1), work(2)).with_job(Job("p-1", ("id-2",)))
    assert [(one.process_id, bool(one.started_at)) for one in noted.works] == [(None, False), ("p-1", True)]
    assert noted.applied is True


def test_verdict_is_that_of_the_task_of_the_device() -> None:
    good, bad = Verdict(True), Verdict(False, "no space")
    jobs = (Job("p-1", ("id-1",), verdicts={"id-1": good}), Job("p-2", ("id-2",), verdicts={"id-2": bad}))
    found = state(work(1), work(2), work(3), jobs=jobs)
    assert [found.verdict_for(one) for one in ("id-1", "id-2", "id-3")] == [good, bad, None]


@pytest.mark.parametrize(
    ("action", "job", "undecided"),
    [
        ("failed", Job("p-1", ("id-1",)), True),
        ("failed", Job("p-1", ("id-2",)), False),
        ("failed", Job("p-1", ("id-1",), verdicts={}), False),
        ("activated", Job("p-1", ("id-1",)), False),
    ],
)
def test_failure_without_a_verdict_is_undecided(action: str, job: Job, *, undecided: bool) -> None:
    assert state(work(action=action), jobs=(job,)).is_undecided is undecided


def test_last_line_of_the_manager_is_kept() -> None:
    status = TaskStatus("done", (sub_task(1, "success", "begun", "half way", "done"),))
    assert verdict_of(status, Target("id-1", "", NEW)) == Verdict(True, "", "done")


def test_error_names_ten_devices_and_how_many_more() -> None:
    works = [work(number, action="failed", reason="no space") for number in range(1, 13)]
    names = "; ".join(f"edge-{number}: no space" for number in range(1, 11))
    with pytest.raises(VManagePartialError, match=rf"^12 of 12 devices failed: {names}; and 2 more"):
        raise_unless_done(state(*works))
    with pytest.raises(VManagePartialError) as caught:
        raise_unless_done(state(*works[:10]))
    assert caught.value.message == f"10 of 10 devices failed: {names}"


def test_rows_of_a_task_have_these_fields() -> None:
    by_address = sub_task(2, "success", ids=(), ips=("10.0.0.2", "192.0.2.2"))
    nameless = sub_task(3, "success", ids=(), ips=())
    assert rows_of(TaskStatus("done", (sub_task(1, "success", "begun", "done"), by_address)), "p-1") == [
        {
            "device_id": "id-1",
            "system_ip": "10.0.0.1",
            "succeeded": True,
            "reason": None,
            "activity": "done",
            "process_id": "p-1",
        },
        {
            "device_id": None,
            "system_ip": "10.0.0.2",
            "succeeded": True,
            "reason": None,
            "activity": None,
            "process_id": "p-1",
        },
    ]
    with pytest.raises(VManagePartialError, match="p-1 has failed on 1 of 1 devices"):
        rows_of(TaskStatus("done", (nameless,)), "p-1")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (TaskStatus("done"), "0 of 0 devices: the manager reports no device"),
        (
            TaskStatus("done", (), frozenset({"validation_failure"}), ("no license",)),
            "0 of 0 devices: no license",
        ),
        (
            TaskStatus("done", (sub_task(1, "failure"), sub_task(2, "success"), sub_task(3, "failure"))),
            "2 of 3 devices: id-1: .*Failure.*; id-3: .*Failure",
        ),
    ],
    ids=["no device", "validation", "two devices"],
)
def test_failed_task_says_on_which_devices_and_why(status: TaskStatus, why: str) -> None:
    with pytest.raises(VManagePartialError, match=f"^Task p-1 has failed on {why}"):
        rows_of(status, "p-1")
