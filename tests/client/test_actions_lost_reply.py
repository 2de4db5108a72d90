"""A request whose response is lost: found by its task or by its effect, or unknown; never sent again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.errors import VManageOutcomeUnknownError, VManagePartialError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import (
    ACTIVATE,
    INSTALL,
    INSTALL_AND_ACTIVATE,
    NEW,
    OLD,
    REQUESTS,
    Notes,
    add_edges,
    names,
    posts_of_one_device,
)

Upgrade = Callable[..., SoftwareUpgrade]

POSTS = "device/action/*"

#: the request is carried out, and its response says nothing of that
MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "reset": ("reply_lost", {}),
    "page under 200": ("html_200", {"done": True}),
    "500 with an error": ("error_4xx", {"status": 500, "done": True}),
}

#: the manager never saw the request, and the response does not say so
NOT_MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "504 page": ("http_504", {}),
    "502 page": ("http_502", {}),
    "520 page": ("status", {"status": 520, "body": "<html>", "content_type": "text/html"}),
    "page under 200": ("html_200", {}),
    "response without an id": ("status", {"status": 200, "body": "{}", "content_type": "application/json"}),
}


# A 500 with {error} is a refusal for an action that does not reboot: a retry may send it again.
LOST = [(how, name) for how in MADE for name in REQUESTS if REQUESTS[name].reboots or not how.startswith("500")]


@pytest.mark.parametrize(("how", "name"), LOST)
def test_task_of_a_lost_response_is_found(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, how: str, name: str
) -> None:
    vm, request = in_time(), REQUESTS[name]
    edges = add_edges(vm, request)
    fault, options = MADE[how]
    vm.faults.add(fault, path=POSTS, method="POST", **options)
    state = upgrade_on(vm).run(request, names(edges), [NEW])
    raise_unless_done(state)
    assert not vm.faults.pending
    assert posts_of_one_device(vm) == 1
    assert len(state.as_result()["tasks"]) == 1


@pytest.mark.parametrize("how", MADE)
def test_effect_of_a_lost_response_is_found_after_its_task(
    vm_of_release: Simulator, upgrade_on: Upgrade, how: str
) -> None:
    edges = add_edges(vm_of_release, ACTIVATE)
    fault, options = MADE[how]
    vm_of_release.faults.add(fault, path=POSTS, method="POST", **options)
    vm_of_release.faults.add(
        "status",
        path="device/action/status/tasks",
        times=None,
        status=200,
        body='{"runningTasks": []}',
        content_type="application/json",
    )
    notes = Notes()
    upgrade = upgrade_on(vm_of_release, notes=notes)
    original = upgrade.session.request

    def request(method: str, path: str, **rest: Any) -> Any:
        try:
            return original(method, path, **rest)
        finally:
            if method == "POST":
                for edge in edges:
                    edge.update({"version": NEW, "availableVersions": [OLD]})

    upgrade.session.request = request  # type: ignore[method-assign]
    state = upgrade.run(ACTIVATE, names(edges), [NEW])
    assert [work.action for work in state.works] == ["activated"] * 2
    assert state.as_result()["tasks"] == []
    for edge in edges:  # and they go back before the next try of a killed task
        edge.update({"version": OLD, "availableVersions": [NEW]})
    with pytest.raises(VManageOutcomeUnknownError, match="An earlier try may have sent"):
        upgrade_on(vm_of_release, notes=notes).run(ACTIVATE, names(edges), [NEW])
    assert posts_of_one_device(vm_of_release) == 1


@pytest.mark.parametrize("name", ["activate", "install", "install and activate"])
@pytest.mark.parametrize("how", NOT_MADE)
def test_what_nothing_explains_is_unknown_and_final_for_a_reboot(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float], how: str, name: str
) -> None:
    vm, request = in_time(), REQUESTS[name]
    edges = add_edges(vm, request)
    fault, options = NOT_MADE[how]
    vm.faults.add(fault, path=POSTS, method="POST", **options)
    notes = Notes()
    with pytest.raises(VManageOutcomeUnknownError, match="neither a running task nor the versions") as caught:
        upgrade_on(vm, notes=notes).run(request, names(edges), [NEW])
    assert caught.value.retryable is not request.reboots
    assert 60.0 <= sum(recorded_sleeps) <= 70.0
    assert requests_sent(vm) == 1
    assert (len(notes.notes), notes.are_kept) == ((1, True) if request.reboots else (0, False))
    if request.reboots:
        with pytest.raises(VManageOutcomeUnknownError, match="An earlier try may have sent the action to edge-1"):
            upgrade_on(vm, notes=notes).run(request, names(edges), [NEW])
        assert requests_sent(vm) == 1


@pytest.mark.slow
def test_only_readable_responses_count_while_a_task_is_searched(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade = upgrade_on(vm)
    vm.faults.add("http_504", path=POSTS, method="POST")
    original = upgrade.session.request

    def request(method: str, path: str, **rest: Any) -> Any:
        if method == "POST":
            vm.faults.add("http_503", path="device/action/status/tasks", times=60)
        return original(method, path, **rest)

    upgrade.session.request = request  # type: ignore[method-assign]
    with pytest.raises(VManageOutcomeUnknownError):
        upgrade.run(ACTIVATE, names(edges), [NEW])
    assert not vm.faults.pending
    readable = [one for one in vm.requests if one.path.endswith("/status/tasks") and one.status == 200]
    assert len(readable) >= 13  # one before the request, then one every five seconds
    assert sum(recorded_sleeps) > 120.0


@pytest.mark.slow
def test_search_reads_earlier_tasks_no_second_time(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time(seconds_per_minute=3600.0)
    edges = add_edges(vm, ACTIVATE, count=5)
    for edge in edges[1:]:
        upgrade_on(vm).submit(ACTIVATE, names([edge]), [NEW])
    upgrade, before = upgrade_on(vm), len(vm.requests)
    vm.faults.add("http_504", path=POSTS, method="POST")
    with pytest.raises(VManageOutcomeUnknownError):
        upgrade.run(ACTIVATE, names(edges[:1]), [NEW])
    read = Counter(one.path for one in vm.requests[before:] if "/status/change_partition-" in one.path)
    assert list(read.values()) == [1] * 4


def test_pages_of_a_starting_manager_are_no_responses(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    """Its web server is back before the application, with pages under 404, for longer than a search takes."""
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade = upgrade_on(vm)
    original = upgrade.session.request

    def request(method: str, path: str, **rest: Any) -> Any:
        if method == "POST":
            page = {"status": 404, "body": "<html>", "content_type": "text/html"}
            vm.faults.add("status", method="GET", path=POSTS, times=20, **page)
            vm.faults.add("reply_lost", method="POST", path=POSTS)
        return original(method, path, **rest)

    upgrade.session.request = request  # type: ignore[method-assign]
    state = upgrade.run(ACTIVATE, names(edges), [NEW])
    assert [work.action for work in state.works] == ["activated"] * 2
    assert sum(recorded_sleeps) >= 100.0


def test_lost_response_is_not_searched_for_beyond_the_deadline(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    vm.faults.add("http_504", path=POSTS, method="POST")
    with pytest.raises(VManageOutcomeUnknownError):
        upgrade_on(vm).run(ACTIVATE, names(edges), [NEW], timeout=20.0)
    assert sum(recorded_sleeps) <= 25.0


@pytest.mark.slow
def test_running_task_without_rows_does_not_prolong_the_search(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float]
) -> None:
    vm = in_time(rows_after=9000.0)
    edges = add_edges(vm, INSTALL)
    vm.faults.add("reply_lost", path=POSTS)
    with pytest.raises(VManageOutcomeUnknownError) as caught:
        upgrade_on(vm).run(INSTALL, names(edges), [NEW])
    assert caught.value.retryable
    assert sum(recorded_sleeps) <= 70.0


def requests_sent(vm: Simulator) -> int:
    return sum(one.method == "POST" and "/device/action/" in one.path for one in vm.requests)


def losing_the_controllers(vm: Simulator, upgrade: SoftwareUpgrade) -> SoftwareUpgrade:
    """Add a device to each list, and lose the request for the controllers."""
    add_edges(vm, ACTIVATE, 1)
    vm.add_device("vsmart-1", "vsmart", OLD, availableVersions=[NEW])
    vm.add_device("vmanage-2", "vmanage", OLD, availableVersions=[NEW])
    original = upgrade.session.request

    def request(method: str, path: str, **rest: Any) -> Any:
        if method == "POST" and rest["json"]["deviceType"] == "controller":
            vm.faults.add("http_504", path=POSTS, method="POST")
        return original(method, path, **rest)

    upgrade.session.request = request  # type: ignore[method-assign]
    return upgrade


def test_kill_in_the_wait_sends_no_lost_group_again(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm, notes = in_time(), Notes()
    devices = ["edge-1", "vsmart-1"]
    losing_the_controllers(vm, upgrade_on(vm, notes=notes)).submit(ACTIVATE, devices, [NEW])
    assert requests_sent(vm) == 2
    with pytest.raises(VManageOutcomeUnknownError, match="An earlier try may have sent the action to vsmart-1"):
        upgrade_on(vm, notes=notes).run(ACTIVATE, devices, [NEW])
    assert requests_sent(vm) == 2


@pytest.mark.slow
def test_groups_that_were_sent_are_waited_for_before_the_error(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade
) -> None:
    vm = in_time()
    upgrade = losing_the_controllers(vm, upgrade_on(vm))
    state = upgrade.run(ACTIVATE, ["edge-1", "vsmart-1", "vmanage-2"], [NEW])
    assert [work.action for work in state.works] == ["activated", "failed", "skipped"]
    assert "outcome" in str(state.works[1].reason)
    assert next(one for one in vm.devices if one["host-name"] == "edge-1")["version"] == NEW
    with pytest.raises(VManagePartialError) as caught:
        raise_unless_done(state)
    assert not caught.value.retryable
    assert caught.value.left == ("vmanage-2",)


# -- a manager that activates itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
@pytest.mark.parametrize("restart", [(0.6, 0.0), (0.0, 0.6), (0.5, 0.5)], ids=["refused", "not ready", "both"])
@pytest.mark.parametrize("request_", [ACTIVATE, INSTALL_AND_ACTIVATE], ids=["activate", "install and activate"])
def test_manager_that_activates_itself_is_waited_for(
    simulate: Callable[..., Simulator],
    connect: Callable[..., ManagerSession],
    release: str,
    restart: tuple[float, float],
    request_: ActionRequest,
) -> None:
    vm = simulate(release, restart=restart)
    own = vm.devices[0]
    if request_ is ACTIVATE:
        own["availableVersions"] = ["20.99.1"]
    vm.add_image("vmanage.tar.gz", version="20.99.1", platform_family=("vmanage",))
    session = connect(vm)
    session.sleep = lambda seconds: time.sleep(min(seconds, 0.05))  # type: ignore[method-assign]
    upgrade = SoftwareUpgrade(session)
    state = upgrade.submit(request_, [own["uuid"]], ["20.99.1"])
    (process_id,) = [job.process_id for job in state.jobs]
    state = upgrade.verify(upgrade.wait(state, time.monotonic() + 30.0, 0.05), time.monotonic() + 30.0)
    raise_unless_done(state)
    assert state.works[0].action == "activated"
    assert state.works[0].process_id == process_id
    assert posts_of_one_device(vm) == 1
    assert vm.counters.logins >= 2
