"""A report holds no value of the manager: neither as text nor as JSON, wherever the value is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_provider_vmanage.cli.check import as_text
from airflow_provider_vmanage.client.assumptions.names import is_technical
from airflow_provider_vmanage.client.assumptions.redaction import Redactor, samples_of
from airflow_provider_vmanage.client.assumptions.report import Report
from airflow_provider_vmanage.client.assumptions.run import check_manager
from airflow_provider_vmanage.simulator import Simulator
from tests.assumptions.manager_in_use import MINUTE_S, check, fill, settings_of

HOST, ADDRESS, SERIAL, USER, PASSWORD = "paris-core-7", "10.99.88.77", "FGL1234Q5W6", "jeanne.doe", "hunter2-secret"
FILE, KEY = "acme-bank-20.12.4.tar.gz", "acmeBankRouters"
SECRETS = (HOST, ADDRESS, SERIAL, USER, PASSWORD, FILE, KEY, "acme", "paris", "jeanne", "hunter2", "FGL1234", "99.88")


@pytest.fixture
def report() -> Report:
    with Simulator(seconds_per_minute=MINUTE_S, username=USER, password=PASSWORD, tenants=["acme"]) as vm:
        fill(vm)
        vm.add_image(FILE, version="acme-1.0")
        vm.add_image("acme-b.bin", group="acme")
        vm.add_image("", url=f"ftp://{USER}:{PASSWORD}@{ADDRESS}/acme/", version="acme")
        vm.add_remote_server(HOST, remoteServerUrl=ADDRESS, remoteServerUser=USER, remoteServerPassword=PASSWORD)
        odd = {"versionId": HOST, "versionName": ADDRESS, "versionType": HOST, KEY: PASSWORD, "updatedOn": SERIAL}
        vm.add_record({**odd, "availableFiles": f"[{FILE}, {HOST}]", "versionIdMap": f"{{{FILE}={SERIAL}}}"})
        vm.add_record({**odd, "fileNameMap": f"{{{FILE}={HOST}}}", "remoteServers": json.dumps([{KEY: ADDRESS}])})
        vm.add_record({HOST: {KEY: [PASSWORD, {ADDRESS: USER}]}, "platformFamily": [HOST, 7]})
        everything: dict[str, Any] = {
            **dict.fromkeys(("personality", "reachability", "version", "current_partition", "platformFamily"), HOST),
            **dict.fromkeys(("system_ip", "local_system_ip", "deviceId", "device_model"), ADDRESS),
            "uuid": SERIAL,
            "board-serial": SERIAL,
            "site-id": "acme",
            KEY: USER,
            "availableVersions": [ADDRESS],
        }
        vm.add_device(HOST, **everything)
        error = {"message": f"No such user {USER}", "details": f"{HOST} at {ADDRESS}", "code": PASSWORD}
        vm.faults.add("error_4xx", times=None, path="device/tloc", **error)
        page = f"<html>{PASSWORD} {HOST}</html>"
        vm.faults.add("status", times=None, path="device/counters", body=page, content_type=f"text/html;{USER}")
        vm.faults.add("status", path="client/server/ready", body=f'"{PASSWORD}"', status=200)
        vm.faults.add("stray_cookie", path="device", cookie=f"{HOST}={PASSWORD}; path=/{USER}; {KEY}")
        return check(vm, write=True)


def test_report_shows_no_value_of_the_manager(report: Report) -> None:
    for text in (json.dumps(report.as_json()), as_text(report), "".join(str(report.as_json()))):
        assert [secret for secret in SECRETS if secret.lower() in text.lower()] == []


def test_report_shows_no_tenant_of_the_connection() -> None:
    with Simulator(tenants=["acme"]) as vm:
        vm.faults.add("forbidden", path="tenant/*", method="POST")
        refused = check_manager(settings_of(vm, tenant="acme"))
        report = check_manager(settings_of(vm, tenant="acme"))
    for one in (refused, report):
        (tenant,) = one.seen.responses["tenant"].body["data"]
        shown = json.dumps(one.as_json()) + as_text(one)
        assert [secret for secret in (tenant["tenantId"], "acme") if secret in shown] == []
    assert report.as_json()["responses"]["vsessionid"]["path"] == "/dataservice/tenant/{id}/vsessionid"


def test_report_shows_no_text_of_a_content_type(vm: Simulator) -> None:
    vm.faults.add("status", path="device", status=200, body="{}", content_type=f"application/json; charset={HOST}")
    assert HOST not in json.dumps(check(vm).as_json())


def test_number_that_is_none_is_shown_as_zero() -> None:
    body = json.loads('{"rebootCount": NaN, "site-id": -1e400, "total": Infinity}')
    assert set(Redactor().redacted(body).values()) == {0.0}


def test_report_shows_what_helps(report: Report) -> None:
    shown = report.as_json()
    assert shown["release"] == "20.12.4"
    assert shown["provider"]
    assert shown["requests"] == report.requests
    (image,) = [row for row in shown["responses"]["software"]["body"]["data"] if row.get("versionName") == "20.12.4"][
        :1
    ]
    assert image["versionType"] == "vmanage"
    assert image["versionURL"] == "http://<VMANAGE_HOST>:8080/software/package/"
    assert re.fullmatch(r"\[x\w{10}\.tar\.gz\]", image["availableFiles"])
    assert re.fullmatch(r"\{x\w{10}\.tar\.gz=[0-9a-f-]{36}\}", image["versionIdMap"])
    assert image["updatedOn"] == 1_000_000_000_000


def test_same_value_has_same_digest_within_a_report_only(report: Report) -> None:
    first, second = report.as_json(), report.as_json()
    edge = first["responses"]["edges"]["body"]["data"][0]
    assert edge["system-ip"] == edge["local-system-ip"] != second["responses"]["edges"]["body"]["data"][0]["system-ip"]


@pytest.mark.parametrize(
    ("value", "key", "shown"),
    [
        ("", "host-name", ""),
        ("reachable", "reachability", "reachable"),
        ("17.09.01.0.155356.1646904830", "versionName", "17.09.01.0.155356.1646904830"),
        ("17.15.03a.0.176", "version", "17.15.03a.0.176"),
        ("20.9.0.02-li", "platformVersion", "20.9.0.02-li"),
        ("12", "ompPeers", "12"),
        (7, "rebootCount", 7),
        (4711, "site-id", 1000),
        (True, "anything", True),
        (None, "anything", None),
    ],
)
def test_harmless_value_is_shown(value: Any, key: str, shown: Any) -> None:
    assert Redactor().redacted(value, key) == shown


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("10.1.2.3", "version"),
        ("20.12.4", "host-name"),
        ("123456", "ompPeers"),
        ("branch", "site-id"),
        ("scp://me:secret@host/x", "versionURL"),
        ("ABCDEF", "CSRFToken"),
    ],
)
def test_other_value_is_not_shown(value: str, key: str) -> None:
    assert value not in str(Redactor().redacted(value, key))


@pytest.mark.parametrize("name", ["fileSizeInBytes", "is-Schedule-supported", "device_count", "vpnId"])
def test_name_of_technical_words_is_shown(name: str) -> None:
    assert is_technical(name)
    assert Redactor().key(name) == name


@pytest.mark.parametrize("name", ["acme", "edge-paris", "10.1.2.3", "device7", "", "hostAcme", "x" * 80])
def test_name_of_other_words_is_not_shown(name: str) -> None:
    assert not is_technical(name)
    assert name == "" or name not in Redactor().key(name)


def test_one_row_of_each_shape_is_kept() -> None:
    rows = [{"a": 1}, {"a": 2}, {"a": "x"}, {"a": 1, "b": [1]}, {"a": 1, "b": ["x"]}]
    assert samples_of(rows, 10) == [rows[0], rows[2], rows[3], rows[4]]
    assert samples_of(rows, 2) == [rows[0], rows[2]]
