"""Every action in every release: the request, and its effect on the devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.device_actions.verification import raise_unless_done
from airflow_provider_vmanage.client.errors import VManageBlockedError, VManageConfigurationError
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import (
    ACTIVATE,
    IMAGE,
    INSTALL,
    INSTALL_AND_ACTIVATE,
    NEW,
    OLD,
    REMOVE,
    REQUESTS,
    SET_DEFAULT,
    add_edges,
    names,
)

pytestmark = pytest.mark.each_release

Upgrade = Callable[..., SoftwareUpgrade]


def outcomes(state: ActionState) -> list[str]:
    return [work.action for work in state.works]


def sent(vm: Simulator) -> list[tuple[str, Any, str | None]]:
    return [(one.action, one.version, one.form) for one in vm.actions]


@pytest.mark.parametrize("name", REQUESTS)
def test_each_action_works_in_each_release(vm_of_release: Simulator, upgrade_on: Upgrade, name: str) -> None:
    request = REQUESTS[name]
    edges = add_edges(vm_of_release, request)
    state = upgrade_on(vm_of_release).run(request, names(edges), [IMAGE])
    raise_unless_done(state)
    word = {"install": "installed", "set default": "default_set", "remove": "removed"}.get(name, "activated")
    assert outcomes(state) == [word] * 2
    assert len(vm_of_release.actions) == 2
    assert request.is_met_by(state.works[0].device, [NEW])


def test_body_of_an_installation_has_the_form_of_the_release(
    vm_of_release: Simulator, release: str, upgrade_on: Upgrade
) -> None:
    edges = add_edges(vm_of_release, INSTALL)
    upgrade_on(vm_of_release).run(INSTALL, names(edges), [NEW])
    form = "list" if release.startswith("20.18") else "flat"
    assert sent(vm_of_release) == [("install", IMAGE, form)] * 2
    (post,) = [one.json for one in vm_of_release.requests if one.path.endswith("/install")]
    image = {"family": "vedge-x86" if form == "list" else "vedge", "version": IMAGE}
    assert (post["input"]["data"] if form == "list" else [{key: post["input"][key] for key in image}]) == [image]
    assert post["devices"][0] == {"deviceId": edges[0]["uuid"], "deviceIP": edges[0]["local-system-ip"]}


def test_several_versions_are_removed_by_one_request(vm_of_release: Simulator, upgrade_on: Upgrade) -> None:
    versions = ["17.06.05.0.6543", "17.03.04a.0.5574"]
    for number in (1, 2):
        vm_of_release.add_device(f"edge-{number}", "vedge", OLD, availableVersions=[NEW, *versions])
    state = upgrade_on(vm_of_release).run(REMOVE, ["edge-1", "edge-2"], ["17.6.5.0.6543", "17.3.4a.0.5574.99"])
    assert outcomes(state) == ["removed"] * 2
    assert sent(vm_of_release) == [("removepartition", versions, None)] * 2
    row = state.as_result()["devices"][0]
    assert (row["version"], row["available"]) == ("17.6.5.0.6543 17.3.4a.0.5574.99", [NEW])


def test_only_the_versions_that_a_device_has_are_removed(vm: Simulator, upgrade_on: Upgrade) -> None:
    vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
    vm.add_device("edge-2", "vedge", OLD)
    state = upgrade_on(vm).run(REMOVE, ["edge-1", "edge-2"], [NEW, "17.06.05.0.6543"])
    assert outcomes(state) == ["removed", "unchanged"]
    assert sent(vm) == [("removepartition", [NEW], None)]


REMOTE = "c8000v-universalk9.17.12.04.0.6740.SPA.bin"


def test_local_image_is_installed_by_its_file_name_alone(vm: Simulator, upgrade_on: Upgrade) -> None:
    edges = add_edges(vm, INSTALL)
    state = upgrade_on(vm).run(INSTALL, names(edges), file_name="edge.bin")
    assert outcomes(state) == ["installed"] * 2
    assert sent(vm) == [("install", IMAGE, "flat")] * 2
    assert {row["version"] for row in state.as_result()["devices"]} == {IMAGE}


def test_version_of_a_row_counts_before_that_of_the_file(vm: Simulator, upgrade_on: Upgrade) -> None:
    (edge,) = add_edges(vm, INSTALL, count=1)
    row = {"device_id": edge["uuid"], "version": "17.15.01.0.1"}
    with pytest.raises(VManageBlockedError, match=r"no image of version 17\.15\.01\.0\.1 in file edge\.bin"):
        upgrade_on(vm).run(INSTALL, [row], file_name="edge.bin")


def test_unknown_file_without_a_version_is_bad_input(vm: Simulator, upgrade_on: Upgrade) -> None:
    edges = add_edges(vm, INSTALL)
    with pytest.raises(VManageConfigurationError, match="version is missing"):
        upgrade_on(vm).run(INSTALL, names(edges), file_name="other.bin")


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
@pytest.mark.parametrize("activate", [False, True])
def test_remote_image_is_installed_by_file_name_and_version(
    vm_of_release: Simulator, upgrade_on: Upgrade, activate: bool
) -> None:
    server = vm_of_release.add_remote_server("images", remoteServerUrl="192.0.2.7")
    image = vm_of_release.add_image(
        REMOTE, url="scp://192.0.2.7/", remote_server_id=server, version="--", platform_family=("vedge-x86",)
    )
    vm_of_release.add_device("edge-1", "vedge", OLD)
    request = INSTALL_AND_ACTIVATE if activate else INSTALL
    with pytest.raises(VManageConfigurationError, match="version is missing"):
        upgrade_on(vm_of_release).run(request, ["edge-1"], file_name=REMOTE)
    state = upgrade_on(vm_of_release).run(request, ["edge-1"], [NEW], file_name=REMOTE)
    assert outcomes(state) == ["activated" if activate else "installed"], state.works
    (post,) = [one.json for one in vm_of_release.requests if one.path.endswith("/install")]
    assert post["input"]["versionType"] == "remote"
    assert post["input"]["data"] == [
        {
            "family": "vedge-x86",
            "version": image.version_id,
            "versionId": image.version_id,
            "remoteServerId": server,
        }
    ]
    assert state.as_result()["devices"][0]["version"] == NEW


@pytest.mark.parametrize(
    ("version", "family", "words"),
    [
        ("--", "vedge-mips", "is for its platform family vedge-x86"),
        ("17.06.01.0.1", "vedge-x86", "is in the repository"),
    ],
)
def test_remote_image_of_another_family_or_version_blocks(
    vm: Simulator, upgrade_on: Upgrade, version: str, family: str, words: str
) -> None:
    server = vm.add_remote_server("images", remoteServerUrl="192.0.2.7")
    vm.add_image(REMOTE, url="scp://192.0.2.7/", remote_server_id=server, version=version, platform_family=(family,))
    vm.add_device("edge-1", "vedge", OLD)
    with pytest.raises(VManageBlockedError, match=words):
        upgrade_on(vm).run(INSTALL, ["edge-1"], [NEW], file_name=REMOTE)
    assert vm.actions == []


def test_installed_version_is_activated_instead_of_installed(vm_of_release: Simulator, upgrade_on: Upgrade) -> None:
    edges = add_edges(vm_of_release, INSTALL)
    edges[0]["availableVersions"] = [NEW]
    state = upgrade_on(vm_of_release).run(INSTALL_AND_ACTIVATE, names(edges), [NEW])
    assert outcomes(state) == ["activated"] * 2
    assert sorted(one.action for one in vm_of_release.actions) == ["changepartition", "install"]
    assert len(state.as_result()["tasks"]) == 2


def test_each_device_type_gets_a_request_of_its_own(vm_of_release: Simulator, upgrade_on: Upgrade) -> None:
    fields = {"availableVersions": ["20.99.1"]}
    devices = [
        vm_of_release.add_device(name, kind, "20.3.5", **fields)
        for name, kind in [("edge-1", "vedge"), ("vsmart-1", "vsmart"), ("vbond-1", "vbond"), ("vmanage-2", "vmanage")]
    ]
    state = upgrade_on(vm_of_release).run(ACTIVATE, names(devices), ["20.99.1"])
    assert outcomes(state) == ["activated"] * 4
    posts = [one.json for one in vm_of_release.requests if one.path.endswith("/changepartition")]
    assert [(one["deviceType"], len(one["devices"])) for one in posts] == [
        ("vedge", 1),
        ("controller", 2),
        ("vmanage", 1),
    ]
    assert len({row["process_id"] for row in state.as_result()["devices"]}) == 3


@pytest.mark.parametrize("device_type", ["vedge", "vsmart", "vbond", "vmanage"])
def test_each_device_type_gets_its_image(vm_of_release: Simulator, upgrade_on: Upgrade, device_type: str) -> None:
    device = vm_of_release.add_device("device-1", device_type, "20.3.5")
    vm_of_release.add_image("image.tar.gz", version="20.99.1", platform_family=(device["platformFamily"],))
    state = upgrade_on(vm_of_release).run(INSTALL, ["device-1"], ["20.99.1"])
    assert outcomes(state) == ["installed"], state.works
    assert state.works[0].device.role == device_type


def test_rows_with_versions_of_their_own_make_a_group_each(vm: Simulator, upgrade_on: Upgrade) -> None:
    other = "17.15.01a.0.1234"
    edges = [vm.add_device(f"edge-{number}", "vedge", OLD, availableVersions=[NEW, other]) for number in (1, 2, 3)]
    rows = [{"device_id": edge["uuid"], "version": one} for edge, one in zip(edges, [NEW, other, NEW], strict=True)]
    state = upgrade_on(vm).run(ACTIVATE, rows)
    assert outcomes(state) == ["activated"] * 3
    assert [edge["version"] for edge in edges] == [NEW, other, NEW]
    posts = [one.json for one in vm.requests if one.path.endswith("/changepartition")]
    assert [len(one["devices"]) for one in posts] == [2, 1]


@pytest.mark.parametrize("spelling", ["17.09.04a.0.6", "17.9.4a.0.6", "17.09.04a.0.6.1689", "17.9.4A.0.6.1689"])
@pytest.mark.parametrize("request_", [ACTIVATE, SET_DEFAULT, REMOVE], ids=["activate", "set default", "remove"])
def test_spelling_of_the_device_is_sent(
    vm: Simulator, upgrade_on: Upgrade, request_: ActionRequest, spelling: str
) -> None:
    vm.add_device("edge-1", "vedge", "17.06.05.0.6543", availableVersions=["17.09.04a.0.6", "17.09.04.0.6"])
    state = upgrade_on(vm).run(request_, ["edge-1"], [spelling])
    raise_unless_done(state)
    assert [one.version for one in vm.actions] == [["17.09.04a.0.6"] if request_ is REMOVE else "17.09.04a.0.6"]


@pytest.mark.parametrize("request_", [ACTIVATE, SET_DEFAULT], ids=["activate", "set default"])
def test_incomplete_version_is_refused_with_the_versions_there_are(
    vm: Simulator, upgrade_on: Upgrade, request_: ActionRequest
) -> None:
    vm.add_device("edge-1", "vedge", "17.06.05.0.6543", availableVersions=["17.09.04a.0.6"])
    with pytest.raises(VManageBlockedError, match=r"17\.9\.4a is not installed on it, but 17\.06\.05\.0\.6543, 17\.09"):
        upgrade_on(vm).run(request_, ["edge-1"], ["17.9.4a"])
    assert vm.actions == []


def test_max_devices_counts_those_that_change(vm: Simulator, upgrade_on: Upgrade) -> None:
    edges = add_edges(vm, ACTIVATE, 4)
    edges[0]["version"] = edges[1]["version"] = NEW
    assert outcomes(upgrade_on(vm).run(ACTIVATE, names(edges), [NEW], max_devices=2)) == [
        *["unchanged"] * 2,
        *["activated"] * 2,
    ]
