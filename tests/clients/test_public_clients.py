"""Clients that others wrote, unmodified, take the simulator for a manager. Run by `make test-clients`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.simulator import Counters

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
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


def run(client: str, *arguments: str, ca_bundle: str | None = None) -> subprocess.CompletedProcess[str]:
    python = ROOT / ".tmp" / client / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} is missing: make test-clients makes it")
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(ROOT / ".tmp"), "NO_PROXY": "*"}
    if ca_bundle:  # the one way to make catalystwan look at a certificate during its login
        surroundings["REQUESTS_CA_BUNDLE"] = ca_bundle
    command = [str(python), str(HERE / f"with_{client}.py"), *arguments]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=240)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def logout_verb(release: str) -> str:
    return "GET" if release in ("16.3.1", "20.9.4") else "POST"


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_catalystwan_logs_in_uploads_lists_deletes_and_logs_out(
    release: str, vm_of_release: Simulator, files: list[str], calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    answer = told(run("catalystwan", vm.url, vm.username, vm.password, *files, ca_bundle=vm.ca_bundle))
    assert (answer["listed"], answer["version"], answer["left"]) == ([KEPT, DELETED], "20.12.5", [KEPT])
    assert kept(vm) == [(KEPT, digest(files[0]))]
    assert vm.counters == Counters(1, 0, 1, 0, len(vm.requests))
    seen = calls(vm)
    assert seen[:3] == ["POST /j_security_check", "GET client/token", "GET client/server"]
    assert seen[3:5] == [UPLOAD, UPLOAD]
    assert [one.partition("/")[0] for one in seen if "logout" in one] == [f"{logout_verb(release)} "]
    assert {one.status for one in vm.requests} == {200, 302}
    assert "catalystwan/0.41.6" in vm.requests[3].headers["user-agent"]


@pytest.mark.parametrize("release", ["16.3.1"])
def test_catalystwan_cannot_log_in_where_there_is_no_token_call(vm_of_release: Simulator, files: list[str]) -> None:
    vm = vm_of_release
    done = run("catalystwan", vm.url, vm.username, vm.password, *files, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert [one.path for one in vm.requests if one.status == 404] == ["/dataservice/client/token"]
    assert (vm.counters.refused_logins, vm.images) == (0, [])


def test_sastre_logs_in_uploads_lists_deletes_and_logs_out(
    release: str, vm_of_release: Simulator, files: list[str], calls: Callable[..., list[str]]
) -> None:
    vm = vm_of_release
    answer = told(run("sastre", vm.url, vm.username, vm.password, *files, str(vm.ca_bundle)))
    assert (answer["listed"], answer["left"]) == ([KEPT, DELETED], [KEPT])
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
    answer = told(run("sastre", vm.url, "", "", *files, str(vm.ca_bundle), vm.api_key))
    assert (answer["listed"], answer["left"]) == ([KEPT, DELETED], [KEPT])
    assert kept(vm) == [(KEPT, digest(files[0]))]
    assert vm.counters.logins == vm.counters.open_sessions == 0
    assert calls(vm)[:3] == ["GET client/server", UPLOAD, UPLOAD]


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4", "20.18.2"])
@pytest.mark.parametrize("client", ["catalystwan", "sastre"])
def test_a_wrong_password_is_one_refused_login(
    client: str, release: str, vm_of_release: Simulator, files: list[str]
) -> None:
    vm = vm_of_release
    more = [str(vm.ca_bundle)] if client == "sastre" else []
    done = run(client, vm.url, vm.username, "wrong-password", *files, *more, ca_bundle=vm.ca_bundle)
    assert done.returncode != 0
    assert (vm.counters.logins, vm.counters.refused_logins, vm.counters.open_sessions) == (0, 1, 0)
    # Sastre looks for <html> only, and takes the JSON of 20.18 for success until its next call.
    late = client == "sastre" and release == "20.18.2"
    assert ("JSONDecodeError" in done.stderr, vm.images) == (late, [])
