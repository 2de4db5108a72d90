"""What a plan returns: rows, warnings and a baseline, small enough for an XCom."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.health import DeviceHealth, FleetHealth
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.upgrade.plan import Fleet, make_plan
from airflow_provider_vmanage.client.upgrade.plan_result import plan_result, plan_upgrade
from airflow_provider_vmanage.client.upgrade.wish import parse_wish
from airflow_provider_vmanage.reports.upgrade_approval import render_upgrade_plan
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"
MANAGER = "https://manager.example.com"
GOOD = DeviceHealth(reachable=True, control=2, control_expected=2, omp_up=1, bfd_up=6, state="green")


def edge(name: str, running: str = OLD, **fields: Any) -> Device:
    usual = {"default": running, "role": "vedge", "device_type": "vedge", "site_id": name, "platform_family": "c8000v"}
    return Device(name, running=running, **{**usual, "device_id": f"id-{name}", "system_ip": f"ip-{name}", **fields})


def result(
    *devices: Device,
    version: Any = NEW,
    release: tuple[int, int] | None = (20, 12),
    health: FleetHealth | None = None,
    families: tuple[str, ...] = ("c8000v", "vedge-x86"),
    **options: Any,
) -> dict[str, Any]:
    versions = (IMAGE, "17.15.01.0.1", "20.15.1", "26.1.1")
    images = tuple(
        SoftwareImage(version=one, file_name=f"{one}.bin", version_type="vmanage", platform_family=families)
        for one in versions
    )
    fleet = Fleet(devices, images, release, lambda _: None)
    plan = make_plan(parse_wish(version), fleet, **options)
    healthy = FleetHealth({device.system_ip or "": GOOD for device in devices})
    return plan_result(plan, fleet, health or healthy, manager=MANAGER, version=version)


def test_plan_is_plain_json_with_a_row_for_each_device() -> None:
    plan = result(edge("a"), edge("b", NEW), edge("c", platform_family="isr4200"), edge("d"), wave_sizes=[1])
    assert json.loads(json.dumps(plan)) == plan
    assert (plan["manager"], plan["release"], plan["version"]) == (MANAGER, "20.12", NEW)
    assert (plan["applied"], plan["changed"]) == (False, False)
    assert plan["waves"][1] == [
        {
            "device": "d",
            "device_id": "id-d",
            "system_ip": "ip-d",
            "site_id": "d",
            "role": "vedge",
            "platform_family": "c8000v",
            "from_version": OLD,
            "version": NEW,
            "step": "install+activate",
            "wave": 2,
            "reason": None,
        }
    ]
    assert [(row["device"], row["step"], row["wave"]) for row in plan["unchanged"]] == [("b", None, None)]
    assert [row["device"] for row in plan["blocked"]] == ["c"]
    assert "is for its platform family isr4200" in plan["blocked"][0]["reason"]


def test_baseline_holds_the_devices_in_waves_by_id() -> None:
    plan = result(edge("a"), edge("b", NEW))
    assert plan["baseline"] == {"id-a": GOOD.as_json()}
    assert DeviceHealth(**plan["baseline"]["id-a"]) == GOOD


def test_what_is_missing_from_the_baseline_is_named() -> None:
    health = FleetHealth({"ip-a": GOOD}, ("device/tloc: refused",))
    plan = result(edge("a"), edge("b"), health=health)
    assert plan["baseline_problems"] == ["device/tloc: refused", "device does not list b"]


@pytest.mark.parametrize(
    ("version", "release", "warned"),
    [
        (NEW, (20, 12), False),
        ("17.15.01.0.1", (20, 12), True),
        ("17.15.01.0.1", (20, 15), False),
        ("20.15.1", (20, 12), True),
        ("26.1.1", (20, 18), True),
        ("26.1.1", (26, 1), False),
        ("26.1.1", None, False),
    ],
)
def test_version_newer_than_the_manager_is_a_warning(version: str, release: Any, warned: bool) -> None:
    plan = result(edge("a"), version=version, release=release)
    assert any("the manager runs" in text for text in plan["warnings"]) is warned
    assert len(plan["waves"]) == 1


def test_manager_may_be_upgraded_beyond_its_release() -> None:
    manager = edge("m", "20.12.4", role="vmanage", device_type="vmanage", platform_family="c8000v")
    fleet = Fleet((manager,), (SoftwareImage(version="20.15.1", file_name="m.tar.gz"),), (20, 12), lambda _: None)
    plan = make_plan(parse_wish("20.15.1", device_type="vmanage"), fleet)
    found = plan_result(plan, fleet, FleetHealth({"ip-m": GOOD}), manager=MANAGER, version="20.15.1")
    assert found["warnings"] == ["image m.tar.gz names no platform family: check that it fits the devices"]


def test_device_that_is_unhealthy_already_is_a_warning() -> None:
    ill = DeviceHealth(reachable=True, control=1, control_expected=2, state="yellow")
    devices = [edge(f"e{number:02}") for number in range(12)]
    health = FleetHealth({device.system_ip or "": ill for device in devices} | {"ip-e00": GOOD})
    plan = result(*devices, health=health)
    assert plan["warnings"][0] == "e01 is not healthy: control 1 of 2, state yellow"
    assert plan["warnings"][10:] == ["and 1 more like the last"]


@pytest.mark.parametrize(("count", "more"), [(1, ""), (10, ""), (12, " and 2 more")])
def test_devices_without_health_are_named(count: int, more: str) -> None:
    devices = [edge(f"e{number:02}") for number in range(count)]
    names = ", ".join(f"e{number:02}" for number in range(min(count, 10)))
    plan = result(edge("known"), *devices, health=FleetHealth({"ip-known": GOOD}))
    assert plan["baseline_problems"] == [f"device does not list {names}{more}"]


def test_only_reachable_router_of_a_site_is_a_warning() -> None:
    devices = [
        edge("a-1", site_id="1"),
        edge("a-2", site_id="1", reachable=False),
        edge("b-1", site_id="2"),
        edge("b-2", site_id="2"),
        edge("c-1", NEW, site_id="3", default=OLD),
        edge("c-2", site_id="3", reachable=False),
        edge("d-1", site_id=None),
        edge("d-2", site_id=None, reachable=False),
        edge("hq-smart", site_id="2", role="vsmart", device_type="controller", reachable=False),
    ]
    assert result(*devices)["warnings"] == ["a-1 would reboot while a-2 of its site 1 cannot be reached"]


#: versions of a simulated fleet, by platform family
VERSIONS = {**dict.fromkeys(("c8000v", "isr4300", "asr1001x"), NEW), "vedge-x86": "20.12.4"}


@pytest.fixture(scope="module")
def thousand() -> Any:
    with Simulator(fleet=1000) as vm:
        vm.add_image("edge.bin", version=IMAGE, platform_family=("c8000v", "isr4300", "asr1001x"))
        vm.add_image("cloud.tar.gz", version="20.12.4", platform_family=("vedge-x86",))
        yield vm


@pytest.mark.slow
@pytest.mark.parametrize("is_named", [False, True], ids=["list", "names"])
def test_plan_for_a_thousand_devices_is_cheap(
    is_named: bool, thousand: Simulator, connect: Callable[..., ManagerSession]
) -> None:
    names = [one["host-name"] for one in thousand.devices if one["personality"] == "vedge"]
    before, began = len(thousand.requests), time.process_time()
    wish = parse_wish(VERSIONS, devices=names if is_named else None)
    with connect(thousand) as session:
        found = plan_upgrade(session, wish, wave_sizes=[1, "10%", "50%"], max_devices=1000)
    spent = time.process_time() - began  # of the simulator, too
    assert sum(map(len, found["waves"])) == len(names) == 997
    assert len(thousand.requests) - before <= 12
    assert spent < 2.0
    assert len(json.dumps(found)) <= 800 * 997


@pytest.mark.slow
@pytest.mark.parametrize(("count", "sizes"), [(200, [20]), (1000, [1, "10%", "50%"]), (1000, [1])])
def test_plan_takes_800_bytes_a_device_at_most(count: int, sizes: list[Any]) -> None:
    colours = ("biz-internet", "public-internet", "private1", "mpls")
    full = DeviceHealth(
        reachable=True,
        control=12,
        control_expected=12,
        omp_up=2,
        omp_down=0,
        bfd_up=11988,
        colours=dict.fromkeys(colours, 1998),
        state="green",
        certificate="Valid",
        config="In Sync",
        booted_at=1714036080000,
    )
    devices = [
        edge(
            f"branch-router-{number:04}-1.example.com",
            "17.09.04a.0.4733",
            device_id=f"ISR4331/K9-{number:08}-1234-1234-1234-123456789ABC",
            system_ip=f"255.255.{number // 250}.{number % 250}",
            site_id=f"{number:010}",
        )
        for number in range(count)
    ]
    health = FleetHealth({device.system_ip or "": full for device in devices})
    plan = result(*devices, health=health, max_devices=count, wave_sizes=sizes)
    assert len(plan["baseline"]) == count
    assert len(json.dumps({**plan, "markdown": render_upgrade_plan(plan)})) <= 800 * count
