"""Fleet-wide health calls: one store, and the quirks of live captures."""

from __future__ import annotations

import time

import pytest

DEVICE = "/dataservice/device"
ACTION = DEVICE + "/action"
INVENTORY = "/dataservice/system/device/vedges"


@pytest.fixture
def fabric(vm):
    """A validator, two controllers, three edges."""
    vm.add_device("bond-1", "vbond")
    for number in (1, 2):
        vm.add_device(f"smart-{number}", "vsmart")
    return [vm.add_device(f"edge-{number}") for number in (1, 2, 3)]


def by_name(client, path="", key="host-name"):
    return {row[key]: row for row in client.images(DEVICE + path)}


def reboot(client, device, device_type="vedge"):
    one = {"deviceIP": device["system-ip"], "deviceId": device["uuid"]}
    body = {"action": "reboot", "deviceType": device_type, "devices": [one]}
    task = client.call("POST", f"{ACTION}/reboot", json=body).json()["id"]
    for _ in range(3):
        status = client.call("GET", f"{ACTION}/status/{task}").json()
    return status


@pytest.mark.usefixtures("fabric")
def test_counts_are_text_in_one_call_numbers_in_another(client):
    texts, numbers = by_name(client), by_name(client, "/counters", "system-ip")
    edge, smart, bond, itself = (texts[name] for name in ("edge-1", "smart-1", "bond-1", "vmanage"))
    assert (edge["controlConnections"], edge["ompPeers"], edge["bfdSessions"], edge["bfdSessionsUp"]) == (
        *("5", "2", "4"),
        4,
    )
    assert (smart["controlConnections"], smart["ompPeers"]) == ("6", "3")
    assert (bond["controlConnections"], bond["ompPeers"]) == ("--", "--")
    assert "ompPeers" not in itself
    counted = numbers[edge["system-ip"]]
    assert (counted["number-vsmart-control-connections"], counted["expectedControlConnections"]) == (4, 4)
    assert (counted["ompPeersUp"], counted["ompPeersDown"]) == (2, 0)
    assert (counted["bfdSessionsUp"], counted["bfdSessionsDown"]) == (4, 0)
    assert not numbers[bond["system-ip"]].keys() & {"ompPeersUp", "bfdSessionsUp"}
    assert "bfdSessionsUp" not in numbers[smart["system-ip"]]


def test_unreachable_device_keeps_its_green_state_and_loses_its_counts(client, fabric):
    before = by_name(client)["edge-1"]
    fabric[0]["reachability"] = "unreachable"
    row = by_name(client)["edge-1"]
    assert (row["reachability"], row["connectedVManages"]) == ("unreachable", [])
    assert (row["controlConnections"], row["ompPeers"], row["bfdSessions"], row["bfdSessionsUp"]) == (
        *("--", "--", "--"),
        0,
    )
    same = ("status", "state", "state_description", "validity", "certificate-validity", "version")
    assert [row[name] for name in same] == [before[name] for name in same]
    assert by_name(client)["edge-2"]["bfdSessionsUp"] == 2


def test_device_can_turn_red_while_it_reboots(vm, client, fabric):
    vm.behave("edge-1", red_while_down=True)
    fabric[0]["reachability"] = "unreachable"
    row = by_name(client)["edge-1"]
    assert (row["state"], row["status"], row["controlConnections"], row["bfdSessions"]) == ("red", "error", "0", "0")


def test_boot_time_wobbles_by_a_minute_and_no_more(client, fabric):
    seen = {by_name(client)["edge-1"]["uptime-date"] for _ in range(7)}
    assert seen == {fabric[0]["uptime-date"], fabric[0]["uptime-date"] - 60_000}


@pytest.mark.usefixtures("fabric")
def test_sessions_by_colour(client):
    rows = client.images(DEVICE + "/tloc")
    edge = by_name(client)["edge-1"]["system-ip"]
    mine = [row for row in rows if row["system-ip"] == edge]
    assert [(row["color"], row["bfdSessionsUp"], row["bfdSessionsDown"]) for row in mine] == [
        ("biz-internet", 2, 0),
        ("public-internet", 2, 0),
    ]
    assert client.images(f"{DEVICE}/tloc?deviceId={edge}&color=biz-internet") == mine[:1]
    controller = next(row for row in rows if row["color"] == "default" and row["expectedControlConnections"] == 1)
    assert "bfdSessionsUp" not in controller


@pytest.mark.usefixtures("fabric")
def test_edge_has_tunnels_to_hubs_only_if_there_are_hubs(vm, client):
    hub = vm.add_device("hub-1", hub=True)
    rows = by_name(client)
    assert (rows["hub-1"]["bfdSessionsUp"], rows["edge-1"]["bfdSessionsUp"]) == (6, 2)
    hub["reachability"] = "unreachable"
    assert by_name(client)["edge-1"]["bfdSessionsUp"] == 0


def test_reboot_moves_the_boot_time_and_is_in_the_history(client, fabric):
    before = fabric[0]["uptime-date"]
    assert client.images(DEVICE + "/reboothistory/details") == []
    assert reboot(client, fabric[0])["summary"]["count"] == {"Success": 1}
    assert fabric[0]["uptime-date"] > before
    assert fabric[0]["uptime-date"] % 60_000 == 0
    [row] = client.images(DEVICE + "/reboothistory/details")
    assert (row["vdevice-name"], row["vdevice-host-name"]) == (fabric[0]["system-ip"], "edge-1")
    assert abs(row["reboot_date_time-date"] - time.time() * 1000) < 60_000
    counts = by_name(client, "/counters", "system-ip")[fabric[0]["system-ip"]]
    assert (counts["rebootCount"], counts["crashCount"]) == (1, 0)


@pytest.mark.parametrize(
    ("knobs", "sign"),
    [
        (
            {"loses_colour": "biz-internet"},
            lambda c, ip: _tloc(c, ip) == [("biz-internet", 0, 2), ("public-internet", 2, 0)],
        ),
        ({"second_reboot": True}, lambda c, ip: len(c.images(DEVICE + "/reboothistory/details")) == 2),
        ({"leaves_core": True}, lambda c, ip: c.images(DEVICE + "/crashlog/details")[0]["vdevice-name"] == ip),
        (
            {"goes_missing": True},
            lambda c, ip: ip not in by_name(c, "", "system-ip") and ip not in _inventory_of(c, ""),
        ),
        ({"out_of_sync": True}, lambda c, ip: _inventory_of(c, ip) != "In Sync"),
        ({"bare_counters": True}, lambda c, ip: "ompPeersUp" not in by_name(c, "/counters", "system-ip")[ip]),
        ({"stays_down": float("inf")}, lambda c, ip: by_name(c, "", "system-ip")[ip]["reachability"] == "unreachable"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_can_go_wrong_after_a_reboot(knobs, sign, vm, client, fabric):
    vm.behave("edge-1", **knobs)
    if "bare_counters" not in knobs:
        assert not sign_or_error(sign, client, fabric[0]["system-ip"])
    reboot(client, fabric[0])
    assert sign(client, fabric[0]["system-ip"])


def sign_or_error(sign, client, address):
    try:
        return sign(client, address)
    except IndexError:
        return False


def _tloc(client, address):
    rows = client.images(f"{DEVICE}/tloc?deviceId={address}")
    return [(row["color"], row["bfdSessionsUp"], row["bfdSessionsDown"]) for row in rows]


def _inventory_of(client, address):
    rows = {row["system-ip"]: row["configStatusMessage"] for row in client.images(INVENTORY)}
    return rows[address] if address else [None]


def test_devices_by_reachability_have_the_full_record(client, fabric):
    fabric[0]["reachability"] = "unreachable"
    [row] = client.images(DEVICE + "/unreachable?personality=vedge")
    assert (row["host-name"], row["cpuState"], row["vmanageConnectionState"]) == ("edge-1", "normal", "disconnected")
    assert "edge-1" not in [one["host-name"] for one in client.images(DEVICE + "/reachable")]


def test_lists_can_be_filtered(client, fabric):
    fabric[1]["site-id"] = "7"
    assert [row["host-name"] for row in client.images(DEVICE + "?site-id=7")] == ["edge-2"]
    assert [row["host-name"] for row in client.images(f"{INVENTORY}?uuid={fabric[2]['uuid']}")] == ["edge-3"]
    assert len(client.images(INVENTORY + "?validity=valid")) == 3


@pytest.mark.parametrize(
    ("action", "there", "missing"),
    [
        ("install", "downloadedImages", "current-partition"),
        ("changepartition", "availableVersions", "downloadedImages"),
        ("removepartition", "availableVersions", "downloadedImages"),
        ("deactivate", "availableVersions", "downloadedImages"),
        ("reboot", "availableServices", "version"),
    ],
)
def test_each_action_has_a_list_of_its_own(action, there, missing, client, fabric):
    [row] = client.images(f"{ACTION}/{action}?deviceId={fabric[1]['system-ip']}")
    assert (row["host-name"], there in row, missing in row) == ("edge-2", True, False)
    kind = int if action in ("install", "reboot") else str
    assert type(row["uptime-date"]) is kind


def test_list_before_a_reboot_has_no_versions(client, fabric):
    rows = client.images(ACTION + "/reboot/devices/vedge?groupId=all")
    assert [row["host-name"] for row in rows] == [one["host-name"] for one in fabric]
    assert not rows[0].keys() & {"version", "availableVersions", "defaultVersion"}
    assert client.call("GET", ACTION + "/reboot/devices/nope").status_code == 400


def test_limits_of_tasks_are_text_and_can_be_changed(client):
    path = "/dataservice/settings/configuration/softwareMaintenance"
    assert client.images(path) == [{"downloadTimeoutInMin": "60", "activateTimeoutInMin": "30", "controlPps": "300"}]
    assert client.call("PUT", path, json={"downloadTimeoutInMin": "120"}).status_code == 200
    assert client.images(path)[0]["downloadTimeoutInMin"] == "120"
    for bad in ({"downloadTimeoutInMin": "5"}, {"other": "60"}, {"controlPps": "x"}, [1]):
        assert client.call("PUT", path, json=bad).status_code == 400


def test_unknown_knob_or_device_is_an_error(vm):
    vm.add_device("edge-1")
    with pytest.raises(ValueError, match="edge-2"):
        vm.behave("edge-2", lies=True)
    with pytest.raises(TypeError, match="sleeps"):
        vm.behave("edge-1", sleeps=True)
    with pytest.raises(ValueError, match="fails_at"):
        vm.add_device("edge-3", fails_at="lunch")


def test_fleet_has_sites_roles_families_and_is_always_the_same(simulate):
    first, second = (simulate("20.12.4", fleet=24).devices for _ in range(2))
    assert [{**one, "uuid": ""} for one in first[:1]] == [{**one, "uuid": ""} for one in second[:1]]
    assert first[1:] == second[1:]
    assert len(first) == 25
    roles = [one["personality"] for one in first]
    assert [roles.count(role) for role in ("vmanage", "vbond", "vsmart", "vedge")] == [1, 1, 2, 21]
    edges = [one for one in first if one["personality"] == "vedge"]
    assert len({one["platformFamily"] for one in edges}) == 4
    assert len({one["site-id"] for one in edges}) < len(edges)
    for key in ("uuid", "system-ip", "host-name"):
        assert len({one[key] for one in first}) == len(first)
    assert {one["version"] for one in edges if one["platformFamily"] == "c8000v"} == {"17.09.04a.0.6"}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 1000])
def test_fleet_of_any_size_has_that_size(count, simulate):
    assert len(simulate(fleet=count).devices) == count + 1


def test_fleet_of_no_devices_is_refused(simulate):
    with pytest.raises(ValueError, match="-1"):
        simulate(fleet=-1)


def test_thousand_devices_are_listed_in_little_cpu(simulate):
    from airflow_provider_vmanage.simulator.devices.health import device_row, survey

    devices = simulate(fleet=1000)._manager.devices.all
    begun = time.process_time()
    fabric = survey(devices, time.time())
    rows = [device_row(device, fabric, wobble=False) for device in devices]
    spent = time.process_time() - begun
    assert len(rows) == 1001
    assert spent < 0.25  # measured: 0.02; far from that only if a row costs a pass over all devices
