"""How a call is written: method, path, query, JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageRejectedError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]

SOFTWARE = "device/action/software"


@pytest.mark.parametrize(
    "path", [SOFTWARE, f"/{SOFTWARE}", f"/dataservice/{SOFTWARE}", f"dataservice/{SOFTWARE}", f"  {SOFTWARE} "]
)
def test_path_may_be_written_with_or_without_its_root(vm: Simulator, connect: Connect, path: str) -> None:
    envelope = connect(vm).request("get", path)
    assert (envelope.method, envelope.path) == ("GET", f"/dataservice/{SOFTWARE}")
    assert vm.requests[-1].path == f"/dataservice/{SOFTWARE}"


def test_query_in_the_path_is_sent_but_not_in_errors(vm: Simulator, connect: Connect) -> None:
    vm.faults.add("error_4xx", path=SOFTWARE)
    with pytest.raises(VManageRejectedError) as caught:
        connect(vm).request("GET", f"{SOFTWARE}?imageType=software&key=s3cret", params={"more": "1"})
    assert vm.requests[-1].query == {"imageType": "software", "key": "s3cret", "more": "1"}
    assert caught.value.path == f"/dataservice/{SOFTWARE}"
    assert "s3cret" not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "  "),
        ("GET", "/"),
        ("GET", "/dataservice/"),
        ("GET", "/dataservice"),
        ("GET", "?a=b"),
        ("GET", "https://elsewhere.example.com/x"),
        ("GET", "../logout"),
        ("GET", "device/../../logout"),
        ("GET", "%2e%2e/logout"),
        ("DELETE", "device/./x"),
        ("DELETE", "device/action/software/a#b"),
        ("", SOFTWARE),
        ("GE T", SOFTWARE),
        ("GET\r\n", SOFTWARE),
    ],
)
def test_path_or_method_that_leads_elsewhere_is_not_sent(
    vm: Simulator, connect: Connect, method: str, path: str
) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^(path|method) is "):
        connect(vm).request(method, path)
    assert vm.requests == []


def test_body_that_is_no_json_is_a_configuration_error(vm: Simulator, connect: Connect) -> None:
    with pytest.raises(VManageConfigurationError, match="json cannot be sent"):
        connect(vm).request("POST", SOFTWARE, json={"a": float("nan")})


def test_json_goes_out_as_json(vm: Simulator, connect: Connect) -> None:
    connect(vm).request("POST", SOFTWARE, json={"versionName": "20.12.5", "versionURL": "ftp://a/"})
    assert vm.requests[-1].json == {"versionName": "20.12.5", "versionURL": "ftp://a/"}
