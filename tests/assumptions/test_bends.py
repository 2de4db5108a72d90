"""A manager that differs in one point is found out: each bend of the simulator breaks an assumption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.assumptions.all import ASSUMPTIONS
from airflow_provider_vmanage.client.assumptions.gather import UNKNOWN_ID
from airflow_provider_vmanage.client.assumptions.seen import Observed, Seen
from airflow_provider_vmanage.client.assumptions.table import ACTION, AS_ASSUMED, DIFFERS, NOT_SEEN, judge
from airflow_provider_vmanage.simulator import Simulator
from tests.assumptions.manager_in_use import MINUTE_S, check, differing, fill

Bend = Callable[[Simulator], object]
SOFTWARE = "device/action/software"
OWN_URL = "http://<VMANAGE_HOST>:8080/software/package/"


def responds(path: str, body: Any, *, status: int = 200, method: str = "GET") -> Bend:
    """Always the same response to a path."""
    options = {"status": status, "body": body, "content_type": "application/json"}
    return lambda vm: vm.faults.add("status", times=None, method=method, path=path, **options)


def fault(name: str, path: str, *, times: int | None = None, **options: Any) -> Bend:
    return lambda vm: vm.faults.add(name, times=times, path=path, **options)


def record(**fields: Any) -> Bend:
    """One more record in both lists of images."""
    known = {"versionId": "one", "versionName": "1.2.3", "versionType": "vmanage", "versionURL": OWN_URL}
    return lambda vm: vm.add_record({**known, "availableFiles": "one.bin", "updatedOn": 1, **fields})


def device(**fields: Any) -> Bend:
    return lambda vm: vm.add_device("odd", **fields)


def server(**fields: Any) -> Bend:
    known = {"platformVersion": "20.12.4", "tenancyMode": "SingleTenant", "userMode": "tenant", "CSRFToken": "A"}
    return responds("client/server", {"header": {}, "data": {**known, **fields}})


def running(**fields: Any) -> Bend:
    """One running task, an activation unless the fields say otherwise."""
    known = {"processId": "change_partition-1", "action": "change_partition", "userSessionUserName": "admin"}
    return responds("device/action/status/tasks", {"runningTasks": [{**known, **fields}]})


def task(row: dict[str, Any], summary: dict[str, Any] | None = None) -> Bend:
    """The status of the running task, with one row."""
    known = {"uuid": "edge", "status": "In progress", "statusId": "in_progress"}
    body = {"data": [{**known, **row}], "summary": summary or {"status": "in_progress"}}
    return responds("device/action/status/change*", body)


def after(requests: int, path: str, method: str, bend: str) -> Bend:
    """A fault after so many requests that another one, which changes nothing, has hit."""

    def apply(vm: Simulator) -> None:
        vm.faults.add("gzip", times=requests, method=method, path=path)
        vm.faults.add(bend, method=method, path=path)

    return apply


READ_BENDS: dict[str, tuple[str, Bend]] = {
    "second cookie at login": ("login-sets-one-session-cookie", fault("stray_cookie", "/j_security_check")),
    "server without data": ("server-information-is-an-object", fault("data_missing", "client/server")),
    "release without numbers": ("platform-version-names-the-release", server(platformVersion="cloud")),
    "another tenancy": ("tenancy-has-known-words", server(tenancyMode="ManyTenants")),
    "flag as text": ("server-fields-have-known-types", server(isSamlUser="false")),
    "new field of the server": ("server-fields-are-known", server(licenseMode="on")),
    "two tokens": ("both-tokens-are-the-same", server(CSRFToken="B")),
    "no token": ("both-tokens-are-the-same", fault("no_token", "client/*")),
    "page for a token": ("token-is-bare-text", fault("html_200", "client/token")),
    "readiness is gone": ("readiness-is-an-object", fault("status", "client/server/ready", status=404)),
    "page for an unknown path": ("unknown-path-is-404", fault("html_200", "vmanage/check/unknown")),
    "role is missing": ("no-read-is-forbidden", fault("forbidden", "device/counters")),
    "logout without redirect": ("logout-leads-to-the-welcome-page", responds("/logout", {}, method="POST")),
    "images are null": ("images-are-a-list", fault("data_null", SOFTWARE)),
    "time as text": ("images-have-known-types", record(updatedOn="1")),
    "new field of an image": ("images-have-known-fields", record(fileSize=1)),
    "version as list": ("image-records-can-be-read", record(versionName=["1.2.3"])),
    "id twice": ("image-ids-are-unique", lambda vm: [record()(vm), record()(vm)]),
    "comma in a name": (
        "file-names-are-distinct",
        record(availableFiles="[a,b.bin, a]", versionIdMap="{a,b.bin=x, a=y, b.bin=z}", fileNameMap="{}"),
    ),
    "files without ids": ("shared-records-have-ids-of-files", record(availableFiles="[a.bin, b.bin]")),
    "map of other files": ("maps-name-the-files-of-the-record", record(fileNameMap="{one.bin=two.bin}")),
    "another word for stored": ("stored-images-have-version-type-vmanage", record(versionType="local")),
    "stored elsewhere": ("stored-images-have-a-placeholder-url", record(versionURL="https://10.0.0.1/one")),
    "second list is empty": ("both-lists-show-the-same-files", responds(f"{SOFTWARE}/images", {"data": []})),
    "other ids in the second list": (
        "file-ids-are-those-of-the-second-list",
        responds(f"{SOFTWARE}/images", {"data": [{"versionId": "x", "versionName": "1", "versionType": "vmanage"}]}),
    ),
    "more images counted": (
        "list-of-images-is-complete",
        responds(f"{SOFTWARE}/package/imageCount", {"imageCount": 9}),
    ),
    "short version of IOS-XE": (
        "ios-xe-images-have-versions-of-six-parts",
        lambda vm: vm.add_image("c8000v-universalk9.17.12.04.SPA.bin"),
    ),
    "metadata before 20.18": ("metadata-are-an-object", responds(f"{SOFTWARE}/package/*/metadata", {"tags": []})),
    "remote servers are gone": ("remote-servers-are-a-list", responds("device/action/remote-server", {}, status=404)),
    "port as list": ("remote-servers-have-known-types", lambda vm: vm.add_remote_server("odd", remoteServerPort=[])),
    "password of a remote server": (
        "remote-servers-show-no-password",
        responds("device/action/remote-server", {"data": [{"remoteServerPassword": "x"}]}),
    ),
    "list of edges is an object": (
        "device-lists-are-a-list",
        fault("data_wrong_type", "device/action/install/devices/vedge"),
    ),
    "number as id": ("device-lists-have-known-types", device(site_id=100)),
    "new field of a device": ("device-lists-have-known-fields", device(licenseStatus="on")),
    "versions as text": ("device-versions-can-be-read", device(availableVersions=[{"version": "20.9.1"}])),
    "id of another device": ("device-ids-are-unique", lambda vm: [device(uuid="x")(vm), device(uuid="x")(vm)]),
    "another partition": ("running-version-is-the-partition", device(current_partition="20.9.9")),
    "running version is available": ("available-versions-lack-the-running-one", device(availableVersions=["20.9.4"])),
    "device with six parts": ("ios-xe-devices-have-versions-of-five-parts", device(version="17.06.05a.0.3.1646904830")),
    "another reachability": ("reachability-has-known-words", device(reachability="asleep")),
    "another personality": ("personality-has-known-words", device(personality="router")),
    "health is an object": ("health-devices-are-a-list", fault("data_wrong_type", "device")),
    "counters as text": (
        "health-counters-have-known-types",
        responds("device/counters", {"data": [{"system-ip": "x", "rebootCount": "1"}]}),
    ),
    "colour is missing": ("health-tlocs-have-known-types", responds("device/tloc", {"data": [{"system-ip": "x"}]})),
    "device without health": (
        "health-shows-every-device",
        responds("device", {"data": [{"system-ip": "x", "controlConnections": "1"}]}),
    ),
    "word for a count": (
        "session-counts-are-digits-or-dashes",
        responds("device", {"data": [{"system-ip": "x", "controlConnections": "many"}]}),
    ),
    "zeros while unreachable": (
        "unreachable-devices-show-no-sessions",
        device(reachability="unreachable", red_while_down=True),
    ),
    "running tasks as data": ("running-tasks-are-a-list", responds("device/action/status/tasks", {"data": []})),
    "rows of a task as text": ("task-status-can-be-read", responds("device/action/status/change*", {"data": "none"})),
    "limits as words": (
        "limits-of-tasks-are-minutes",
        responds("settings/configuration/softwareMaintenance", {"data": [{"downloadTimeoutInMin": "an hour"}]}),
    ),
    "tenant without a name": ("tenants-have-ids-and-names", responds("tenant", {"data": [{"tenantId": "1"}]})),
    "address of another device": (
        "health-rows-have-distinct-addresses",
        responds("device", {"data": [{"system-ip": "10.0.0.1"}, {"system-ip": "10.0.0.1"}]}),
    ),
    "boot time in seconds": (
        "boot-times-are-milliseconds",
        responds("device", {"data": [{"system-ip": "10.0.0.1", "uptime-date": 1700000000}]}),
    ),
    "no local address": ("devices-have-a-local-address", device(local_system_ip="")),
    "no family": ("devices-have-a-platform-family", device(platformFamily="")),
    "no default": ("devices-show-their-default", device(defaultVersion="")),
    "id without its kind": ("actions-are-known-by-id-and-name", running(processId="4711")),
    "action by its path": ("actions-are-known-by-id-and-name", running(action="changepartition")),
    "task without a user": ("running-tasks-name-their-user", running(userSessionUserName="")),
    "row of another device": ("task-rows-name-listed-devices", task({"uuid": "another"})),
    "another word in a row": ("words-of-tasks-are-known", task({"status": "Paused", "statusId": "paused"})),
    "another word in a summary": ("summary-says-in-progress-or-done", task({}, summary={"status": "waiting"})),
    "unknown task is empty": ("unknown-task-is-refused", responds("device/action/status/software*", {"data": []})),
}


@pytest.mark.parametrize("bend", READ_BENDS)
def test_bend_of_a_read_is_found(bend: str) -> None:
    expected, apply = READ_BENDS[bend]
    with Simulator(seconds_per_minute=MINUTE_S, tenants=["acme"]) as vm:
        fill(vm)
        apply(vm)
        assert expected in differing(check(vm))


def test_login_of_another_shape_is_reported_and_sent_once(vm: Simulator) -> None:
    responds("/j_security_check", {"message": "welcome"}, method="POST")(vm)
    report = check(vm)
    assert differing(report)["good-login-is-empty"] == "HTTP 200, JSON"
    assert [one.path for one in vm.requests if one.method == "POST"] == ["/j_security_check"]


KNOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain HTTP": ("tls-is-verified", {"tls": False}),
    "manager is not listed": ("manager-lists-itself", {"lists_itself": False}),
    "403 after logout": ("ended-session-has-a-known-shape", {"dead_session": "f"}),
}


@pytest.mark.parametrize("knob", KNOBS)
def test_bend_by_a_knob_is_found(knob: str) -> None:
    expected, options = KNOBS[knob]
    with Simulator(**options) as vm:
        assert expected in differing(check(vm))


UPLOAD = f"{SOFTWARE}/package"
WRITE_BENDS: dict[str, tuple[str, Bend]] = {
    "504, and stored": ("upload-is-accepted-with-200", fault("gateway_timeout_stored", UPLOAD, times=1)),
    "page, and stored": ("accepted-upload-has-no-body", fault("html_200", UPLOAD, times=1, done=True)),
    "listed later": ("upload-is-listed-at-once", fault("late_listing", UPLOAD, times=1, seconds=1.5)),
    "refused name": ("upload-of-any-name-is-accepted", after(3, UPLOAD, "POST", "error_4xx")),
    "refused id of a file": (
        "image-is-deleted-by-the-id-of-its-file",
        after(1, f"{SOFTWARE}/*", "DELETE", "error_4xx"),
    ),
    "refused id of a record": (
        "image-is-deleted-by-the-id-of-its-record",
        fault("error_4xx", f"{SOFTWARE}/*", times=1, method="DELETE"),
    ),
    "unknown id is deleted": (
        "delete-of-an-unknown-id-is-refused",
        fault("empty_body", f"{SOFTWARE}/{UNKNOWN_ID}", method="DELETE"),
    ),
    "token is not asked for": (
        "change-without-token-is-refused",
        fault("empty_body", f"{SOFTWARE}/{UNKNOWN_ID}", method="DELETE"),
    ),
    "other bytes": ("download-has-the-bytes-of-the-upload", responds(f"{UPLOAD}/airflow-check-*", "bytes")),
    "second copy": (
        "second-upload-of-a-name-is-refused",
        lambda vm: setattr(vm.repository, "reject_duplicates", False),
    ),
}


@pytest.mark.parametrize("bend", WRITE_BENDS)
def test_bend_of_a_change_is_found_and_cleaned_up(bend: str) -> None:
    expected, apply = WRITE_BENDS[bend]
    with Simulator() as vm:
        apply(vm)
        assert expected in differing(check(vm, write=True))
        assert vm.images == []


def test_scratch_files_that_stay_are_reported_by_name() -> None:
    lines: list[str] = []
    with Simulator() as vm:
        vm.faults.add("error_4xx", times=None, method="DELETE", path=f"{SOFTWARE}/*")
        report = check(vm, write=True, log=lines.append)
        left = [image.file_name for image in vm.images]
    assert "scratch-files-are-deleted" in differing(report)
    assert left
    for name in left:
        assert f"Delete {name} by hand: it is still listed" in lines


def observed(**changes: Any) -> Observed:
    headers = {"date": "Thu, 26 Nov 2026 10:00:00 GMT"}
    cookie = "JSESSIONID=x; path=/; secure; HttpOnly"
    return Observed(
        **{"method": "POST", "path": "/", "status": 200, "headers": headers, "cookies": (cookie,), **changes}
    )


@pytest.mark.parametrize(
    ("assumption", "changes"),
    [
        ("good-login-is-empty", {"text": "welcome"}),
        ("session-cookie-has-known-attributes", {"cookies": ("JSESSIONID=x; path=/; secure",)}),
        ("session-cookie-has-known-attributes", {"cookies": ("JSESSIONID=x; path=/api; secure; HttpOnly",)}),
        ("session-cookie-has-known-attributes", {"cookies": ("JSESSIONID=x; path=/; HttpOnly",)}),
        ("responses-have-a-date", {"headers": {}}),
    ],
)
def test_response_that_the_simulator_cannot_give_is_found(assumption: str, changes: dict[str, Any]) -> None:
    known = [one for one in ASSUMPTIONS if one.id == assumption]
    (result,) = judge(known, Seen({"login": observed(**changes)}))
    assert result.outcome == DIFFERS
    (result,) = judge(known, Seen({"login": observed()}))
    assert result.outcome != DIFFERS


def test_every_assumption_is_bent_by_some_test() -> None:
    bent = {expected for table in (READ_BENDS, WRITE_BENDS, KNOBS) for expected, _ in table.values()}
    bent |= {"good-login-is-empty", "session-cookie-has-known-attributes", "responses-have-a-date"}
    bent |= {"idle-session-ends-in-a-known-shape", "scratch-files-are-deleted"}
    # The three assumptions about a list are one function for all lists.
    of_lists = ("-are-a-list", "-have-known-types", "-have-known-fields")
    seen = {one.id for one in ASSUMPTIONS if one.needs != ACTION and not one.id.endswith(of_lists)}
    assert seen - bent == set()


def test_image_of_others_in_the_same_record_stays() -> None:
    with Simulator(group_by_version=True) as vm:
        vm.add_image("of-unknown-version.tar.gz")
        report = check(vm, write=True)
        assert [image.file_name for image in vm.images] == ["of-unknown-version.tar.gz"]
    outcomes = {one.assumption.id: one.outcome for one in report.results}
    assert outcomes["image-is-deleted-by-the-id-of-its-record"] == NOT_SEEN
    assert outcomes["scratch-files-are-deleted"] == AS_ASSUMED
