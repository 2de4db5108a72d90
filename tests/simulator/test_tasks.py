"""Tasks on devices: in time, one after the other, and whatever can go wrong with one."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter

import pytest
import requests

ACTION = "/dataservice/device/action"
IMAGE = "viptela-20.12.5-x86_64.tar.gz"
NEW = "20.12.5"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now

    def minutes(self, count):
        self.now += 60 * count


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(simulate, clock):
    """A manager whose tasks take the minutes that they take, by the clock of the test."""
    vm = simulate(seconds_per_minute=60, clock=clock)
    vm.add_image(IMAGE)
    return vm


def post(client, action, devices, version=NEW, device_type="vedge", **wanted):
    named = [{"deviceIP": d["system-ip"], "deviceId": d["uuid"], "version": version} for d in devices]
    body = {"action": action, "devices": named, "deviceType": device_type}
    if action == "install":
        flat = {"vEdgeVPN": 0, "vSmartVPN": 0, "version": version, "versionType": "vmanage", "reboot": False}
        body["input"] = {**flat, "sync": True, **wanted}
    return client.call("POST", f"{ACTION}/{action}", json=body)


def start(client, *args, **options):
    response = post(client, *args, **options)
    assert response.status_code == 200, response.text
    return response.json()["id"]


def status(client, task):
    return client.call("GET", f"{ACTION}/status/{task}").json()


def finish(client, task):
    for _ in range(5):
        shown = status(client, task)
        if shown["summary"]["status"] == "done":
            return shown
    raise AssertionError(shown)


def words(shown):
    return [row["status"] for row in shown["data"]]


def texts(row):
    return [line.partition("] ")[2] for line in row["activity"]]


def test_install_with_activation_takes_its_time(timed, clock, connect):
    client, edge = connect(timed), timed.add_device("edge-1")
    task = start(client, "install", [edge], reboot=True)
    assert texts(status(client, task)["data"][0]) == [
        "Software Install action submitted for execution",
        "Executing device action Software Install",
    ]
    clock.minutes(2)
    row = status(client, task)["data"][0]
    assert texts(row)[-1].startswith("Device: Downloading http")
    assert (row["status"], edge["availableVersions"]) == ("In progress", [])
    clock.minutes(4)
    row = status(client, task)["data"][0]
    assert (texts(row)[-1].startswith("(1/60)"), edge["reachability"]) == (True, "unreachable")
    assert (edge["version"], edge["availableVersions"]) == ("20.9.4", [NEW])
    clock.minutes(7)
    shown = status(client, task)
    assert (shown["summary"]["status"], shown["summary"]["count"]) == ("done", {"Success": 1})
    assert texts(shown["data"][0])[-1] == "Operation status verification done."
    assert (edge["version"], edge["defaultVersion"], edge["availableVersions"]) == (NEW, "20.9.4", ["20.9.4"])
    assert edge["reachability"] == "reachable"
    assert int(shown["summary"]["endTime"]) < clock.now * 1000


def test_lines_of_an_install_are_the_published_ones(timed, clock, connect):
    client, edge = connect(timed), timed.add_device("edge-1")
    task = start(client, "install", [edge], reboot=True)
    clock.minutes(60)
    [row] = status(client, task)["data"]
    address = f"http://<VMANAGE_HOST>:8080/software/package/{IMAGE}?deviceId={edge['system-ip']}"
    assert texts(row)[2:16] == [
        "Installing and activating software image",
        "Current active partition: 20.9.4",
        f"Upgrade Requested for SW version : {NEW}",
        "Configuring upgrade confirm timer to 15 minutes",
        f"Software image: {IMAGE}",
        "Software image download may take upto 60 minutes",
        "Connection Instance: 1, Color: biz-internet",
        f"Device: Downloading {address}",
        f"Device: Downloaded {address}",
        "Device: Signature verification Suceeded.",
        f"Device: Installed {NEW}",
        f"Activating SW version {NEW}",
        "Rebooting device to other partition. Device may take up to 30 minutes before it comes online",
        "(1/60) Operation status being verified by vManage",
    ]
    assert row["activity"][0].startswith("[14-Nov-2023 22:13:20 UTC] ")


def test_lists_alone_let_a_task_go_on(timed, clock, connect):
    client, edge = connect(timed), timed.add_device("edge-1", availableVersions=[NEW])
    start(client, "changepartition", [edge])
    clock.minutes(30)
    [row] = client.images(ACTION + "/install/devices/vedge")
    assert row["version"] == NEW
    assert client.call("GET", ACTION + "/status/tasks").json() == {"runningTasks": []}


def test_edges_are_upgraded_side_by_side_and_controllers_in_turn(timed, clock, connect):
    client = connect(timed)
    edges = [timed.add_device(f"edge-{n}", availableVersions=[NEW]) for n in range(2)]
    smarts = [timed.add_device(f"smart-{n}", "vsmart", availableVersions=[NEW]) for n in range(2)]
    both = start(client, "changepartition", edges), start(client, "changepartition", smarts, device_type="controller")
    clock.minutes(8)
    assert [words(status(client, task)) for task in both] == [["Success"] * 2, ["Success", "In progress"]]
    assert [status(client, task)["isParallelExecutionEnabled"] for task in both] == [True, False]
    clock.minutes(8)
    assert words(status(client, both[1])) == ["Success"] * 2
    first, second = (row["activity"] for row in status(client, both[1])["data"])
    assert second[0].partition("] ")[0] == first[-1].partition("] ")[0]


def test_task_has_no_rows_at_first(simulate, clock, connect):
    vm = simulate(seconds_per_minute=60, rows_after=90, clock=clock)
    client, edge = connect(vm), vm.add_device("edge-1", availableVersions=[NEW])
    task = start(client, "changepartition", [edge])
    clock.minutes(1)
    shown = status(client, task)
    assert (shown["data"], shown["summary"]["status"]) == ([], "in_progress")
    clock.minutes(1)
    assert words(status(client, task)) == ["In progress"]


def test_rows_can_be_missing_where_tasks_go_on_by_polls(simulate, clock, connect):
    vm = simulate(rows_after=90, clock=clock)
    client, edge = connect(vm), vm.add_device("edge-1", availableVersions=[NEW])
    task = start(client, "changepartition", [edge])
    assert [status(client, task)["data"] for _ in range(5)] == [[]] * 5
    clock.minutes(2)
    assert words(finish(client, task)) == ["Success"]


@pytest.mark.parametrize(
    ("action", "knobs", "word", "text", "installed"),
    [
        ("install", {"fails_at": "download"}, "Failure", "Failed to download", False),
        ("install", {"fails_at": "activation"}, "Failure", "Failed to activate", True),
        ("install", {"ends_as": "Skipped"}, "Skipped", "", False),
        ("install", {"ends_as": "Time out"}, "Time out", "", False),
        ("install", {"ends_as": "Blessed"}, "Blessed", "", False),
        ("install", {"lies": True}, "Success", "", False),
        ("install", {"comes_back_old": True}, "Failure", "Device runs 20.9.4", True),
        ("install", {"comes_back_old": True, "lies": True}, "Success", "", True),
        ("install", {"stays_down": math.inf}, "Failure", "did not come back", True),
    ],
)
@pytest.mark.parametrize("in_time", [True, False])
def test_what_can_go_wrong_with_an_install(in_time, action, knobs, word, text, installed, simulate, clock, connect):
    vm = simulate(seconds_per_minute=60 if in_time else None, clock=clock)
    vm.add_image(IMAGE)
    client, edge = connect(vm), vm.add_device("edge-1", **knobs)
    task = start(client, action, [edge], reboot=True)
    status(client, task)
    clock.minutes(60)
    shown = finish(client, task)
    assert shown["summary"]["count"] == {word: 1}
    assert shown["data"][0]["statusId"] == word.lower().replace(" ", "_")
    assert text in texts(shown["data"][0])[-1]
    assert (edge["version"], NEW in edge["availableVersions"]) == ("20.9.4", installed)
    rebooted = bool(client.images("/dataservice/device/reboothistory/details"))
    assert rebooted is bool(knobs.get("comes_back_old"))
    assert (edge["reachability"] == "unreachable") is ("stays_down" in knobs)


@pytest.mark.parametrize("action", ["defaultpartition", "removepartition", "deactivate", "reboot"])
@pytest.mark.parametrize(("knobs", "word"), [({"fails_at": "action"}, "Failure"), ({"lies": True}, "Success")])
def test_any_action_can_fail_or_be_a_lie(knobs, word, action, vm, client):
    edge = vm.add_device("edge-1", availableVersions=[NEW], **knobs)
    before = dict(edge)
    shown = finish(client, start(client, action, [edge], [NEW] if action == "removepartition" else NEW))
    assert (words(shown), edge) == ([word], before)


def test_what_is_done_can_be_reported_as_a_failure(vm, client):
    edge = vm.add_device("edge-1", availableVersions=[NEW], reports="Failure")
    assert words(finish(client, start(client, "changepartition", [edge]))) == ["Failure"]
    assert edge["version"] == NEW


def test_one_of_many_fails(vm, client):
    edges = [vm.add_device(f"edge-{n}", availableVersions=[NEW]) for n in range(3)]
    vm.behave("edge-1", fails_at="activation")
    shown = finish(client, start(client, "changepartition", edges))
    assert words(shown) == ["Success", "Failure", "Success"]
    assert shown["summary"]["count"] == {"Success": 2, "Failure": 1}
    assert [row["active-partition"] for row in shown["data"]] == [NEW, "20.9.4", NEW]


def test_one_device_can_fail_the_validation_of_a_task(vm, client):
    edges = [vm.add_device(f"edge-{n}", availableVersions=[NEW], fails_validation=bool(n)) for n in range(2)]
    shown = finish(client, start(client, "changepartition", edges))
    assert (shown["data"], shown["validation"]["statusId"]) == ([], "validation_failure")
    assert "edge-1" in shown["validation"]["activity"][0]
    assert edges[0]["version"] == "20.9.4"


@pytest.mark.parametrize("scale", [None, 60])
def test_device_can_stay_down_for_a_while(scale, simulate, clock, connect):
    vm = simulate(seconds_per_minute=scale, clock=clock)
    client, edge = connect(vm), vm.add_device("edge-1", availableVersions=[NEW], stays_down=3600)
    task = start(client, "changepartition", [edge])
    status(client, task)
    clock.minutes(20)
    assert words(finish(client, task)) == ["Success"]
    assert (edge["reachability"], edge["version"]) == ("unreachable", "20.9.4")
    clock.minutes(61)
    client.images("/dataservice/device")
    assert (edge["reachability"], edge["version"]) == ("reachable", NEW)


def test_lists_can_notice_a_reboot_late(timed, clock, connect):
    client, edge = connect(timed), timed.add_device("edge-1", notice_after=120)
    start(client, "reboot", [edge])
    states = []
    for _ in range(6):
        clock.minutes(1)
        client.images("/dataservice/device")
        states.append(edge["reachability"])
    assert states == ["reachable", "reachable", "unreachable", "unreachable", "reachable", "reachable"]


def test_control_omp_and_bfd_come_back_one_after_the_other(timed, clock, connect):
    client = connect(timed)
    timed.add_device("smart-1", "vsmart")
    edge, _ = (timed.add_device(f"edge-{n}") for n in range(2))
    start(client, "reboot", [edge])
    clock.now += 60 * 4.2 + 1
    seen = []
    for _ in range(3):
        [row] = client.images(f"/dataservice/device/counters?deviceId={edge['system-ip']}")
        names = ("number-vsmart-control-connections", "ompPeersUp", "bfdSessionsUp")
        seen.append(tuple(row[name] for name in names))
        clock.now += 30
    assert seen == [(2, 0, 0), (2, 1, 0), (2, 1, 2)]


def test_action_on_a_busy_device_waits_for_its_turn(timed, clock, connect):
    client, edge = connect(timed), timed.add_device("edge-1", availableVersions=[NEW])
    first, second = start(client, "changepartition", [edge]), start(client, "reboot", [edge])
    clock.minutes(2)
    assert [words(status(client, task)) for task in (first, second)] == [["In progress"], []]
    clock.minutes(30)
    assert [words(status(client, task)) for task in (first, second)] == [["Success"], ["Success"]]
    ended, begun = status(client, first)["data"][0]["activity"][-1], status(client, second)["data"][0]["activity"][0]
    assert begun[:22] == ended[:22]
    assert len(client.images("/dataservice/device/reboothistory/details")) == 2


def test_polls_of_a_waiting_task_advance_the_one_before(vm, client):
    edge = vm.add_device("edge-1", availableVersions=[NEW])
    start(client, "changepartition", [edge])
    second = start(client, "defaultpartition", [edge])
    shown = [status(client, second) for _ in range(6)]
    assert [one["summary"]["status"] for one in shown] == ["in_progress"] * 5 + ["done"]
    assert (edge["version"], edge["defaultVersion"]) == (NEW, NEW)


def test_action_on_a_busy_device_can_be_refused(simulate, connect):
    vm = simulate(busy="refuse")
    client, edge = connect(vm), vm.add_device("edge-1", availableVersions=[NEW])
    task = start(client, "changepartition", [edge])
    refused = post(client, "changepartition", [edge])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "SIM-DEVICE-BUSY")
    assert [(one.process_id, one.busy_with, one.reboots) for one in vm.actions] == [
        (task, (), True),
        (None, (task,), True),
    ]
    finish(client, task)
    assert post(client, "reboot", [edge]).status_code == 200


def test_actions_are_counted_by_device_despite_a_lost_reply(vm, client):
    edges = [vm.add_device(f"edge-{n}", availableVersions=[NEW]) for n in range(2)]
    vm.faults.add("reply_lost", path="device/action/changepartition")
    with pytest.raises(requests.ConnectionError):
        post(client, "changepartition", edges)
    start(client, "removepartition", edges[:1], ["20.9.4"])
    counted = Counter((one.action, one.device) for one in vm.actions)
    assert counted == {
        ("changepartition", edges[0]["uuid"]): 1,
        ("changepartition", edges[1]["uuid"]): 1,
        ("removepartition", edges[0]["uuid"]): 1,
    }
    assert vm.actions[-1].version == ["20.9.4"]
    assert vm.actions[-1].found["availableVersions"] == [NEW]


@pytest.mark.parametrize("by_device", [True, False])
def test_jobs_not_begun_are_cancelled_and_others_go_on(by_device, timed, clock, connect):
    client = connect(timed)
    smarts = [timed.add_device(f"smart-{n}", "vsmart", availableVersions=[NEW]) for n in range(2)]
    task = start(client, "changepartition", smarts, device_type="controller")
    clock.minutes(1)
    status(client, task)
    named = [{"processId": task, "deviceIP": d["system-ip"], "deviceId": d["uuid"]} for d in smarts]
    path, body = ("cancel", {"devices": named}) if by_device else (f"status/cancel/{task}", None)
    assert client.call("POST", f"{ACTION}/{path}", json=body).status_code == 200
    clock.minutes(30)
    shown = status(client, task)
    assert (words(shown), shown["summary"]["status"]) == (["Success", "Cancelled"], "done")
    assert [one["version"] for one in smarts] == [NEW, "20.9.4"]


def test_task_that_no_poll_has_seen_is_cancelled_whole(vm, client):
    edge = vm.add_device("edge-1", availableVersions=[NEW])
    task = start(client, "changepartition", [edge])
    assert client.call("POST", f"{ACTION}/status/cancel/{task}").status_code == 200
    shown = finish(client, task)
    assert (words(shown), edge["version"]) == (["Cancelled"], "20.9.4")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("status/cancel/unknown", None),
        ("cancel", {"devices": [{"processId": "unknown", "deviceId": "a"}]}),
        ("cancel", {"devices": [{"deviceId": "a"}]}),
        ("cancel", {}),
    ],
)
def test_what_cannot_be_cancelled_is_an_error(path, body, client):
    assert client.call("POST", f"{ACTION}/{path}", json=body).status_code == 400


def test_task_that_has_ended_can_be_cleared(vm, client):
    task = start(client, "reboot", [vm.add_device("edge-1")])
    path = f"{ACTION}/status/clear?processId={task}"
    assert client.call("DELETE", path).status_code == 400
    finish(client, task)
    assert client.call("DELETE", path).status_code == 200
    assert client.call("GET", f"{ACTION}/status/{task}").status_code == 400


def test_kinds_of_action_are_a_bare_list(client):
    kinds = client.call("GET", ACTION + "/list").json()
    assert {"software_install", "change_partition", "reboot"} <= {kind["name"] for kind in kinds}
    assert all(kind["isCancelEnabled"] is True for kind in kinds)


def test_image_of_another_family_is_no_image_for_a_device(vm, client):
    vm.add_image("c8000v-universalk9.17.12.04.SPA.bin", version="17.12.04.0.6740.1708012345")
    right = vm.add_device("router-1", platformFamily="c8000v")
    wrong = vm.add_device("router-2", platformFamily="isr4300")
    shown = finish(client, start(client, "install", [right, wrong], "17.12.04.0.6740.1708012345"))
    assert words(shown) == ["Success", "Failure"]
    assert "for isr4300" in texts(shown["data"][1])[-1]
    assert (right["availableVersions"], wrong["availableVersions"]) == (["17.12.04.0.6740"], [])


def test_repository_url_is_installed_by_its_name(vm, client):
    vm.add_image("", version="17.3.1", url="ftp://h/")
    edge = vm.add_device("edge-1", platformFamily="asr1001x")
    data = [{"family": "asr1001x", "version": "17.3.1"}]
    finish(client, start(client, "install", [edge], versionType="remote", data=data, vEdgeVPN="0"))
    assert edge["availableVersions"] == ["17.3.1"]


# -- the manager activates itself ----------------------------------------------------------------------------------


def itself(vm):
    return vm.devices[0]


@pytest.mark.parametrize("scale", [None, 60])
def test_manager_activates_itself(scale, simulate, clock, connect):
    vm = simulate("20.12.4", seconds_per_minute=scale, clock=clock, restart=(0, 300))
    client = connect(vm)
    vm.add_image("vmanage-20.12.5-x86_64.tar.gz")
    own = itself(vm)
    task = start(client, "install", [own], device_type="vmanage")
    status(client, task)
    clock.minutes(20)
    assert words(finish(client, task)) == ["Success"]
    task = start(client, "changepartition", [own], device_type="vmanage")
    for _ in range(3):
        clock.minutes(0.2)
        client.call("GET", f"{ACTION}/status/{task}")
    ready = "/dataservice/client/server/ready"
    assert client.call("GET", ready).json() == {"isServerReady": False}
    shown = [client.call("GET", "/dataservice/device") for _ in range(2)]
    assert {one.status_code for one in shown} == {503, 200}
    assert any("j_security_check" in one.text for one in shown)
    assert client.call("HEAD", "/").status_code == 200
    clock.minutes(20)
    assert client.call("GET", ready).json() == {"isServerReady": True}
    assert client.call("GET", "/dataservice/device").text.startswith("<html>")
    client = connect(vm)
    assert words(finish(client, task)) == ["Success"]
    assert vm.version == "20.12.5"
    assert client.call("GET", "/dataservice/client/server").json()["data"]["platformVersion"] == "20.12.5"
    assert (own["reachability"], own["availableVersions"]) == ("reachable", ["20.12.4"])


def test_connections_are_refused_while_the_manager_restarts(simulate, connect):
    vm = simulate("20.12.4", restart=(0.5, 0))
    client, own = connect(vm), itself(vm)
    own["availableVersions"] = [NEW]
    task = start(client, "changepartition", [own], device_type="vmanage")
    for _ in range(2):
        status(client, task)
    with pytest.raises(requests.ConnectionError):
        status(client, task)
    client = _connect_again(vm, connect)
    assert words(finish(client, task)) == ["Success"]
    assert vm.version == NEW


def _connect_again(vm, connect):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            return connect(vm)
        except requests.ConnectionError:
            continue
    raise AssertionError("the manager did not come back")


def test_manager_that_is_closed_while_it_restarts_leaves_no_thread(simulate, connect):
    vm = simulate("20.12.4", restart=(600, 0))
    client, own = connect(vm), itself(vm)
    own["availableVersions"] = [NEW]
    task = start(client, "changepartition", [own], device_type="vmanage")
    for _ in range(2):
        status(client, task)
    with pytest.raises(requests.ConnectionError):
        status(client, task)
    begun = time.monotonic()
    vm.close()
    assert time.monotonic() - begun < 60
    assert "vmanage-simulator-restart" not in [thread.name for thread in threading.enumerate()]


def test_unknown_value_of_busy_is_refused(simulate):
    with pytest.raises(ValueError, match="busy"):
        simulate(busy="panic")
    with pytest.raises(ValueError, match="seconds_per_minute"):
        simulate(seconds_per_minute=-1)


def test_page_shows_devices_and_tasks_and_reloads_itself(vm, client):
    edge = vm.add_device("<b>edge", availableVersions=[NEW])
    page = client.call("GET", "/").text
    assert '<meta http-equiv="refresh" content="5">' in page
    assert "2 devices." in page
    assert "&lt;b&gt;edge" in page
    assert "<b>edge" not in page
    assert "<h2>Tasks</h2>" not in page
    task = start(client, "changepartition", [edge])
    status(client, task)
    page = client.call("GET", "/").text
    assert "1 running." in page
    assert task in page
    finish(client, task)
    edge["reachability"] = "unreachable"
    page = client.call("GET", "/").text
    assert "0 running." in page
    assert "2 devices, 1 unreachable." in page
    assert f"<td>{NEW}</td><td>20.9.4</td>" in page
