"""Assets for what a manager holds have one spelling only."""

from __future__ import annotations

import re
import subprocess
import sys
from urllib.parse import SplitResult, urlsplit

import pytest
from airflow.sdk import Asset

from airflow_provider_vmanage.assets import (
    convert_asset_to_openlineage,
    create_asset,
    normalize_uri,
    vmanage_image,
    vmanage_repository,
)
from airflow_provider_vmanage.client.errors import VManageConfigurationError

HOSTS = {
    "vm.example.com": "vm.example.com",
    "VM.Example.COM": "vm.example.com",
    "https://vm.example.com/": "vm.example.com",
    "vm.example.com:443": "vm.example.com",
    "vm.example.com:8443": "vm.example.com:8443",
    "192.0.2.1": "192.0.2.1",
    "2001:db8::1": "[2001:db8::1]",
    "[2001:DB8::1]:8443": "[2001:db8::1]:8443",
    "2001:db8:0:0:0:0:0:1": "[2001:db8::1]",
    "fe80::1%eth0": "[fe80::1%eth0]",
}


@pytest.mark.parametrize(("host", "written"), HOSTS.items())
def test_host_is_written_in_one_way(host: str, written: str) -> None:
    assert vmanage_repository(host).uri == f"vmanage://{written}/software"
    assert vmanage_image(host, "a.bin").uri == f"vmanage://{written}/software/a.bin"


@pytest.mark.parametrize("name", ["A-20.1.bin", "a b.bin", "a/b.bin", "ü.bin", "a%20b.bin", "a?b#c.bin"])
def test_file_name_keeps_its_case_as_one_path_segment(name: str) -> None:
    path = urlsplit(vmanage_image("vm.example.com", name).uri)
    assert len(path.path.split("/")) == 3
    assert (path.query, path.fragment) == ("", "")
    assert vmanage_image("vm.example.com", name) == vmanage_image("VM.example.com:443", name)


def test_different_file_names_are_different_assets() -> None:
    names = ["a b.bin", "a%20b.bin", "a/b.bin", "A b.bin"]
    assert len({vmanage_image("vm", name).uri for name in names}) == len(names)


@pytest.mark.parametrize("host", ["", " ", "vm.example.com/path", "joe:secret@vm.example.com", "vm?x=1"])
def test_invalid_host_is_refused_without_its_secret(host: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^host") as caught:
        vmanage_repository(host)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "  "])
def test_image_needs_a_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"^file_name is '.*': give the name"):
        vmanage_image("vm.example.com", name)


@pytest.mark.parametrize(
    ("uri", "written"),
    [
        ("vmanage://VM.example.com:443/software/A.bin", "vmanage://vm.example.com/software/A.bin"),
        ("VMANAGE://vm.example.com:8443/software/", "vmanage://vm.example.com:8443/software"),
        ("vmanage://[2001:db8:0::1]/software/a%2eb", "vmanage://[2001:db8::1]/software/a.b"),
        ("vmanage://vm.example.com/software/x+1~ü.gz", vmanage_image("vm.example.com", "x+1~ü.gz").uri),
        ("vmanage://joe@vm.example.com/software?x=1", "vmanage://vm.example.com/software"),
    ],
)
def test_airflow_normalizes_a_uri_that_somebody_wrote_by_hand(uri: str, written: str) -> None:
    assert Asset(uri).uri == written


def test_uri_without_a_host_is_refused() -> None:
    with pytest.raises(ValueError, match="has no host: write vmanage://host/software/<file name>"):
        normalize_uri(urlsplit("vmanage:///software/a.bin"))


@pytest.mark.parametrize("host", ["vm:abc", "vm:0", "v m"])
def test_uri_with_an_invalid_host_is_refused_as_airflow_expects(host: str) -> None:
    with pytest.raises(ValueError, match=f"URI with the host '{re.escape(host)}': host ") as caught:
        normalize_uri(SplitResult("vmanage", host, "/software", "", ""))
    assert "***" not in str(caught.value)


def test_factory_makes_the_same_assets_as_the_helpers() -> None:
    assert create_asset(host="vm", extra={"a": 1}) == vmanage_repository("vm", extra={"a": 1})
    assert create_asset(host="vm", file_name="a.bin") == vmanage_image("vm", "a.bin")


def test_openlineage_has_the_manager_as_namespace_path_as_name() -> None:
    dataset = convert_asset_to_openlineage(vmanage_image("vm:8443", "a.bin"), None)
    assert (dataset.namespace, dataset.name) == ("vmanage://vm:8443", "software/a.bin")


def test_airflow_has_handler_factory_and_converter_registered() -> None:
    code = (
        "from airflow.providers_manager import ProvidersManager\n"
        "try: from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as Manager\n"
        "except ImportError: Manager = ProvidersManager\n"
        "m = Manager(); print(*(getattr(m, n)['vmanage'].__name__ for n in "
        "('asset_uri_handlers', 'asset_factories', 'asset_to_openlineage_converters')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1:] == ["normalize_uri create_asset convert_asset_to_openlineage"], ended.stderr
