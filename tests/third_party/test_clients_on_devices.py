"""Clients that others wrote, unmodified, read devices and wait for tasks. Run by `make test-clients`.

What a client itself cannot do is a test too: it is the client's limit, and `docs/simulator.md` says so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from tests.third_party.peers import result_of, run

pytestmark = [pytest.mark.third_party, pytest.mark.timeout(300)]

IMAGE = "vmanage-20.12.4-x86_64.tar.gz"
NEXT = {"20.9.4": "20.9.5", "20.12.4": "20.12.5", "20.18.2": "20.18.3"}
WITH_TOKEN = pytest.mark.parametrize("release", sorted(NEXT))


@pytest.fixture
def vm_in_time(release: str) -> Iterator[Simulator]:
    """A manager whose tasks take a second or two, with two edges and a controller; it restarts when it is upgraded."""
    with Simulator(version=release, seconds_per_minute=0.5, restart=(1.0, 1.0)) as vm:
        vm.devices[0]["availableVersions"] = [NEXT.get(release, "99.1.1")]
        for name, role in (("edge-1", "vedge"), ("edge-2", "vedge"), ("smart-1", "vsmart")):
            vm.add_device(name, role, "20.9.4")
        yield vm


def id_of(vm: Simulator, name: str) -> str:
    return next(str(one["uuid"]) for one in vm.devices if one["host-name"] == name)


@WITH_TOKEN
def test_catalystwan_adds_finds_and_removes_a_remote_server(vm_of_release: Simulator) -> None:
    vm = vm_of_release
    result = result_of(run("catalystwan", "servers", vm.url, vm.username, vm.password, ca_bundle=vm.ca_bundle))
    assert result == {"added": "files", "same": "files", "left": 0}
    assert vm.counters.open_sessions == 0


@WITH_TOKEN
def test_catalystwan_waits_for_a_manager_that_restarts(release: str, vm_in_time: Simulator) -> None:
    vm, version = vm_in_time, NEXT[release]
    result = result_of(run("catalystwan", "restart", vm.url, vm.username, vm.password, version, ca_bundle=vm.ca_bundle))
    assert result == {"result": True, "running": [[True, "change_partition"]], "left": 0}
    assert (vm.version, vm.counters.logins, vm.counters.open_sessions) == (version, 2, 0)
    assert [one.action for one in vm.actions] == ["changepartition"]
    assert None in {one.status for one in vm.requests}, "no request was cut off by the restart"


def test_sastre_lists_devices_and_waits_for_their_reboots(vm_in_time: Simulator) -> None:
    vm = vm_in_time
    vm.behave("edge-2", ends_as="Failure")
    edges = [id_of(vm, name) for name in ("edge-1", "edge-2")]
    result = result_of(run("sastre", "devices", vm.url, vm.username, vm.password, str(vm.ca_bundle), *edges))
    assert result["device"] == ["edge-1", "edge-2", "smart-1", "vmanage"]
    assert (result["edges"], result["controllers"]) == (["edge-1", "edge-2"], ["smart-1", "vmanage"])
    assert result["verdicts"] == [True, False]
    assert [(one.action, one.device) for one in vm.actions] == [("reboot", edge) for edge in edges]
    assert vm.counters.open_sessions == 0


def test_viptela_uploads_lists_reboots_waits_and_counts(
    release: str, vm_in_time: Simulator, tmp_path: Path, calls: Callable[..., list[str]]
) -> None:
    vm, edge = vm_in_time, id_of(vm_in_time, "edge-1")
    content = os.urandom(3 << 20)
    (tmp_path / IMAGE).write_bytes(content)
    arguments = [vm.url, vm.username, vm.password, str(tmp_path / IMAGE), edge]
    result = result_of(run("viptela", *arguments, ca_bundle=vm.ca_bundle))
    assert (result["listed"], result["done"], result["active"]) == ([IMAGE], "success", [1, 0])
    assert (result["vedges"], result["controllers"]) == (["edge-1", "edge-2"], ["vmanage", "smart-1"])
    assert result["reachable"] == dict.fromkeys(["vmanage", "edge-1", "edge-2", "smart-1"], "reachable")
    assert [digest(one.path.read_bytes()) for one in vm.images if one.path] == [digest(content)]
    assert [(one.action, one.device) for one in vm.actions] == [("reboot", edge)]
    assert ("GET client/token" in calls(vm)) == (release != "16.3.1")
    assert vm.counters.open_sessions == 1, "python-viptela has no logout"


def digest(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


SHAPES = ("expired_a", "expired_b", "expired_c", "expired_d", "expired_e")


@pytest.mark.parametrize("fault", SHAPES)
@pytest.mark.parametrize("release", ["20.12.4", "20.18.2"])
def test_mcp_sees_each_shape_of_an_expired_session(fault: str, vm_of_release: Simulator) -> None:
    vm = vm_of_release
    vm.add_image(IMAGE)
    vm.faults.add(fault, path="device/action/software")
    done = run("mcp", vm.url, vm.username, vm.password, "session", ca_bundle=vm.ca_bundle)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[IMAGE], [IMAGE]]
    assert "Session expired unexpectedly" in done.stdout
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


@pytest.mark.parametrize(
    ("release", "mode", "error"),
    [
        ("16.3.1", "session", "Failed to retrieve XSRF token: HTTP 404"),
        ("20.18.2", "jwt", "JWT login: unexpected response format"),  # it reads a JWT out of /j_security_check
    ],
)
def test_mcp_cannot_log_in(mode: str, error: str, vm_of_release: Simulator) -> None:
    vm = vm_of_release
    done = run("mcp", vm.url, vm.username, vm.password, mode, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert error in done.stderr
    assert vm.counters.refused_logins == 0


@pytest.mark.parametrize("client", ["mcp", "viptela"])
def test_wrong_password_is_one_refused_login(client: str, vm_of_release: Simulator, tmp_path: Path) -> None:
    vm = vm_of_release
    (tmp_path / IMAGE).write_bytes(b"image")
    more = ["session"] if client == "mcp" else [str(tmp_path / IMAGE), "edge-1"]
    done = run(client, vm.url, vm.username, "wrong-password", *more, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert (vm.counters.logins, vm.counters.refused_logins, vm.images) == (0, 1, [])
