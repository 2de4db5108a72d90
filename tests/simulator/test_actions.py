from __future__ import annotations

import re

import pytest

ACTION = "/dataservice/device/action"
IMAGE = "viptela-20.12.5-x86_64.tar.gz"


@pytest.fixture
def edge(vm):
    vm.add_image(IMAGE)
    return vm.add_device("edge-1", "vedge", "20.9.4", availableVersions=["20.6.1"])


def body_for(device, *, version="20.12.5", device_type="vedge", version_type="vmanage", data=None, reboot=False):
    wanted = {"vEdgeVPN": 0, "vSmartVPN": 0, "versionType": version_type, "reboot": reboot, "sync": True}
    wanted |= {"version": version} if data is None else {"data": data}
    one = {"deviceIP": device["system-ip"], "deviceId": device["uuid"], "version": version}
    return {"action": "any", "input": wanted, "devices": [one], "deviceType": device_type}


def start(client, action, body):
    response = client.call("POST", f"{ACTION}/{action}", json=body)
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"id"}
    return response.json()["id"]


def poll(client, task):
    return client.call("GET", f"{ACTION}/status/{task}").json()


def end(client, task):
    """The status in which a task ends, after a few polls."""
    for _ in range(5):
        status = poll(client, task)
        if status["summary"]["status"] == "done":
            return status
    raise AssertionError(status)


@pytest.mark.parametrize(
    ("action", "kind"),
    [("install", "software_install"), ("changepartition", "change_partition"), ("reboot", "reboot")],
)
def test_action_is_a_task_empty_then_in_progress_then_done(action, kind, vm, client, edge):
    task = start(client, action, body_for(edge, version="20.6.1" if action == "changepartition" else "20.12.5"))
    assert re.fullmatch(kind + "-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", task)
    first, second, third = (poll(client, task) for _ in range(3))
    assert [one["summary"]["status"] for one in (first, second, third)] == ["in_progress", "in_progress", "done"]
    assert [one["summary"]["count"] for one in (first, second, third)] == [{}, {"In progress": 1}, {"Success": 1}]
    assert (first["data"], first["validation"]["status"]) == ([], "Validation success")
    [working], [done] = second["data"], third["data"]
    assert (working["status"], working["statusId"]) == ("In progress", "in_progress")
    assert (done["status"], done["statusId"], done["uuid"]) == ("Success", "success", edge["uuid"])
    assert poll(client, task)["data"] == [done]


def test_times_are_text_in_a_summary_and_numbers_elsewhere(client, edge):
    task = start(client, "reboot", body_for(edge))
    [listed] = client.call("GET", f"{ACTION}/status/tasks").json()["runningTasks"]
    status = end(client, task)
    assert [type(status["summary"][name]) for name in ("startTime", "endTime")] == [str, str]
    assert [type(one["startTime"]) for one in (*status["data"], status["validation"], listed)] == [int, int, int]


def test_tasks_are_listed_while_they_run(client, edge):
    def listed():
        return [one["processId"] for one in client.call("GET", f"{ACTION}/status/tasks").json()["runningTasks"]]

    assert listed() == []
    task = start(client, "reboot", body_for(edge))
    assert listed() == listed() == [task]
    end(client, task)
    assert listed() == []


def test_install_makes_a_version_available_and_activation_runs_it(client, edge):
    end(client, start(client, "install", body_for(edge)))
    assert (edge["version"], edge["availableVersions"]) == ("20.9.4", ["20.6.1", "20.12.5"])
    task = start(client, "changepartition", body_for(edge))
    assert edge["version"] == "20.9.4"
    end(client, task)
    [shown] = client.images(f"{ACTION}/install/devices/vedge?groupId=all")
    assert (shown["version"], shown["current-partition"], shown["defaultVersion"]) == ("20.12.5", "20.12.5", "20.9.4")
    assert shown["availableVersions"] == ["20.6.1", "20.9.4"]


def test_install_with_a_reboot_activates_too(client, edge):
    before = edge["uptime-date"]
    end(client, start(client, "install", body_for(edge, reboot=True)))
    assert (edge["version"], edge["availableVersions"]) == ("20.12.5", ["20.6.1", "20.9.4"])
    assert edge["uptime-date"] > before


def test_device_names_an_ios_xe_version_without_its_sixth_part(vm, client, edge):
    vm.add_image("c8000v.bin", version="17.09.01.0.155356.1646904830")
    end(client, start(client, "install", body_for(edge, version="17.09.01.0.155356.1646904830")))
    assert edge["availableVersions"][-1] == "17.09.01.0.155356"


def test_of_several_images_a_device_takes_that_of_its_family(vm, client, edge):
    vm.add_image("c8000v-17.12.4.bin")
    router = vm.add_device("router-1", platformFamily="c8000v")
    data = [{"family": "vedge-x86", "version": "20.12.5"}, {"family": "c8000v", "version": "17.12.4"}]
    body = body_for(edge, data=data)
    body["devices"] += body_for(router)["devices"]
    assert end(client, start(client, "install", body))["summary"]["count"] == {"Success": 2}
    assert (edge["availableVersions"][-1], router["availableVersions"]) == ("20.12.5", ["17.12.4"])


def test_remote_image_is_installed_by_its_id(vm, client, edge):
    server_id = vm.add_remote_server("files", remoteServerUrl="1.1.1.1")
    new = {"remoteServerId": server_id, "fileName": "c8000v-universalk9.17.12.04.SPA.bin"}
    assert client.call("POST", f"{ACTION}/software", json=new).status_code == 200
    version_id = vm.images[-1].file_id
    data = [{"family": "c8000v", "version": version_id, "versionId": version_id, "remoteServerId": server_id}]
    end(client, start(client, "install", body_for(edge, data=data, version_type="remote")))
    assert edge["availableVersions"][-1] == "17.12.04"


@pytest.mark.parametrize(
    ("action", "version", "reachability", "why"),
    [
        ("install", "20.15.1", "reachable", "No image of version 20.15.1"),
        ("changepartition", "20.12.5", "reachable", "20.12.5 is not available"),
        ("reboot", "20.12.5", "unreachable", "not reachable"),
    ],
)
def test_what_cannot_be_done_ends_in_failure(action, version, reachability, why, client, edge):
    edge["reachability"] = reachability
    before = dict(edge)
    status = end(client, start(client, action, body_for(edge, version=version)))
    [part] = status["data"]
    assert (part["status"], part["statusId"], status["summary"]["count"]) == ("Failure", "failure", {"Failure": 1})
    assert why in part["activity"][-1]
    assert edge == before


def test_unknown_device_fails_the_validation_and_nothing_is_done(client, edge):
    body = body_for(edge)
    body["devices"].append({"deviceIP": "1.1.1.1", "deviceId": "unknown"})
    status = end(client, start(client, "install", body))
    assert (status["data"], status["summary"]["count"]) == ([], {})
    assert status["validation"]["statusId"] == "validation_failure"
    assert "unknown" in status["validation"]["activity"][0]
    assert edge["availableVersions"] == ["20.6.1"]


@pytest.mark.parametrize("action", ["install", "changepartition", "reboot"])
@pytest.mark.parametrize(
    "change",
    [
        {"devices": []},
        {"devices": None},
        {"devices": ["a"]},
        {"devices": [{}]},
        {"deviceType": "toaster"},
        {"deviceType": []},
    ],
)
def test_body_that_asks_for_nothing_is_refused(change, action, client, edge):
    response = client.call("POST", f"{ACTION}/{action}", json={**body_for(edge), **change})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-ACTION-BODY")


@pytest.mark.parametrize("wanted", [None, {}, {"version": 5}, {"data": []}, {"data": [{"family": "c8000v"}]}])
def test_install_without_a_version_is_refused(wanted, client, edge):
    response = client.call("POST", f"{ACTION}/install", json={**body_for(edge), "input": wanted})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-ACTION-BODY")


@pytest.mark.parametrize("body", [b"", b"[]", b"{oops"])
def test_action_without_an_object_is_refused(body, client):
    assert client.call("POST", f"{ACTION}/reboot", data=body).status_code == 400


@pytest.mark.parametrize("version", ["16.3", "20.9", "20.12", "20.18"])
def test_both_forms_of_an_install_are_taken_and_recorded(version, simulate, connect):
    vm = simulate(version)
    client, device = connect(vm), vm.add_device("edge-1")
    first = start(client, "install", body_for(device))
    second = start(client, "install", body_for(device, data=[{"family": "vedge", "version": "20.12.5"}]))
    assert [(one.action, one.device, one.version, one.form, one.process_id) for one in vm.actions] == [
        ("install", device["uuid"], "20.12.5", "flat", first),
        ("install", device["uuid"], "20.12.5", "list", second),
    ]


def test_status_of_an_unknown_task_is_an_error(client):
    response = client.call("GET", f"{ACTION}/status/unknown")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-UNKNOWN-TASK")


def test_action_needs_the_token_as_every_write_does(client, edge):
    client.http.headers["X-XSRF-TOKEN"] = "stale"
    assert client.call("POST", f"{ACTION}/reboot", json=body_for(edge)).status_code == 403
