"""The plan of an upgrade as a task: what it reads, returns and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator, PlanUpgradeOperator
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW, IMAGE = "17.09.04a.0.6", "17.12.04.0.6740", "17.12.04.0.6740.1708"
FAMILIES = ("c8000v", "isr4300", "asr1001x")
VERSIONS = {**dict.fromkeys(FAMILIES, NEW), "vedge-x86": "20.12.4"}


def add_images(vm: Simulator) -> None:
    vm.add_image("edge.bin", version=IMAGE, platform_family=FAMILIES)
    vm.add_image("cloud.tar.gz", version="20.12.4", platform_family=("vedge-x86",))


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    add_images(vm)
    for name, site in (("b-2", "2"), ("a-1", "1"), ("a-2", "1"), ("c-1", "10")):
        vm.add_device(name, "vedge", OLD, site_id=site, platformFamily="c8000v")
    return vm


@pytest.fixture
def plan(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **options: run(PlanUpgradeOperator(task_id="plan", **options))


def names(waves: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[row["device"] for row in wave] for wave in waves]


def test_plan_reads_only_and_returns_waves(vm: Simulator, plan: Callable[..., Any]) -> None:
    vm.devices[1]["reachability"] = "unreachable"
    found = plan(version=NEW, wave_sizes=[1, "100%"])
    assert names(found["waves"]) == [["a-1"], ["a-2", "c-1"]]
    assert [(row["device"], row["reason"]) for row in found["blocked"]] == [("b-2", "the manager cannot reach it")]
    assert set(found["baseline"]) == {row["device_id"] for wave in found["waves"] for row in wave}
    assert (found["manager"], found["release"], found["version"]) == (vm.url, "20.12", NEW)
    assert [one.path for one in vm.requests if one.method == "POST"] == ["/j_security_check", "/logout"]
    assert "/dataservice/system/device/vedges" in [one.path for one in vm.requests]  # for the baseline of `config`
    assert vm.actions == []
    assert vm.counters.open_sessions == 0


def test_arguments_may_come_as_rendered_text(vm: Simulator, run: Callable[..., Any]) -> None:
    given = {
        "version": str(VERSIONS),
        "devices": '["a-1", "a-2", "b-2", "c-1"]',
        "sites": "[1, 2]",
        "exclude": "['b-2']",
        "wave_sizes": '["100%"]',
        "one_per_site": "no",
    }
    with DAG("rendered", schedule=None):
        task = PlanUpgradeOperator(task_id="t", **{name: f"{{{{ params.{name} }}}}" for name in given})
    task.render_template_fields({"params": given})  # type: ignore[typeddict-item]
    found = run(task)
    assert names(found["waves"]) == [["a-1", "a-2"]]
    assert found["version"] == VERSIONS


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"running": "17.09.*"}, ["a-1", "a-2", "b-2", "c-1"]),
        ({"running": "17.12.*"}, ["new-1"]),
        ({"platform_family": "isr4300"}, ["new-1"]),
        ({"sites": ["2"]}, ["b-2"]),
        ({"exclude": ["a-1", "b-2", "new-1"]}, ["a-2", "c-1"]),
        ({"device_type": "vmanage", "allow_downgrade": True}, ["vmanage"]),
    ],
)
def test_arguments_choose_the_devices(
    options: dict[str, Any], chosen: list[str], vm: Simulator, plan: Callable[..., Any]
) -> None:
    vm.add_device("new-1", "vedge", NEW, site_id="30", platformFamily="isr4300")
    found = plan(version=NEW, **options)
    rows = [*found["unchanged"], *found["blocked"], *(row for wave in found["waves"] for row in wave)]
    assert sorted(row["device"] for row in rows) == chosen


@pytest.mark.parametrize(("allowed", "step"), [(False, None), ("true", "install+activate")])
def test_downgrade_is_blocked_unless_allowed(allowed: Any, step: Any, vm: Simulator, plan: Callable[..., Any]) -> None:
    vm.add_image("old.bin", version="17.06.05.0.1.1600", platform_family=("c8000v",))
    found = plan(version="17.06.05.0.1", sites=["10"], allow_downgrade=allowed)
    (row,) = [*found["blocked"], *(row for wave in found["waves"] for row in wave)]
    assert row["step"] == step
    assert ("is older than the running" in (row["reason"] or "")) is (step is None)


def test_rows_of_a_plan_can_be_planned_again(vm: Simulator, plan: Callable[..., Any]) -> None:
    first = plan(version=NEW, exclude=["c-1"])
    again = plan(devices=[row for wave in first["waves"] for row in wave])
    assert again["version"] is None
    assert names(again["waves"]) == names(first["waves"]) == [["a-1"], ["a-2"], ["b-2"]]


def test_rows_of_a_list_can_be_planned(vm: Simulator, run: Callable[..., Any], plan: Callable[..., Any]) -> None:
    rows = run(ListDeviceSoftwareOperator(task_id="t", device_type="vedge"))
    assert names(plan(version=NEW, devices=rows, wave_sizes=["100%"])["waves"]) == [["a-1", "b-2", "c-1"], ["a-2"]]


def test_named_devices_are_found_in_any_list(vm: Simulator, plan: Callable[..., Any]) -> None:
    vm.add_device("hq-smart", "vsmart", "20.9.4")
    found = plan(devices=["hq-smart", "a-1"], version=VERSIONS)
    assert names(found["waves"]) == [["hq-smart"], ["a-1"]]
    assert [wave[0]["role"] for wave in found["waves"]] == ["vsmart", "vedge"]


def test_device_that_a_task_works_on_is_blocked(vm: Simulator, plan: Callable[..., Any], run: Any) -> None:
    from airflow_provider_vmanage.hooks.vmanage import VManageHook

    record = next(one for one in vm.devices if one["host-name"] == "c-1")
    body = {
        "action": "install",
        "input": {"vEdgeVPN": 0, "vSmartVPN": 0, "version": IMAGE, "versionType": "vmanage", "reboot": False},
        "devices": [{"deviceIP": record["local-system-ip"], "deviceId": record["uuid"]}],
        "deviceType": "vedge",
    }
    with VManageHook() as hook:
        hook.request("POST", "device/action/install", json=body)
    (blocked,) = plan(version=NEW)["blocked"]
    assert blocked["device"] == "c-1"
    assert "is at work on it" in blocked["reason"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "17.13.01"}, "version 17.13.01 is neither in the repository nor on a matching device"),
        ({"version": NEW, "devices": ["ghost"]}, "devices: ghost not found on the manager"),
        ({"version": NEW, "exclude": ["ghost"]}, "exclude: ghost not found on the manager"),
        ({"version": NEW, "sites": ["1", "99"]}, "sites: 99 not found on the manager"),
        ({"version": NEW, "max_devices": 3}, "4 devices would change, but max_devices is 3"),
        ({"version": NEW, "devices": [{"device_id": "a-1", "version": OLD}]}, "they differ"),
    ],
)
def test_what_a_plan_refuses_is_final(
    options: dict[str, Any], words: str, vm: Simulator, plan: Callable[..., Any]
) -> None:
    with pytest.raises(VManageFailException, match=words):
        plan(**options)


def test_refused_health_call_is_no_failure(vm: Simulator, plan: Callable[..., Any]) -> None:
    vm.faults.add("status", path="device/counters", status=403, times=None)
    found = plan(version=NEW)
    assert len(found["waves"]) == 3
    assert found["baseline_problems"][0].startswith("device/counters: ")
    assert "the health is not known in full: device/counters" in found["markdown"]
    assert "control" not in next(iter(found["baseline"].values()))


def test_plan_is_the_same_on_every_release(
    vm_of_release: Simulator, connect: Callable[..., None], plan: Callable[..., Any]
) -> None:
    vm = vm_of_release
    connect(vm)
    vm.add_image("edge.bin", version=IMAGE, platform_family=("c8000v",))
    for name in ("a", "b"):
        vm.add_device(name, "vedge", OLD, site_id=name, platformFamily="c8000v")
    found = plan(version=NEW, wave_sizes=[1])
    assert names(found["waves"]) == [["a"], ["b"]]
    assert {row["step"] for wave in found["waves"] for row in wave} == {"install+activate"}
    assert vm.version.startswith(found["release"])
    no_family = any("names no platform family" in text for text in found["warnings"])
    assert no_family is vm.release.six_fields


@pytest.mark.slow
def test_plan_for_a_thousand_devices_is_cheap(connect: Callable[..., None], plan: Callable[..., Any]) -> None:
    with Simulator(fleet=1000) as vm:
        connect(vm)
        add_images(vm)
        began = time.process_time()
        found = plan(version=VERSIONS, max_devices=1000)
        spent = time.process_time() - began  # of the simulator, too
        assert sum(map(len, found["waves"])) == 997
        assert len(vm.requests) <= 10
    assert spent < 2.0
    assert len(parse_plan(json.loads(json.dumps(found))).rows) == 997  # as the upgrade reads it
    assert len(json.dumps(found)) <= 800 * 997
