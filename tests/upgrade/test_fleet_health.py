"""The fleet-wide calls that health is read from, in the shapes that managers and documents show."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.health import CHECKS, compare
from airflow_provider_vmanage.client.upgrade.fleet_health import inventories_for, read_health
from tests.upgrade.world import World, actions_of, reason_of

DEVICE = "/dataservice/device"


def test_devices_may_come_without_an_envelope(world: World) -> None:
    world.edges(2)
    session = world.connect()
    usual = read_health(session)
    rows = session.request("GET", "device").body["data"]
    world.vm.faults.add("status", path=DEVICE, status=200, body=json.dumps(rows), content_type="application/json")
    assert read_health(session).devices.keys() == usual.devices.keys()


def test_list_that_holds_no_rows_is_no_health(world: World) -> None:
    world.edges(1)
    body = json.dumps(["edge-1", 7])
    world.vm.faults.add("status", path=DEVICE, status=200, body=body, content_type="application/json")
    with pytest.raises(VManageProtocolError, match=r"device"):
        read_health(world.connect())


def test_list_without_any_device_is_no_health(world: World) -> None:
    world.vm.faults.add("status", path=DEVICE, status=200, body='{"data": []}', content_type="application/json")
    with pytest.raises(VManageProtocolError, match="lists no device"):
        read_health(world.connect())


EMPTY = {"status": 200, "body": '{"data": []}', "content_type": "application/json"}


@pytest.mark.parametrize("path", ["counters", "tloc"])
@pytest.mark.parametrize("begins", ["before the first wave", "in the first wave"])
def test_list_that_had_rows_and_is_empty_is_no_news(world: World, path: str, begins: str) -> None:
    world.edges(2)
    plan = world.plan()

    def keep(_: str) -> None:
        world.vm.faults.add("status", path=f"{DEVICE}/{path}", times=1000, **EMPTY)

    if begins == "before the first wave":
        keep("")
    world.keep = keep  # type: ignore[method-assign]
    with pytest.raises(VManageProtocolError, match=rf"lists nothing where it has listed .*device/{path}\]"):
        world.upgrade(plan, poll_interval=900.0)
    assert not [key for key in world.posts() if key[0] == "defaultpartition"]


def test_refused_list_of_devices_fails_no_device(world: World) -> None:
    world.edges(2)
    plan = world.plan()
    world.vm.faults.add("forbidden", path=DEVICE, times=1000)
    outcome = world.upgrade(plan)
    assert Counter(actions_of(outcome).values()) == {"upgraded": 2}
    found = outcome.state.of(outcome.plan.rows[0]).findings
    assert {(check, verdict) for check, verdict, _, _ in found} >= {("reachable", "cannot tell")}
    assert any("device: The manager refused" in one for one in outcome.state.warnings)


def test_counts_of_a_device_stand_in_for_missing_counters(world: World) -> None:
    """Release 20.12.1 counts neither OMP nor BFD of an edge in ``/device/counters``."""
    world.vm.add_device("smart", "vsmart", "20.12.4", site_id="1")
    world.edges(2, bare_counters=True)
    health = read_health(world.connect()).devices
    edge = next(health[one["system-ip"]] for one in world.vm.devices if one["host-name"] == "edge-1")
    assert (edge.omp_up, edge.bfd_up) == (1, 2)


def test_configuration_out_of_sync_is_worse(world: World) -> None:
    world.edges(2)
    world.vm.behave("edge-1", out_of_sync=True)
    outcome = world.upgrade(world.plan())
    assert actions_of(outcome) == {"edge-1": "failed", "edge-2": "skipped"}
    assert "config worse: In Sync before, Out of Sync now" in reason_of(outcome, "edge-1")


def test_inventory_is_read_only_for_its_check(world: World) -> None:
    assert inventories_for(["vedge", "vsmart", "vmanage"], CHECKS) == ("controllers", "vedges")
    assert inventories_for(["vedge"], ["reachable"]) == ()
    world.edges(1)
    world.upgrade(world.plan(), checks=("reachable", "control"))
    asked = Counter(one.path for one in world.vm.requests)
    assert asked["/dataservice/system/device/vedges"] == 0


def test_refused_inventory_is_cannot_tell(world: World) -> None:
    world.edges(1)
    session = world.connect()
    before = read_health(session, ["vedges"])
    world.vm.faults.add("forbidden", path="/system/device/vedges")
    after = read_health(session, ["vedges"])
    (address,) = [one["system-ip"] for one in world.vm.devices if one["host-name"] == "edge-1"]
    found = {one.check: one.verdict for one in compare(before.of(address), after.of(address))}
    assert found["config"] == "cannot tell"
    assert found["reachable"] == "ok"
    assert len(after.problems) == 1
