"""Operators that are killed between what they note and what they send, and the next try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions import sending
from airflow_provider_vmanage.client.upgrade.outcome import UpgradeOutcome
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    PlanUpgradeOperator,
    UpgradeDevicesOperator,
)
from airflow_provider_vmanage.reports.upgrade_run import UpgradeRecords, UpgradeRun
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import Killed
from tests.operators.test_software_upgrade import NEW, OLD, FakeXCom, Store
from tests.triggers.event_loop import follow

INTENT, TASK = 1, 2  # the writes of an activation


class KillingStore(Store):
    """Kills the task at one of its writes.

    :param at: which write, 1-based.
    :param is_after: the value is stored by then.
    """

    def __init__(self, at: int, *, is_after: bool) -> None:
        super().__init__()
        self.left, self.is_after = at, is_after

    def set(self, key: str, value: Any) -> None:
        self.left -= 1
        if self.left or self.is_after:
            super().set(key, value)
        if not self.left:
            raise Killed(key)


def posts(vm: Simulator) -> Counter[tuple[str, str]]:
    return Counter((one.action, one.device) for one in vm.actions)


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "blocking"])
@pytest.mark.parametrize(
    ("at", "is_after", "sent"),
    [(INTENT, False, 0), (INTENT, True, 0), (TASK, False, 1), (TASK, True, 1)],
    ids=["before the note", "between note and request", "between request and id", "after the id"],
)
def test_killed_activation_is_never_sent_twice(
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    deferrable: bool,
    at: int,
    is_after: bool,
    sent: int,
) -> None:
    connect(vm)
    vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW])
    context = {"task_state_store": KillingStore(at, is_after=is_after)}

    def activate() -> Any:
        task = ActivateSoftwareOperator(
            task_id="t", devices=["edge-1"], version=NEW, deferrable=deferrable, poll_interval=0.05
        )
        return follow(task, run, context)

    with pytest.raises(Killed):
        activate()
    assert sum(posts(vm).values()) == sent
    if (at, is_after) == (INTENT, True):  # the request may have been sent: a person checks first
        with pytest.raises(VManageFailException, match="An earlier try may have sent the action to edge-1"):
            activate()
        assert vm.actions == []
        return
    assert activate()["counts"] == {"activated": 1}
    assert set(posts(vm).values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("page", [1, 2], ids=["after the first wave", "at the end"])
def test_upgrade_killed_in_its_report_sends_nothing_twice(
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: int,
) -> None:
    connect(vm)
    for number in (1, 2):
        vm.add_device(f"edge-{number}", "vedge", OLD, site_id=str(number), availableVersions=[NEW])
    plan = run(PlanUpgradeOperator(task_id="plan", version=NEW, wave_sizes=[1]))
    context = {"task_state_store": Store()}
    write, left = UpgradeRecords.write_page, [page]

    def write_page(self: UpgradeRecords, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed("report")
        return write(self, *args, **options)

    monkeypatch.setattr(UpgradeRecords, "write_page", write_page)

    def upgrade() -> Any:
        task = UpgradeDevicesOperator(
            task_id="t", plan=plan, report=f"{tmp_path}/r.html", poll_interval=0.05, stable_for=0.1, deferrable=True
        )
        return follow(task, run, context)

    with pytest.raises(Killed):
        upgrade()
    counts = upgrade()["counts"]
    assert sum(counts.values()) == 2
    assert set(counts) <= {"upgraded", "unchanged"}
    assert set(posts(vm).values()) == {1}
    assert (tmp_path / "r.html").read_text()


class KillingXCom(FakeXCom):
    """Kills the task, once, when it pushes ``done``: the last act of a task that fails."""

    def xcom_push(self, *, key: str, value: Any) -> None:
        is_first = key not in self.pushed
        super().xcom_push(key=key, value=value)
        if key == "done" and is_first:
            raise Killed(key)


def failing_reboot(
    vm: Simulator, run: Callable[..., Any], kind: str, context: dict[str, Any], **options: Any
) -> Callable[[], Any]:
    """Add a device that falls back to its old version, and return a task that reboots it, as often as it is called."""
    vm.add_device("edge-1", "vedge", OLD, availableVersions=[NEW], comes_back_old=True)
    plan = run(PlanUpgradeOperator(task_id="plan", version=NEW))

    def reboot() -> Any:
        common = {"task_id": "t", "poll_interval": 0.2, "timeout": 5.0}
        if kind == "upgrade":
            return run(UpgradeDevicesOperator(plan=plan, stable_for=0.1, **common, **options), context)
        return run(ActivateSoftwareOperator(devices=["edge-1"], version=NEW, **common), context)

    return reboot


@pytest.mark.parametrize("kind", ["activation", "upgrade"])
def test_kill_after_a_failed_reboot_causes_no_second(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], kind: str
) -> None:
    connect(vm)
    reboot = failing_reboot(vm, run, kind, {"task_state_store": Store(), "ti": KillingXCom()})
    with pytest.raises(Killed):
        reboot()
    with pytest.raises(VManageFailException, match="edge-1"):
        reboot()
    assert set(posts(vm).values()) == {1}


class TaskInstance(FakeXCom):
    """A task instance with retries left."""

    max_tries = 2


@pytest.mark.parametrize("kind", ["activation", "upgrade"])
def test_retry_after_a_failed_reboot_fails_until_cleared(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], kind: str
) -> None:
    connect(vm)
    ti = TaskInstance()
    reboot = failing_reboot(vm, run, kind, {"task_state_store": Store(), "ti": ti})
    for _ in range(2):  # the second as if the first had been killed on its way out
        with pytest.raises(VManageFailException, match="edge-1"):
            reboot()
    assert set(posts(vm).values()) == {1}

    ti.max_tries = 4  # what Airflow does when somebody clears the task
    with pytest.raises(VManageFailException, match="edge-1"):
        reboot()
    assert set(posts(vm).values()) == {2}


@pytest.mark.parametrize("kind", ["activation", "upgrade"])
def test_lost_reboot_is_sent_again_only_once_cleared(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    connect(vm)
    monkeypatch.setattr(sending, "FIND_TIMEOUT_S", 0.0)
    ti = TaskInstance()
    reboot = failing_reboot(vm, run, kind, {"task_state_store": Store(), "ti": ti})
    vm.faults.add("http_504", path="device/action/*", method="POST")
    for _ in range(2):  # the second as if the first had been killed on its way out
        with pytest.raises(VManageFailException, match="edge-1"):
            reboot()
    assert not vm.faults.pending
    assert vm.actions == []

    ti.max_tries = 4
    with pytest.raises(VManageFailException, match="edge-1"):
        reboot()
    assert set(posts(vm).values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["activation", "upgrade"])
def test_retry_after_an_unrecorded_success_sends_nothing(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], kind: str
) -> None:
    """As if the task had been killed after its last act, and the device had gone back since."""
    connect(vm)
    reboot = failing_reboot(vm, run, kind, {"task_state_store": Store(), "ti": TaskInstance()})
    vm.behave("edge-1", comes_back_old=False)
    reboot()
    (edge,) = (one for one in vm.devices if one["host-name"] == "edge-1")
    edge.update({"version": OLD, "availableVersions": [NEW]})
    with pytest.raises(VManageFailException, match="edge-1"):
        reboot()
    assert set(posts(vm).values()) == {1}


def test_retry_after_accepted_failures_upgrades_no_device_again(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    """As if the task had been killed after its last act, before Airflow knew of its success."""
    connect(vm)
    context = {"task_state_store": Store(), "ti": TaskInstance()}
    reboot = failing_reboot(vm, run, "upgrade", context, max_failures=1, accept_failures=True)
    for _ in range(2):
        assert reboot()["counts"] == {"failed": 1}
    assert set(posts(vm).values()) == {1}


def test_device_that_leaves_the_version_in_a_later_wave_fails(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(vm)
    for number in (1, 2):
        vm.add_device(f"edge-{number}", "vedge", OLD, site_id=str(number), availableVersions=[NEW])
    plan = run(PlanUpgradeOperator(task_id="plan", version=NEW, wave_sizes=[1]))
    end = UpgradeRun.end

    def end_after_a_fall(upgrade: UpgradeRun, state: UpgradeState) -> UpgradeOutcome:
        edge = next(one for one in vm.devices if one["host-name"] == plan["waves"][0][0]["device"])
        edge.update({"version": OLD, "availableVersions": [NEW]})
        return end(upgrade, state)

    monkeypatch.setattr(UpgradeRun, "end", end_after_a_fall)
    with pytest.raises(VManageFailException, match=r"does not run .* any more") as caught:
        run(UpgradeDevicesOperator(task_id="t", plan=plan, poll_interval=0.05, stable_for=0.1))
    assert "stopped: more have failed than max_failures allows" in str(caught.value)


class KillingBeforeTheId(Store):
    """Kills the task, once, when it notes the id of a task of the manager."""

    is_armed = True

    def set(self, key: str, value: Any) -> None:
        if self.is_armed and key == "vmanage_device_action" and any(note["process_id"] for note in value):
            self.is_armed = False
            raise Killed(key)
        super().set(key, value)


@pytest.mark.parametrize("killed", [False, True], ids=["not killed", "killed after the request"])
def test_rollback_is_made_also_after_a_kill(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], killed: bool
) -> None:
    connect(vm)
    for number in (1, 2):
        vm.add_device(f"edge-{number}", "vedge", OLD, site_id=str(number), availableVersions=[NEW])
    vm.behave("edge-1", loses_colour="biz-internet")
    plan = run(PlanUpgradeOperator(task_id="plan", version=NEW, wave_sizes=[1]))
    store = KillingBeforeTheId() if killed else Store()
    context = {"task_state_store": store, "ti": TaskInstance()}

    def upgrade() -> Any:
        options = {"rollback": True, "poll_interval": 0.05, "stable_for": 0.1, "settle_timeout": 1.0}
        return run(UpgradeDevicesOperator(task_id="t", plan=plan, **options), context)

    if killed:
        with pytest.raises(Killed):
            upgrade()
        assert sum(posts(vm).values()) == 1
    with pytest.raises(VManageFailException, match="colour worse"):
        upgrade()
    (edge,) = (one for one in vm.devices if one["host-name"] == "edge-1")
    assert edge["version"] == OLD
    assert [one.version for one in vm.actions if one.action == "changepartition"] == [NEW, OLD]
