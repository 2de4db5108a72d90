"""Details that public clients and a review with an independent server found missing."""

from __future__ import annotations

import pytest

ACTION = "/dataservice/device/action"
SOFTWARE = ACTION + "/software"
REMOTE = ACTION + "/remote-server"


@pytest.mark.parametrize(
    "path", [SOFTWARE, "/dataservice/device", "/dataservice/system/device/vedges", "/dataservice/client/server"]
)
def test_trailing_slash_changes_nothing(path, vm, client):
    vm.add_device("edge-1")
    plain, slash = (client.call("GET", f"{path}{end}?validity=valid") for end in ("", "/"))
    assert (slash.status_code, slash.json()["data"]) == (plain.status_code, plain.json()["data"])
    assert vm.requests[-1].path == path + "/"


def test_fault_hits_a_path_with_a_trailing_slash_too(vm, client):
    vm.faults.add("http_503", path="device")
    assert client.call("GET", "/dataservice/device/").status_code == 503


def test_remote_server_in_use_is_neither_changed_nor_deleted(vm, client):
    server = vm.add_remote_server("files", remoteServerUrl="1.1.1.1")
    other = vm.add_remote_server("unused")
    assert client.call("POST", SOFTWARE, json={"remoteServerId": server, "fileName": "a.bin"}).status_code == 200
    body = {"remoteServerName": "files", "remoteServerUrl": "2.2.2.2"}
    for method, path in (("PUT", server), ("DELETE", server)):
        response = client.call(method, f"{REMOTE}/{path}", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-REMOTE-SERVER-IN-USE")
    assert vm.remote_servers[0]["remoteServerUrl"] == "1.1.1.1"
    assert client.call("PUT", f"{REMOTE}/{other}", json={**body, "remoteServerName": "unused"}).status_code == 200


def test_login_page_has_what_clients_search_for(vm, connect):
    page = connect(vm, log_in=False).call("GET", "/dataservice/device").text
    assert [text in page for text in ("<html>", "j_security_check", "welcome.html")] == [True, True, True]


@pytest.mark.parametrize(("version", "status"), [("16.3", 404), ("20.9", 200), ("20.12", 200), ("20.18", 200)])
def test_release_with_remote_servers_takes_their_images(version, status, simulate, connect):
    vm = simulate(version)
    client = connect(vm)
    assert client.call("GET", REMOTE).status_code == status
    body = {"remoteServerId": vm.add_remote_server("files"), "fileName": "a.bin"}
    assert (client.call("POST", SOFTWARE, json=body).status_code == 200) is (status == 200)


def test_inventory_names_address_type_and_model(vm, client):
    vm.add_device("edge-1", "vedge", device_model="vedge-C8000V", system_ip="10.0.0.7")
    [edge] = client.images("/dataservice/system/device/vedges")
    assert (edge["deviceIP"], edge["deviceType"], edge["deviceModel"]) == ("10.0.0.7", "vedge", "vedge-C8000V")
    assert (edge["configStatusMessage"], edge["vedgeCertificateState"]) == ("In Sync", "certinstalled")


def test_controllers_begin_with_the_whole_record_of_the_manager(vm, client):
    vm.add_device("smart-1", "vsmart", "20.12.4")
    first, second = client.images("/dataservice/system/device/controllers?model=vmanage&&&&")
    assert (first["deviceType"], first["version"], second["deviceType"]) == ("vmanage", vm.version, "vsmart")
    assert first.keys() == second.keys()


def test_device_that_never_came_up_is_last_with_few_fields(vm, client):
    never = vm.add_undeployed_device("vedge-C8000V")
    vm.add_device("edge-1")
    edge, last = client.images("/dataservice/system/device/vedges")
    assert (edge["host-name"], last) == ("edge-1", never)
    assert not last.keys() & {"system-ip", "host-name", "version", "reachability"}
    assert len(client.images("/dataservice/device")) == 2
    assert len(client.images(ACTION + "/install/devices/vedge")) == 1


def test_system_info_shows_the_devices_that_are_asked_for(vm, client):
    for name in ("edge-1", "edge-2", "edge-3"):
        vm.add_device(name, system_ip=f"10.0.0.{name[-1]}")
    shown = client.images("/dataservice/device/system/info?deviceId=10.0.0.1&deviceId=10.0.0.3")
    assert [one["host-name"] for one in shown] == ["edge-1", "edge-3"]


def test_running_tasks_are_counted(vm, client):
    path = ACTION + "/status/tasks/activeCount"
    assert client.call("GET", path).json()["data"] == {"activeTaskCount": 0}
    device = vm.add_device("edge-1")
    one = {"deviceIP": device["system-ip"], "deviceId": device["uuid"]}
    client.call("POST", ACTION + "/reboot", json={"action": "reboot", "deviceType": "vedge", "devices": [one]})
    assert client.call("GET", path).json()["data"] == {"activeTaskCount": 1}


def test_remote_image_names_neither_controller_version_nor_file(vm, client):
    server = vm.add_remote_server("files")
    client.call("POST", SOFTWARE, json={"remoteServerId": server, "fileName": "a.bin"})
    client.call("POST", SOFTWARE, json={"versionName": "17.12.4", "versionURL": "ftp://h/"})
    remote, url = client.images()
    assert (remote["controllerVersionName"], remote["fileNameMap"]) == ("", "{a.bin=a.bin}")
    assert (url["controllerVersionName"], url["fileNameMap"], url["versionIdMap"]) == ("17.12.x", "{}", "{}")


def test_bare_token_is_typed_as_a_page(client):
    response = client.call("GET", "/dataservice/client/token")
    assert response.headers["content-type"] == "text/html;charset=UTF-8"
    assert response.text.isalnum()


@pytest.mark.parametrize("version", ["20.9", "20.18"])
def test_login_that_a_fault_refuses_is_counted(version, simulate, connect):
    vm = simulate(version)
    vm.faults.add("login_refused")
    assert connect(vm, log_in=False).log_in().content != b""
    assert (vm.counters.logins, vm.counters.refused_logins) == (0, 1)


@pytest.mark.parametrize("path", ["/dataservice/device", ACTION + "/install/devices/vmanage?groupId=all"])
def test_manager_is_among_its_devices_with_the_release_it_runs(path, vm, client):
    [itself] = client.images(path)
    platform = client.call("GET", "/dataservice/client/server").json()["data"]["platformVersion"]
    assert (itself["device-type"], itself["version"], itself["reachability"]) == ("vmanage", platform, "reachable")
    assert itself.get("defaultVersion", platform) == platform


def test_manager_can_be_set_to_list_no_device(simulate, connect):
    vm = simulate(lists_itself=False)
    client = connect(vm)
    assert client.images("/dataservice/device") == client.images("/dataservice/system/device/controllers") == []
    vm.add_device("edge-1")
    vm.remove_devices()
    assert client.images("/dataservice/device") == []


def test_devices_leave_and_the_manager_stays(vm, client):
    vm.add_device("edge-1")
    vm.add_undeployed_device()
    vm.remove_devices()
    assert [one["host-name"] for one in client.images("/dataservice/device")] == ["vmanage"]
    assert client.images("/dataservice/system/device/vedges") == []


def body_for(device, version):
    one = {"deviceIP": device["system-ip"], "deviceId": device["uuid"], "version": version}
    return {"action": "any", "devices": [one], "deviceType": "vedge"}


def end(client, action, body):
    """The rows with which a task ends."""
    task = client.call("POST", f"{ACTION}/{action}", json=body).json()["id"]
    for _ in range(3):
        status = client.call("GET", f"{ACTION}/status/{task}").json()
    assert status["summary"]["status"] == "done"
    return task, status["data"]


def test_default_version_is_set_by_an_action_of_its_own(vm, client):
    edge = vm.add_device("edge-1", version="20.12.5", defaultVersion="20.9.4", availableVersions=["20.9.4"])
    task, [row] = end(client, "defaultpartition", body_for(edge, "20.12.5"))
    assert (task.partition("-")[0], row["status"]) == ("default_partition", "Success")
    assert (edge["version"], edge["defaultVersion"], edge["availableVersions"]) == ("20.12.5", "20.12.5", ["20.9.4"])
    _, [row] = end(client, "defaultpartition", body_for(edge, "20.6.1"))
    assert (row["status"], edge["defaultVersion"]) == ("Failure", "20.12.5")


def test_several_versions_are_removed_at_once(vm, client):
    edge = vm.add_device("edge-1", version="20.12.5", availableVersions=["20.9.4", "20.6.1", "20.3.1"])
    task, [row] = end(client, "removepartition", body_for(edge, ["20.9.4", "20.3.1"]))
    assert (task.partition("-")[0], row["status"], edge["availableVersions"]) == (
        "delete_partition",
        "Success",
        ["20.6.1"],
    )


@pytest.mark.parametrize("version", ["20.12.5", "20.9.4", "1.1.1"])
def test_running_default_or_missing_version_is_not_removed(version, vm, client):
    edge = vm.add_device("edge-1", version="20.12.5", defaultVersion="20.9.4", availableVersions=["20.9.4", "20.6.1"])
    before = dict(edge)
    _, [row] = end(client, "removepartition", body_for(edge, ["20.6.1", version]))
    assert (row["status"], edge) == ("Failure", before)


@pytest.mark.parametrize(("action", "version"), [("defaultpartition", ["1"]), ("removepartition", "1")])
def test_version_of_the_wrong_type_is_refused(action, version, vm, client):
    edge = vm.add_device("edge-1")
    response = client.call("POST", f"{ACTION}/{action}", json=body_for(edge, version))
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-ACTION-BODY")
