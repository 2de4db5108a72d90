"""Actions on devices, against the simulator: adopted, decided, sent once, waited for, verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.notes import ActionNote
from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageBlockedError,
    VManageConfigurationError,
    VManageError,
    VManageNotFoundError,
    VManageOutcomeUnknownError,
    VManagePartialError,
    VManageTooManyDevicesError,
)
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import Notes

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"
INSTALL = ActionRequest(ActionKind.INSTALL)
INSTALL_AND_ACTIVATE = ActionRequest(ActionKind.INSTALL, activate=True)
ACTIVATE = ActionRequest(ActionKind.ACTIVATE)
SET_DEFAULT = ActionRequest(ActionKind.SET_DEFAULT)
REMOVE = ActionRequest(ActionKind.REMOVE)


@pytest.fixture
def upgrade(vm: Simulator, connect: Callable[..., ManagerSession]) -> Callable[..., SoftwareUpgrade]:
    """Makes the object under test."""
    return lambda **options: SoftwareUpgrade(connect(vm), **options)


@pytest.fixture
def edges(vm: Simulator) -> list[dict[str, Any]]:
    """Three edges on the old version."""
    return [vm.add_device(f"edge-{number}", "vedge", OLD) for number in (1, 2, 3)]


def names(edges: list[dict[str, Any]]) -> list[str]:
    return [edge["host-name"] for edge in edges]


def has_installed(edges: list[dict[str, Any]], version: str = NEW) -> None:
    for edge in edges:
        edge["availableVersions"] = [version]


def actions_of(state: ActionState) -> list[str]:
    return [work.action for work in state.works]


def posts(vm: Simulator) -> list[str]:
    sent = [one.path.rpartition("/")[2] for one in vm.requests if one.method == "POST"]
    return [one for one in sent if one not in ("j_security_check", "logout")]


def test_activation_runs_the_version_and_leaves_the_default(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    state = upgrade().run(ACTIVATE, names(edges), [NEW])
    assert actions_of(state) == ["activated"] * 3
    assert posts(vm) == ["changepartition"]
    row = state.as_result()["devices"][0]
    assert (row["from_version"], row["running"], row["default"], row["changed"]) == (OLD, NEW, OLD, True)
    assert row["process_id"] == state.as_result()["tasks"][0]
    raise_unless_done(state)


def test_activation_of_ten_devices_takes_few_requests(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], recorded_sleeps: list[float]
) -> None:
    edges = [vm.add_device(f"edge-{number}", "vedge", OLD) for number in range(10)]
    has_installed(edges)
    with (one := upgrade()).session:
        one.run(ACTIVATE, names(edges), [NEW])
    polls = sum("/status/change_partition-" in request.path for request in vm.requests)
    others = [f"{one.method} {one.path.removeprefix('/dataservice')}" for one in vm.requests]
    assert len(others) - polls == 9, others  # login, server, three lists, running tasks, POST, verify, logout


def test_what_is_wanted_already_sends_nothing(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    state = upgrade().run(ACTIVATE, names(edges), [f"{OLD}.1999"])
    assert actions_of(state) == ["unchanged"] * 3
    assert posts(vm) == []
    assert state.as_result()["changed"] is False


def test_device_is_found_by_each_of_its_names_and_rows(
    upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    given = ["edge-1", edges[0]["uuid"], edges[1]["system-ip"], {"device_id": edges[2]["uuid"], "version": NEW}]
    state = upgrade().run(ACTIVATE, given, [NEW])
    assert [work.device.name for work in state.works] == ["edge-1", "edge-2", "edge-3"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([], VManageConfigurationError, "at least one"),
        ("edge-1", VManageConfigurationError, "give a list"),
        ([7], VManageConfigurationError, "devices has 7"),
        ([{"device": "edge-1"}], VManageConfigurationError, "without device_id"),
        (["edge"], VManageNotFoundError, "edge not found"),
        (["twin"], VManageAmbiguousError, "matches 2 devices"),
        (["dc1"], VManageAmbiguousError, "matches 2 devices"),
        (["edge-1", "edge-2", "edge-3"], VManageTooManyDevicesError, "max_devices is 2"),
    ],
)
def test_bad_devices_are_refused_before_anything_is_sent(
    vm: Simulator,
    upgrade: Callable[..., SoftwareUpgrade],
    edges: list[dict[str, Any]],
    given: Any,
    error: type[VManageError],
    words: str,
) -> None:
    has_installed(edges)
    for name, role in (("twin", "vedge"), ("twin", "vedge"), ("dc1", "vedge"), ("dc1", "vsmart")):
        vm.add_device(name, role, OLD)
    with pytest.raises(error, match=words) as caught:
        upgrade().run(ACTIVATE, given, [NEW], max_devices=2)
    assert not caught.value.retryable
    assert posts(vm) == []


@pytest.mark.parametrize("request_", [ACTIVATE, INSTALL])
def test_only_a_removal_takes_several_versions(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]], request_: ActionRequest
) -> None:
    has_installed(edges)
    with pytest.raises(VManageConfigurationError, match=r"version is \[.*\]: give one, since only a removal"):
        upgrade().run(request_, names(edges), [NEW, OLD])
    assert posts(vm) == []


@pytest.mark.parametrize(
    ("change", "request_", "words"),
    [
        ({"reachability": "unreachable"}, ACTIVATE, "cannot reach it"),
        ({"availableVersions": []}, ACTIVATE, "not installed on it"),
        ({"availableVersions": [], "version": "17.15.01.0.1"}, INSTALL, "is older than the running 17.15.01.0.1"),
        ({"availableVersions": []}, INSTALL, "no image of version"),
        ({"version": NEW, "availableVersions": [OLD], "defaultVersion": OLD}, REMOVE, "it runs version"),
        ({"defaultVersion": NEW}, REMOVE, "is its default"),
        ({"defaultVersion": None}, REMOVE, "its defaultVersion cannot be read"),
        ({"defaultVersion": [NEW]}, REMOVE, "its defaultVersion cannot be read"),
        ({"version": None, "current-partition": None}, REMOVE, "its version cannot be read"),
        ({"availableVersions": 7}, REMOVE, "its availableVersions cannot be read"),
        ({"availableVersions": None}, REMOVE, "its availableVersions cannot be read"),
        (
            {"version": None, "current-partition": None},
            ACTIVATE,
            "cannot be read, so .* may be older: set allow_downgr",
        ),
        ({"version": [OLD], "current-partition": None}, ACTIVATE, "cannot be read, so .* may be older: set allow_down"),
        ({"availableVersions": []}, SET_DEFAULT, "not installed on it"),
    ],
)
def test_blocked_device_refuses_the_whole_action(
    vm: Simulator,
    upgrade: Callable[..., SoftwareUpgrade],
    edges: list[dict[str, Any]],
    change: dict[str, Any],
    request_: ActionRequest,
    words: str,
) -> None:
    has_installed(edges)
    edges[0].update(change)
    with pytest.raises(VManageBlockedError, match=words) as caught:
        upgrade().run(request_, names(edges), [NEW])
    assert "edge-1" in caught.value.message
    assert posts(vm) == []


@pytest.mark.parametrize("short", ["17.12", "17.12.4"])
def test_short_form_of_an_installed_version_is_not_removed_silently(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]], short: str
) -> None:
    has_installed(edges)
    with pytest.raises(VManageBlockedError, match=f"version {short} may be its {NEW}: give the version as the device"):
        upgrade().run(REMOVE, names(edges), [short])
    assert posts(vm) == []


def test_failed_removal_is_none_while_versions_are_not_listed(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    """The manager reports a failure, and its list has lost the field that would show the version."""
    has_installed(edges)
    vm.behave("edge-1", fails_at="action")
    action = upgrade()
    request = action.session.request

    def omit_after_a_post(method: str, path: str, **rest: Any) -> Any:
        response = request(method, path, **rest)
        if method == "POST":
            edges[0]["availableVersions"] = None
        return response

    action.session.request = omit_after_a_post  # type: ignore[method-assign]
    state = action.run(REMOVE, names(edges[:1]), [NEW])
    assert actions_of(state) == ["failed"]


def test_error_names_ten_blocked_devices_and_the_way_out(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade]
) -> None:
    added = [vm.add_device(f"out-{n:02}", "vedge", OLD, reachability="unreachable") for n in range(12)]
    with pytest.raises(VManageBlockedError) as caught:
        upgrade().run(INSTALL, names(added), [NEW])
    shown = "; ".join(f"out-{n:02}: the manager cannot reach it" for n in range(10))
    assert caught.value.message == (
        f"Nothing was sent: 12 of 12 devices are blocked ({shown}; and 2 more). Set skip_blocked to act on the others"
    )


def test_blocked_devices_can_be_skipped(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    edges[1]["reachability"] = "unreachable"
    state = upgrade().run(ACTIVATE, names(edges), [NEW], skip_blocked=True)
    assert actions_of(state) == ["activated", "skipped", "activated"]
    assert state.works[1].reason == "the manager cannot reach it"
    assert posts(vm) == ["changepartition"]


@pytest.mark.parametrize("activate", [False, True], ids=["install", "install and activate"])
def test_installation_sends_the_image_in_the_form_of_the_release(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]], activate: bool
) -> None:
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    state = upgrade().run(INSTALL_AND_ACTIVATE if activate else INSTALL, names(edges), [NEW])
    assert actions_of(state) == ["activated" if activate else "installed"] * 3
    assert posts(vm) == ["install"]
    assert {edge["version"] for edge in edges} == {NEW if activate else OLD}


def test_check_mode_decides_as_a_run_and_sends_nothing(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges[:2])
    edges[2]["version"] = NEW
    planned = upgrade(check_mode=True).run(ACTIVATE, names(edges), [NEW])
    assert posts(vm) == []
    done = upgrade().run(ACTIVATE, names(edges), [NEW])
    assert actions_of(planned) == actions_of(done) == ["activated", "activated", "unchanged"]
    assert [row["applied"] for row in planned.as_result()["devices"]] == [False] * 3


def test_state_survives_a_deferral(upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]) -> None:
    has_installed(edges)
    one = upgrade()
    state = one.submit(ACTIVATE, names(edges), [NEW])
    assert ActionState.from_json(state.as_json()) == state
    while not state.has_ended:
        state = one.poll(ActionState.from_json(state.as_json()))
    assert actions_of(one.verify(ActionState.from_json(state.as_json()), 1000.0)) == ["activated"] * 3


# -- never twice ------------------------------------------------------------------------------------------------------


def test_running_task_of_our_user_is_taken_over(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    first = upgrade().submit(ACTIVATE, names(edges[:2]), [NEW])
    state = upgrade().run(ACTIVATE, names(edges), [NEW])
    assert actions_of(state) == ["activated"] * 3
    assert first.jobs[0].process_id in state.as_result()["tasks"]
    sent = [one for one in vm.requests if one.path.endswith("/changepartition")]
    assert len(sent) == 2
    assert [len(one.json["devices"]) for one in sent] == [2, 1]


def test_noted_task_is_taken_over_although_it_has_ended(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    notes = Notes()
    one = upgrade(notes=notes)
    state = one.submit(ACTIVATE, names(edges), [NEW])
    one.wait(state, 1000.0, 1.0)  # killed before it could verify
    assert actions_of(upgrade(notes=notes).run(ACTIVATE, names(edges), [NEW])) == ["activated"] * 3
    assert posts(vm) == ["changepartition"]
    assert notes.are_kept


def test_note_goes_where_only_the_devices_show_success(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    """The task has ended, but its status could not be read after the wait."""
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    notes = Notes()
    one = upgrade(notes=notes)
    state = one.submit(INSTALL, names(edges), [NEW])
    upgrade().wait(state, 1000.0, 1.0)
    state = one.verify(state, 1000.0)
    assert actions_of(state) == ["installed"] * 3
    one.end_notes(state)
    assert notes.notes == []


def test_intent_that_nothing_explains_is_final_for_a_reboot(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    notes = Notes(ActionNote("ACTIVATE", False, {edges[0]["uuid"]: [NEW]}))
    with pytest.raises(VManageOutcomeUnknownError, match="edge-1") as caught:
        upgrade(notes=notes).run(ACTIVATE, names(edges), [NEW])
    assert not caught.value.retryable
    assert posts(vm) == []
    assert notes.are_kept  # a person has been warned, and is asked once


def test_intent_to_install_may_be_sent(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    notes = Notes(ActionNote("INSTALL", False, {edges[0]["uuid"]: [NEW]}))
    assert actions_of(upgrade(notes=notes).run(INSTALL, names(edges), [NEW])) == ["installed"] * 3
    assert posts(vm) == ["install"]


def test_intent_is_noted_before_the_request_and_the_id_after(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    written: list[list[tuple[str, int]]] = []

    class Recorder(Notes):
        def write(self, notes: Any) -> None:
            written.append([(bool(note.process_id), len(posts(vm))) for note in notes])
            super().write(notes)

    upgrade(notes=Recorder()).run(ACTIVATE, names(edges), [NEW])
    assert written == [[(False, 0)], [(True, 1)]]


# -- the verdict ------------------------------------------------------------------------------------------------------


def test_failed_device_is_final_after_a_reboot_and_named(
    upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    has_installed(edges)
    one = upgrade()
    state = one.submit(ACTIVATE, names(edges), [NEW])
    edges[1]["reachability"] = "unreachable"
    state = one.verify(one.wait(state, 1000.0, 1.0), 1000.0)
    assert actions_of(state) == ["activated", "failed", "activated"]
    with pytest.raises(VManagePartialError, match="1 of 3 devices failed: edge-2") as caught:
        raise_unless_done(state)
    assert not caught.value.retryable
    assert [row["action"] for row in caught.value.done] == ["activated", "failed", "activated"]


def test_empty_repository_is_listed_once_for_all_devices(
    vm: Simulator, upgrade: Callable[..., SoftwareUpgrade], edges: list[dict[str, Any]]
) -> None:
    with pytest.raises(VManageBlockedError, match="no image of version"):
        upgrade().run(INSTALL, names(edges), [NEW])
    assert sum(one.path == "/dataservice/device/action/software" for one in vm.requests) == 1
