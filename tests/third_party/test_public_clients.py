"""Clients that others wrote, unmodified, take the simulator for a manager. Run by `make test-clients`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.simulator import Counters
from tests.third_party.peers import result_of, run

pytestmark = [pytest.mark.third_party, pytest.mark.timeout(300)]

KEPT, DELETED = "vmanage-20.12.4-x86_64.tar.gz", "vmanage-20.12.5-x86_64.tar.gz"
UPLOAD, SOFTWARE = "POST device/action/software/package", "device/action/software"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The image that stays and the one that is deleted again."""
    for name in (KEPT, DELETED):
        (tmp_path / name).write_bytes(os.urandom(3 << 20))
    return [str(tmp_path / name) for name in (KEPT, DELETED)]


def kept(vm: Simulator) -> list[tuple[str, str]]:
    """What is on the manager now: names, and digests of the bytes on its disk."""
    return [(one.file_name, digest(str(one.path))) for one in vm.images]


def digest(path: str) -> str:
    return hashlib.sha512(Path(path).read_bytes()).hexdigest()


def logout_verb(release: str) -> str:
    return "GET" if release in ("16.3.1", "20.9.4") else "POST"


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_catalystwan_logs_in_uploads_lists_deletes_and_logs_out(
    release: str, vm_of_release: Simulator, files: list[str], calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    response = result_of(
        run("catalystwan", "repository", vm.url, vm.username, vm.password, *files, ca_bundle=vm.ca_bundle)
    )
    assert (response["listed"], response["version"], response["left"]) == ([KEPT, DELETED], "20.12.5", [KEPT])
    assert kept(vm) == [(KEPT, digest(files[0]))]
    assert vm.counters == Counters(1, 0, 1, 0, len(vm.requests))
    seen = calls(vm)
    assert seen[:3] == ["POST /j_security_check", "GET client/token", "GET client/server"]
    assert seen[3:5] == [UPLOAD, UPLOAD]
    assert [one.partition("/")[0] for one in seen if "logout" in one] == [f"{logout_verb(release)} "]
    assert {one.status for one in vm.requests} == {200, 302}
    assert "catalystwan/0.41.6" in vm.requests[3].headers["user-agent"]


ACTION, LISTS = "device/action", ("controller", "vedge", "vmanage")


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_catalystwan_installs_an_image_on_edges_and_activates_it(
    remote: bool, vm_of_release: Simulator, calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    edges = [vm.add_device(name, "vedge", "20.9.4") for name in ("edge-1", "edge-2")]
    other = vm.add_device("smart-1", "vsmart", "20.9.4")
    name = "viptela-20.12.5-x86_64.tar.gz"
    if remote:
        server_id = vm.add_remote_server("files")
        vm.add_image(name, url="http://files/", remote_server_id=server_id, version="--", version_type="files")
    else:
        vm.add_image(name)
    where = ["files" if remote else "", name]
    response = result_of(
        run("catalystwan", "upgrade", vm.url, vm.username, vm.password, *where, ca_bundle=vm.ca_bundle)
    )
    assert response == {"results": [True, True], "steps": [["Success", "Success"]] * 2}
    assert [(one["version"], one["availableVersions"]) for one in edges] == [("20.12.5", ["20.9.4"])] * 2
    assert (other["version"], other["availableVersions"]) == ("20.9.4", [])
    seen = [one.rpartition("/")[0] if "/status/" in one else one for one in calls(vm)]
    lists = [f"GET {ACTION}/install/devices/{one}" for one in LISTS]
    polls = [f"GET {ACTION}/status"] * 3
    checked = [] if remote else lists  # that it is no downgrade
    installing = [f"GET {SOFTWARE}/images", *checked, f"POST {ACTION}/install", *polls]
    assert seen[3:-2] == ["GET system/device/vedges", *installing, *lists, f"POST {ACTION}/changepartition", *polls]
    assert {one.status for one in vm.requests} == {200, 302}
    # It names the version of an image of the manager in input itself, in every release, and puts remote ones in a list.
    assert [one.form for one in vm.actions if one.action == "install"] == ["list" if remote else "flat"] * 2


@pytest.mark.parametrize(
    ("inventory", "role"), [("vedges", "vedge"), ("controllers", "vsmart"), ("controllers", "vbond")]
)
@pytest.mark.parametrize("release", ["20.9.4", "20.18.2"])
def test_catalystwan_leads_a_whole_window(inventory: str, role: str, vm_of_release: Simulator) -> None:
    vm = vm_of_release
    device = vm.add_device("one", role, "20.9.4")
    vm.add_image("viptela-20.12.5-x86_64.tar.gz")
    where = [inventory, role, "viptela-20.12.5-x86_64.tar.gz", "20.12.5"]
    response = result_of(run("catalystwan", "window", vm.url, vm.username, vm.password, *where, ca_bundle=vm.ca_bundle))
    assert response == {"results": [True] * 5, "devices": [["one", True]]}
    assert (device["version"], device["defaultVersion"], device["availableVersions"]) == ("20.12.5", "20.12.5", [])
    sent = ["install", "changepartition", "defaultpartition", "removepartition", "reboot"]
    assert [(one.action, one.device) for one in vm.actions] == [(action, device["uuid"]) for action in sent]


@pytest.mark.parametrize("role", ["vedge", "vsmart"])
@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_vmngclient_leads_a_whole_window(role: str, vm_of_release: Simulator) -> None:
    vm = vm_of_release
    device = vm.add_device("one", role, "20.9.4")
    vm.add_image("viptela-20.12.5-x86_64.tar.gz")
    what = [role, "viptela-20.12.5-x86_64.tar.gz", "20.12.5"]
    response = result_of(run("vmngclient", vm.url, vm.username, vm.password, *what, ca_bundle=vm.ca_bundle))
    assert response == {"results": [True] * 5, "devices": [["one", True]]}
    assert (device["version"], device["defaultVersion"], device["availableVersions"]) == ("20.12.5", "20.12.5", [])
    sent = ["install", "changepartition", "defaultpartition", "removepartition", "reboot"]
    assert [(one.action, one.device) for one in vm.actions] == [(action, device["uuid"]) for action in sent]
    assert vm.counters == Counters(1, 0, 1, 0, len(vm.requests))
    assert {one.status for one in vm.requests} == {200, 302}


@pytest.mark.parametrize("release", ["16.3.1"])
def test_catalystwan_cannot_log_in_where_there_is_no_token_call(vm_of_release: Simulator, files: list[str]) -> None:
    vm = vm_of_release
    done = run("catalystwan", "repository", vm.url, vm.username, vm.password, *files, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert [one.path for one in vm.requests if one.status == 404] == ["/dataservice/client/token"]
    assert (vm.counters.refused_logins, vm.images) == (0, [])


def test_sastre_logs_in_uploads_lists_deletes_and_logs_out(
    release: str, vm_of_release: Simulator, files: list[str], calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    response = result_of(run("sastre", "repository", vm.url, vm.username, vm.password, *files, str(vm.ca_bundle)))
    assert (response["listed"], response["left"]) == ([KEPT, DELETED], [KEPT])
    assert kept(vm) == [(KEPT, digest(files[0]))]
    assert vm.counters == Counters(1, 0, 1, 0, len(vm.requests))
    seen = calls(vm)
    assert seen[:4] == ["POST /j_security_check", "GET client/server", UPLOAD, UPLOAD]
    assert seen[4] == f"GET {SOFTWARE}"
    assert seen[5].startswith(f"DELETE {SOFTWARE}/")
    assert seen[6:] == [f"GET {SOFTWARE}", f"{logout_verb(release)} /logout"]
    assert {one.status for one in vm.requests} == {200, 302}


@pytest.mark.parametrize("release", ["20.18.2"])
def test_sastre_does_the_same_with_an_api_key(
    vm_of_release: Simulator, files: list[str], calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    response = result_of(run("sastre", "repository", vm.url, "", "", *files, str(vm.ca_bundle), vm.api_key))
    assert (response["listed"], response["left"]) == ([KEPT, DELETED], [KEPT])
    assert kept(vm) == [(KEPT, digest(files[0]))]
    assert vm.counters.logins == vm.counters.open_sessions == 0
    assert calls(vm)[:3] == ["GET client/server", UPLOAD, UPLOAD]


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4", "20.18.2"])
@pytest.mark.parametrize("client", ["catalystwan", "sastre"])
def test_wrong_password_is_one_refused_login(
    client: str, release: str, vm_of_release: Simulator, files: list[str]
) -> None:
    vm = vm_of_release
    last = [str(vm.ca_bundle)] if client == "sastre" else []
    done = run(client, "repository", vm.url, vm.username, "wrong-password", *files, *last, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert (vm.counters.logins, vm.counters.refused_logins, vm.counters.open_sessions) == (0, 1, 0)
    # Sastre searches for <html> only, and takes the JSON of 20.18 for success until its next call.
    late = client == "sastre" and release == "20.18.2"
    assert ("JSONDecodeError" in done.stderr, vm.images) == (late, [])
