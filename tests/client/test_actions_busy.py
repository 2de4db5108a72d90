"""Running tasks of the manager: ours are taken over, others block, and so does what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.notes import ActionNote
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.errors import VManageBlockedError, VManageNotFoundError, VManageOutcomeUnknownError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import ACTIVATE, INSTALL, NEW, OLD, REQUESTS, SET_DEFAULT, Notes, add_edges, names

Upgrade = Callable[..., SoftwareUpgrade]


def show_tasks(vm: Simulator, *tasks: dict[str, Any]) -> None:
    """Let the list of running tasks show these instead."""
    vm.faults.add(
        "status",
        path="device/action/status/tasks",
        times=None,
        status=200,
        body=json.dumps({"runningTasks": tasks}),
        content_type="application/json",
    )


def started(upgrade: SoftwareUpgrade, request: ActionRequest, devices: list[dict[str, Any]]) -> dict[str, Any]:
    """Start the action, and return its row of the list of running tasks."""
    (job,) = upgrade.submit(request, names(devices), [NEW]).jobs
    return {"processId": job.process_id, "action": job.process_id.partition("-")[0]}


def posts(vm: Simulator) -> int:
    return sum(one.method == "POST" and "/device/action/" in one.path for one in vm.requests)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_task_of_another_user_blocks(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, request_: ActionRequest
) -> None:
    vm = in_time()
    edges = add_edges(vm, request_)
    task = started(upgrade_on(vm), request_, edges[:1])
    show_tasks(vm, {**task, "userSessionUserName": "somebody"})
    with pytest.raises(VManageBlockedError, match=r"edge-1: task .* of somebody is at work on it") as caught:
        upgrade_on(vm).run(request_, names(edges), [NEW])
    assert not caught.value.retryable
    assert "edge-2" not in caught.value.message
    assert posts(vm) == 1


@pytest.mark.parametrize("user", [{}, {"userSessionUserName": ""}, {"userSessionUserName": "admin"}])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_own_task_and_one_without_a_user_are_taken_over(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, request_: ActionRequest, user: dict[str, str]
) -> None:
    vm = in_time()
    edges = add_edges(vm, request_)
    task = started(upgrade_on(vm), request_, edges)
    show_tasks(vm, {**task, **user})
    state = upgrade_on(vm).run(request_, names(edges), [NEW])
    raise_unless_done(state)
    assert state.as_result()["tasks"] == [task["processId"]]
    assert posts(vm) == 1


def test_our_task_of_another_kind_blocks(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade_on(vm).submit(SET_DEFAULT, names(edges), [NEW])
    with pytest.raises(VManageBlockedError, match=r"edge-1: task default_partition-.* is at work on it"):
        upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    assert posts(vm) == 1


@pytest.mark.parametrize("user", ["admin", "somebody"])
def test_task_without_rows_blocks_after_a_minute(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float], user: str
) -> None:
    vm = in_time(rows_after=9000.0)
    edges = add_edges(vm, ACTIVATE)
    task = started(upgrade_on(vm), ACTIVATE, edges[:1])
    show_tasks(vm, {**task, "userSessionUserName": user})
    with pytest.raises(VManageBlockedError, match=r"edge-2: task .* is running, and which devices"):
        upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    assert 60.0 <= sum(recorded_sleeps) <= 70.0
    assert posts(vm) == 1


def test_tasks_without_rows_are_waited_for_together(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    empty = {"body": '{"data": []}', "content_type": "application/json"}
    vm.faults.add("status", path="device/action/status/push-*", status=200, times=None, **empty)
    show_tasks(vm, {"processId": "push-1"}, {"processId": "push-2"})
    with pytest.raises(VManageBlockedError):
        upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    assert 60.0 <= sum(recorded_sleeps) <= 70.0


def test_task_that_shows_its_rows_late_is_taken_over(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time(rows_after=45.0)
    edges = add_edges(vm, ACTIVATE)
    upgrade_on(vm).submit(ACTIVATE, names(edges), [NEW])
    state = upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    raise_unless_done(state)
    assert posts(vm) == 1


def test_task_whose_status_cannot_be_read_blocks(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    started(upgrade_on(vm), ACTIVATE, edges[:1])
    vm.faults.add("error_4xx", path="device/action/status/change_partition-*", times=None)
    with pytest.raises(VManageBlockedError, match="which devices it works on cannot be read"):
        upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    assert posts(vm) == 1


def test_task_that_ends_after_it_was_listed_does_not_block(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    task = started(upgrade_on(vm), SET_DEFAULT, edges)
    recorded_sleeps.append(3600.0)
    show_tasks(vm, {**task, "userSessionUserName": "somebody"})
    state = upgrade_on(vm).run(ACTIVATE, names(edges), [NEW])
    assert [work.action for work in state.works] == ["activated"] * 2


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_task_that_ends_while_we_read_is_not_sent_again(
    in_time: Callable[..., Simulator],
    connect: Callable[..., ManagerSession],
    upgrade_on: Upgrade,
    recorded_sleeps: list[float],
    request_: ActionRequest,
) -> None:
    """No notes, and the task is over between two of our requests: the order of the requests has to show it."""
    vm = in_time()
    edges = add_edges(vm, request_)
    upgrade_on(vm).submit(request_, names(edges), [NEW])
    upgrade = upgrade_on(vm)
    original = upgrade.session.request

    def request(method: str, path: str, **options: Any) -> Any:
        result = original(method, path, **options)
        recorded_sleeps.append(3600.0)
        return result

    upgrade.session.request = request  # type: ignore[method-assign]
    state = upgrade.run(request_, names(edges), [NEW])
    raise_unless_done(state)
    assert posts(vm) == 1


# -- notes ------------------------------------------------------------------------------------------------------------


def test_noted_task_about_another_version_is_not_taken_over(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    for edge in edges:
        edge["availableVersions"].append("17.15.01a.0.1234")
    notes = Notes()
    upgrade_on(vm, notes=notes).submit(ACTIVATE, names(edges), [NEW])
    with pytest.raises(VManageBlockedError, match="is at work on it"):
        upgrade_on(vm, notes=notes).run(ACTIVATE, names(edges), ["17.15.01a.0.1234"])
    assert posts(vm) == 1


def test_intent_to_reboot_into_another_version_is_unknown_too(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    notes = Notes(ActionNote("INSTALL", True, {edges[0]["uuid"]: ["17.15.01a.0.1234"]}))
    with pytest.raises(VManageOutcomeUnknownError, match="edge-1"):
        upgrade_on(vm, notes=notes).run(ACTIVATE, names(edges), [NEW])
    assert posts(vm) == 0


@pytest.mark.slow
def test_final_error_about_something_else_keeps_the_notes(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    """An intent stays until it is explained, or a person who was warned of it clears the task."""
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    intent = ActionNote("ACTIVATE", False, {edges[0]["uuid"]: [NEW]})
    notes = Notes(intent)
    with pytest.raises(VManageNotFoundError):
        upgrade_on(vm, notes=notes).run(ACTIVATE, ["edge-9"], [NEW])
    assert notes.notes == [intent]
    with pytest.raises(VManageOutcomeUnknownError):
        upgrade_on(vm, notes=notes, check_mode=True).run(ACTIVATE, names(edges), [NEW])
    assert (notes.notes, notes.are_kept) == ([intent], False)
    with pytest.raises(VManageOutcomeUnknownError):
        upgrade_on(vm, notes=notes).run(ACTIVATE, names(edges), [NEW])
    assert (notes.notes, notes.are_kept) == ([intent], True)


def test_remote_installation_is_noted_by_its_version(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    name = "c8000v-universalk9.17.12.04.0.6740.SPA.bin"
    server = vm.add_remote_server("images")
    vm.add_image(name, url="scp://192.0.2.7/", remote_server_id=server, version="--", platform_family=("vedge-x86",))
    vm.add_device("edge-1", "vedge", OLD)
    notes = Notes()
    upgrade_on(vm, notes=notes).submit(INSTALL, ["edge-1"], [NEW], file_name=name)
    assert [one.devices for one in notes.notes] == [{vm.actions[0].device: [NEW]}]
    show_tasks(vm)  # only the note shows the task
    state = upgrade_on(vm, notes=notes).run(INSTALL, ["edge-1"], [NEW], file_name=name)
    raise_unless_done(state)
    assert posts(vm) == 1
