"""Sessions that were not closed: logged out when they are dropped, but never those of a parent process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.simulator import Simulator

SettingsOf = Callable[..., ManagerSettings]

SOFTWARE = "device/action/software"


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """A dropped session ends at once, not when Python collects cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def run_in_another_process(vm: Simulator, script: str) -> subprocess.CompletedProcess[str]:
    """Run Python that finds a ``session`` with one completed call."""
    opened = f"""
import os
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
settings = ManagerSettings(base_url={vm.url!r}, username={vm.username!r}, password={vm.password!r},
                           ca_bundle={str(vm.ca_bundle)!r})
session = ManagerSession(settings)
session.request("GET", {SOFTWARE!r})
"""
    return subprocess.run([sys.executable, "-c", opened + script], capture_output=True, text=True, check=False)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.levelname == "WARNING" and "vmanage" in one.name]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", "expired_a", "expired_f"])
def test_dropped_session_is_logged_out_with_a_hint(
    vm: Simulator, settings_of: SettingsOf, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    path = f"{SOFTWARE}/{vm.add_image('vmanage-20.12.5.tar.gz').version_id}"
    if fault:
        vm.faults.add(fault, method="DELETE")
    ManagerSession(settings_of(vm)).request("DELETE", path)
    assert (vm.counters.logouts, vm.counters.open_sessions) == (1, 0)
    assert len(warnings_of(caplog)) == 1
    assert "with statement" in warnings_of(caplog)[0]


@pytest.mark.slow
def test_closed_or_unopened_session_is_dropped_without_a_log(
    vm: Simulator, settings_of: SettingsOf, caplog: pytest.LogCaptureFixture
) -> None:
    ManagerSession(settings_of(vm))
    with ManagerSession(settings_of(vm)) as session:
        session.request("GET", SOFTWARE)
    del session
    assert vm.counters.logouts == 1
    assert [one.path for one in vm.requests].count("/logout") == 1
    assert warnings_of(caplog) == []


@pytest.mark.slow
def test_dropped_session_whose_manager_is_gone_raises_nothing(
    vm: Simulator, settings_of: SettingsOf, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    session = ManagerSession(settings_of(vm))
    session.request("GET", SOFTWARE)
    session.sleep = lambda _: None
    vm.stop()
    del session
    assert "Logout failed" in warnings_of(caplog)[-1]
    assert [one for one in recwarn if "Unraisable" in one.category.__name__] == []


@pytest.mark.slow
def test_api_key_is_dropped_without_a_log(
    simulate: Callable[..., Simulator], settings_of: SettingsOf, caplog: pytest.LogCaptureFixture
) -> None:
    vm = simulate("20.18.2")
    ManagerSession(settings_of(vm, auth="api_key", api_key=vm.api_key)).request("GET", SOFTWARE)
    assert len(vm.requests) == 2
    assert warnings_of(caplog) == []


@pytest.mark.slow
def test_session_that_was_not_created_is_dropped_without_a_log(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(AttributeError):
        ManagerSession(None)  # type: ignore[arg-type]
    assert list(recwarn) == []


@pytest.mark.slow
def test_event_loop_does_not_wait_for_dropped_sessions(vm: Simulator, settings_of: SettingsOf) -> None:
    session = ManagerSession(settings_of(vm))
    session.request("GET", SOFTWARE)
    vm.faults.add("slow", path="/logout", delay=2)
    sessions = [session]
    del session

    async def drop() -> float:
        before = time.monotonic()
        sessions.clear()
        return time.monotonic() - before

    assert asyncio.run(drop()) < 1
    (leaving,) = [thread for thread in threading.enumerate() if thread.name == "vmanage-dropped-session"]
    leaving.join(10)
    assert vm.counters.open_sessions == 0


@pytest.mark.slow
def test_collection_waits_only_seconds_for_a_logout_without_response(vm: Simulator, settings_of: SettingsOf) -> None:
    session = ManagerSession(settings_of(vm))
    session.request("GET", SOFTWARE)
    vm.faults.add("slow", path="/logout", delay=20)
    before = time.monotonic()
    del session
    assert time.monotonic() - before < 6


@pytest.mark.slow
def test_dropped_session_reports_no_secrets(vm: Simulator, settings_of: SettingsOf) -> None:
    """The receiver may be in the middle of another report: Airflow holds a lock meanwhile."""
    reported: list[str] = []
    session = ManagerSession(settings_of(vm), on_secret=reported.append)
    session.request("GET", SOFTWARE)
    vm.faults.add("stray_cookie", path="/logout")
    known = len(reported)
    del session
    assert (vm.counters.open_sessions, len(reported)) == (0, known)


@pytest.mark.slow
def test_child_process_opens_its_own_session_and_connection(vm: Simulator, settings_of: SettingsOf) -> None:
    script = f"""
child = os.fork()
if child == 0:
    session.request("GET", {SOFTWARE!r})
    session.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
session.request("POST", {SOFTWARE!r}, json={{"versionName": "v1", "versionURL": "https://x.example.com/"}})
session.close()
"""
    ended = run_in_another_process(vm, script)
    assert ended.returncode == 0, ended.stderr
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (2, 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["del session", "session.close()"])
def test_child_process_leaves_the_session_of_its_parent_alone(
    vm: Simulator, settings_of: SettingsOf, ending: str
) -> None:
    script = f"""
child = os.fork()
if child == 0:
    {ending}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
session.request("GET", {SOFTWARE!r})
session.close()
"""
    ended = run_in_another_process(vm, script)
    assert ended.returncode == 0, ended.stderr
    assert [one.path.removeprefix("/dataservice/") for one in vm.requests] == [
        "/j_security_check",
        "client/server",
        SOFTWARE,
        SOFTWARE,
        "/logout",
    ]
    assert vm.counters.open_sessions == 0


@pytest.mark.slow
def test_session_open_at_the_end_of_python_does_no_harm(vm: Simulator, settings_of: SettingsOf) -> None:
    script = """
session.itself = session
"""
    ended = run_in_another_process(vm, script)
    assert (ended.returncode, ended.stderr) == (0, "")
