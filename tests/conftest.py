"""What every test gets: an Airflow of its own, a clean environment, a simulated manager."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.recorded_time import RecordedTime

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_provider_vmanage.simulator import Simulator

RELEASES = ("16.3.1", "20.9.4", "20.12.4", "20.18.2")
"""One release per preset of the simulator."""

DEFAULT_RELEASE = "20.12.4"
"""Of the simulator."""

NO_LIMIT = 1_000_000
"""Requests in a burst where waits are recorded: by the real clock of the rate limit they would grow without end."""

_SCRATCH = Path(tempfile.mkdtemp(prefix="airflow-provider-vmanage-"))

AIRFLOW_SETTINGS = {
    "AIRFLOW_HOME": str(_SCRATCH),
    "AIRFLOW__CORE__DAGS_FOLDER": str(_SCRATCH / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",  # tests see what a worker sees
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
}

_FOREIGN = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "NETRC"),
}


def _foreign_variables() -> list[str]:
    return [
        name
        for name in os.environ
        if name.upper() in _FOREIGN or (name.startswith("AIRFLOW_") and name not in AIRFLOW_SETTINGS)
    ]


# Airflow reads its settings when it is first imported and keeps them: this module comes before that.
for _name in _foreign_variables():
    del os.environ[_name]
os.environ.update(AIRFLOW_SETTINGS)
(_SCRATCH / "dags").mkdir()

# The same examples in every run, however slow the machine; `--hypothesis-profile=default` tries new ones.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, max_examples=40)
hypothesis.settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=100)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--release", choices=RELEASES, help="run the tests of each release for this one alone")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of other releases than ``--release``; leave most pairs with a release to the whole grid.

    What may take the longest comes first: at the end, the other processes would have nothing left to do.
    """
    items.sort(key=lambda item: _limit_of(item) < 1000)
    for item in items:
        if _release_of(item) not in (None, DEFAULT_RELEASE, _second_release(item)):
            item.add_marker("whole_grid")
    if chosen := config.getoption("--release"):
        others = {*RELEASES} - {chosen}
        left_out = [item for item in items if _release_of(item) in others]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _release_of(item) not in others]


def _limit_of(item: pytest.Item) -> float:
    """Seconds that a test may take, if it says so."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


def _release_of(item: pytest.Item) -> Any:
    return item.callspec.params.get("release") if hasattr(item, "callspec") else None


def _second_release(item: pytest.Item) -> Any:
    """The release that ``make test`` runs a test for besides the default; for half of the tests there is none."""
    chosen_by_test = any("release" in marker.args[0] for marker in item.iter_markers("parametrize"))
    if chosen_by_test or item.get_closest_marker("each_release"):
        return _release_of(item)
    if item.get_closest_marker("slow"):
        return None
    others = [None, None, None, *sorted({*RELEASES} - {DEFAULT_RELEASE})]
    return others[zlib.crc32(item.originalname.encode()) % len(others)]


def pytest_collection_finish() -> None:
    """Leave what is there by now, tests and Airflow's modules, out of Python's garbage collections."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    shutil.rmtree(_SCRATCH, ignore_errors=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies, certificates and Airflow settings of the shell or of an earlier test."""
    for name in _foreign_variables():
        monkeypatch.delenv(name)
    for name, value in AIRFLOW_SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def nothing_known_of_managers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the refused logins and the rates of earlier tests of this process: their managers had the same address."""
    http = "airflow_provider_vmanage.client.http"
    if (refused_logins := sys.modules.get(f"{http}.refused_logins")) is not None:
        refused_logins.forget_all()
    if (rate_limit := sys.modules.get(f"{http}.rate_limit")) is not None:
        monkeypatch.setattr(rate_limit, "_limits", {})


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each release of RELEASES in turn; `@pytest.mark.parametrize("release", [...])` chooses others."""
    return str(request.param)


@pytest.fixture(scope="session")
def managers() -> Iterator[Callable[[str], Simulator]]:
    """One simulator of each release for the tests of this process, which takes less time than one for each test."""
    from airflow_provider_vmanage.simulator import Simulator

    with ExitStack() as stack:
        start = cache(lambda release: stack.enter_context(Simulator(version=release)))

        def fresh(release: str) -> Simulator:
            manager: Simulator = start(release)
            manager.reset()
            return manager

        yield fresh


@pytest.fixture
def vm(managers: Callable[[str], Simulator]) -> Simulator:
    """A simulated manager over TLS, of the simulator's own default release."""
    return managers(DEFAULT_RELEASE)


@pytest.fixture
def vm_of_release(managers: Callable[[str], Simulator], release: str) -> Simulator:
    """A simulated manager over TLS, of each release in turn."""
    return managers(release)


_opened_for_writing: list[str] = []


@cache
def _note_files_that_are_written() -> None:
    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            _opened_for_writing.append(str(arguments[0]))

    sys.addaudithook(note)


@pytest.fixture
def files_written() -> list[str]:
    """The files that this process, with the simulator in it, opens for writing from here on."""
    _note_files_that_are_written()
    _opened_for_writing.clear()
    return _opened_for_writing


# -- tests of the Airflow side; Airflow is imported inside, after its settings above ------------------------------


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Describes the connection ``vmanage_default`` to a simulator; fields and extras may be replaced."""

    def describe(vm: Simulator, *, extra: Any = None, **fields: Any) -> None:
        given = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, **fields}
        common = {"ca_bundle": vm.ca_bundle, "requests_per_second": 100}  # the most: waiting for a turn takes real time
        given["extra"] = extra if isinstance(extra, str) else {**common, **(extra or {})}
        monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(given))

    return describe


@pytest.fixture
def recorded_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that sessions wanted to wait, and did not."""
    from airflow_provider_vmanage.client.http import rate_limit
    from airflow_provider_vmanage.client.http.connection import ManagerConnection

    monkeypatch.setattr(rate_limit, "BURST", NO_LIMIT)
    taken: list[float] = []
    monkeypatch.setattr(ManagerConnection, "sleep", lambda _, seconds: taken.append(seconds))
    return taken


@pytest.fixture
def recorded_time(recorded_sleeps: list[float]) -> RecordedTime:
    """A clock for hooks, which the waits of their sessions move."""
    return RecordedTime(recorded_sleeps)


@pytest.fixture
def run() -> Callable[..., Any]:
    """Executes a task and returns its XCom."""

    from airflow.sdk.bases.operator import ExecutorSafeguard

    def execute(task: BaseOperator, context: dict[str, Any] | None = None) -> Any:
        # What the task runner hands over, so that Airflow does not take this for a call by another operator.
        sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
        return task.execute(context or {}, **sentinel)  # type: ignore[arg-type]

    return execute


@pytest.fixture(autouse=True)
def forget_masked_secrets() -> Iterator[None]:
    """Empty Airflow's masker after each test: with the secrets of all tests it takes ever longer for each log line."""
    yield
    if masker := sys.modules.get("airflow.sdk._shared.secrets_masker.secrets_masker"):
        masker._secrets_masker().reset_masker()


@pytest.fixture
def redact() -> Iterator[Callable[[str], str]]:
    """Airflow's own masker, forgetful before and after the test."""
    from airflow.sdk._shared.secrets_masker import _secrets_masker

    masker = _secrets_masker()
    masker.reset_masker()
    yield lambda text: str(masker.redact(text))
    masker.reset_masker()


@pytest.fixture
def calls() -> Callable[[Simulator], list[str]]:
    """Lists what a simulator has received, in order: ``GET client/server``, ``POST /logout``."""
    return lambda vm: [f"{one.method} {one.path.removeprefix('/dataservice/')}" for one in vm.requests]
