"""Every cell of the fault matrix, with what has to hold in each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.http import rate_limit
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.simulator import Simulator
from tests.conftest import AIRFLOW_SETTINGS, NO_LIMIT
from tests.faults.fault_injection import PATIENCE, FaultInjection
from tests.faults.matrix import LEFT_OUT, ON_DEVICES, OPERATIONS, OUTCOMES, Row
from tests.faults.operations import Operations
from tests.faults.rows import ROWS, cells
from tests.recorded_time import RecordedTime

LARGE = 24 * 1024 * 1024

#: faults that no later try remedies
FOR_EVER = ("never_listing", "stays_down", "worse_health")


@pytest.fixture(scope="module", autouse=True)
def small_environment() -> Iterator[None]:
    """Remove all but a few variables: requests reads each of them several times for each request."""
    kept = {*AIRFLOW_SETTINGS, "PATH", "HOME", "PYTEST_CURRENT_TEST"}
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - kept:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def shared_vm() -> Iterator[Simulator]:
    """A manager that takes a second copy of an image, so that nothing but the client prevents one."""
    with Simulator(duplicates="second_copy") as manager:
        yield manager


@pytest.fixture
def vm(shared_vm: Simulator) -> Simulator:
    """The manager of all cells, as new: another one would take longer than most cells do."""
    shared_vm.reset()
    return shared_vm


class Waits(RecordedTime):
    """The waits of sessions, and the time that they alone move; ``wake`` is called in each."""

    def __init__(self) -> None:
        super().__init__([])
        self.wake: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.wake()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Sessions that do not wait."""
    monkeypatch.setattr(rate_limit, "BURST", NO_LIMIT)
    waits = Waits()
    monkeypatch.setattr(ManagerConnection, "sleep", lambda _, seconds: waits.sleep(seconds))
    return waits


@pytest.mark.parametrize(("row", "name"), [pytest.param(*cell, id=f"{cell[0].name}-{cell[1]}") for cell in cells()])
def test_cell(
    row: Row,
    name: str,
    vm: Simulator,
    waits: Waits,
    connect: Callable[..., None],
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    redact: Callable[[str], str],  # or the masker would know the secrets of all cells, and take ever longer
) -> None:
    caplog.set_level("INFO", "airflow_provider_vmanage")
    image = tmp_path / "image.bin"
    if name == "upload":
        image.write_bytes(b"an image, complete and right. " * ((LARGE if row.large else 200_000) // 30))
    expected, may_leave = row.expected[name].rstrip("*"), row.expected[name].endswith("*")
    operations = Operations(vm, run, waits, image)
    connect(vm, extra=PATIENCE)
    operations.prepare(name)
    with ExitStack() as stack:
        fault = FaultInjection(row, name, vm, stack)
        fault.install(monkeypatch)
        waits.wake = fault.wake
        connect(vm, host=fault.host, extra=fault.extra)
        with monkeypatch.context() as patch:
            fault.break_lookup(patch)
            operations.host, operations.options_of = fault.host, fault.options_of
            outcome, result = operations.outcome(name)

        assert fault.injected
        assert outcome == expected, result
        if outcome == "ok":
            operations.assert_done(name, result)
        elif name in ON_DEVICES:
            operations.assert_error_names_the_device(name, result)
        if fault.is_before_anything_is_sent:
            assert vm.actions == []
            assert not [one for one in vm.requests if one.path.endswith("/package")]
        operations.assert_nothing_twice()
        operations.assert_nothing_wrong_is_written()
        assert_sessions(fault, vm, f"{caplog.text} {result}", may_leave=may_leave)
        assert bad_logins(vm) <= 1
        if row.says and outcome not in ("ok", "wait", "differs"):
            assert row.says in str(result)

        # What Airflow's retry does, or a person after an error that no retry fixes: the fault is over.
        if outcome in ("retry", "final", "no") and row.fault not in FOR_EVER:
            fault.end()
            operations.host, operations.options_of = fault.host, fault.options_of
            connect(vm, host=fault.host, extra=fault.extra)
            outcome, result = operations.outcome(name)
            assert outcome == "ok", result
            operations.assert_done(name, result)
            operations.assert_nothing_twice(tries=1 + row.again)


def assert_sessions(fault: FaultInjection, vm: Simulator, said: str, *, may_leave: bool) -> None:
    """What was opened is logged out or dead; what cannot be is logged."""
    left = sum(node.counters.open_sessions for node in fault.nodes)
    if not may_leave:
        assert left == 0
    elif left and fault.row.fault != "other_node":  # which does not know of the other's
        assert "stays until" in said or "is dead" in said or "the login" in said


def bad_logins(vm: Simulator) -> int:
    """Logins that got a response, were refused and not postponed."""
    responses = [one for one in vm.requests if one.path == "/j_security_check" and one.status not in (None, 429)]
    return len(responses) - vm.counters.logins


def test_every_cell_has_an_outcome_or_a_reason() -> None:
    for row in ROWS:
        assert list(row.expected) == list(OPERATIONS)
        for outcome in row.expected.values():
            assert outcome.rstrip("*") in OUTCOMES or outcome.removeprefix("-") in LEFT_OUT
    assert {f"-{letter}" for letter in LEFT_OUT} <= {outcome for row in ROWS for outcome in row.expected.values()}
