"""Bad input of changing calls: one error that names the field and the fix, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.simulator import Simulator

URL = "https://images.example.com/20.12/"

ADD = [
    ("", URL, {}, r"^version_name is '': give"),
    (" \t", URL, {}, r"^version_name is ' \\t': give"),
    (None, URL, {}, r"^version_name is None: give"),
    (20.12, URL, {}, r"^version_name is 20\.12: give"),
    ("20.12", "", {}, r"^version_url is '': give"),
    ("20.12", None, {}, r"^version_url is None: give"),
    ("20.12", "https://images.example.com/a b", {}, r"^version_url .* has blanks in it: give one URL"),
    ("20.12", " https://images.example.com/", {}, r"^version_url .* blanks"),
    ("20.12", "https://images.example.com/\n", {}, r"^version_url .* blanks"),
    ("20.12", "https:///20.12/", {}, r"^version_url .* has no host: write scheme://host/path"),
    ("20.12", "https://", {}, r"^version_url .* has no host"),
    ("20.12", "images.example.com/20.12", {}, r"^version_url .* has the scheme '': use one of http, https, ftp, scp"),
    *(
        ("20.12", f"{scheme}://images.example.com/", {}, rf"^version_url .* has the scheme '{scheme}': use one of")
        for scheme in ("file", "s3", "gopher", "ssh", "ftps")
    ),
    ("20.12", "https://images.example.com:99999/", {}, r"^version_url .* (is not a URL|has a port)"),
    ("20.12", "https://[::1/", {}, r"^version_url .* (is not a URL|has a port)"),
    ("20.12", URL, {"if_exists": "overwrite"}, r"^if_exists is 'overwrite': use one of skip, replace, fail"),
    ("20.12", URL, {"if_exists": None}, r"^if_exists is None: use one of"),
]


@pytest.mark.parametrize(("name", "url", "options", "text"), ADD)
def test_bad_repository_url_is_refused_unsent(
    name: Any, url: Any, options: dict[str, Any], text: str, vm: Simulator, repository: SoftwareRepository
) -> None:
    with pytest.raises(VManageConfigurationError, match=text) as caught:
        repository.add_url(name, url, **options)
    assert not caught.value.retryable
    assert vm.requests == []


@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "scp", "sftp", "tftp", "HTTPS"])
@pytest.mark.parametrize("host", ["images.example.com", "10.0.0.1:8080", "[2001:db8::1]", "joe:secret@images"])
def test_each_scheme_that_a_manager_knows_may_be_used(
    scheme: str, host: str, vm: Simulator, repository: SoftwareRepository
) -> None:
    url = f"{scheme}://{host}/20.12/"
    assert repository.add_url("20.12", url).image.url == url
    assert vm.images[0].url == url


DELETE = [
    ({}, r"^none of them given: give exactly one of version_id, version, file_name"),
    ({"version": "20.1", "file_name": "a.bin"}, r"^version and file_name given: give exactly one"),
    ({"version_id": "id", "version": "20.1", "file_name": "a.bin"}, r"given: give exactly one"),
    ({"version": ""}, r"^version is '': give"),
    ({"version": "  "}, r"^version is '  ': give"),
    ({"version": 20.1}, r"^version is 20\.1: give"),
    ({"version_id": ""}, r"^version_id is '': give"),
    ({"file_name": "\n"}, r"^file_name is '\\n': give"),
    ({"version": "", "file_name": "a.bin"}, r"^version and file_name given"),
    ({"version": "20.1", "if_missing": "ignore"}, r"^if_missing is 'ignore': use one of skip, fail"),
]


@pytest.mark.parametrize(("arguments", "text"), DELETE)
def test_bad_deletion_is_refused_unsent(
    arguments: dict[str, Any], text: str, vm: Simulator, repository: SoftwareRepository
) -> None:
    with pytest.raises(VManageConfigurationError, match=text) as caught:
        repository.delete_image(**arguments)
    assert not caught.value.retryable
    assert vm.requests == []


UPLOAD = [
    ("", {}, r"^file_name is '': give"),
    ("a/b.bin", {}, r"^file_name 'a/b\.bin' has '/' in it"),
    (None, {}, r"^file_name is None: give"),
    (20.12, {}, r"^file_name is 20\.12: give"),
    ("a.bin", {"if_exists": "yes"}, r"^if_exists is 'yes': use one of skip, replace, fail"),
    *(
        ("a.bin", {"listing_timeout": value}, r"^listing_timeout is .*: give a number of seconds above 0")
        for value in (0, -1, float("nan"), float("inf"), "soon", None, True)
    ),
]


@pytest.mark.parametrize(("name", "options", "text"), UPLOAD)
def test_bad_upload_is_refused_unsent(
    name: Any, options: dict[str, Any], text: str, vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    with pytest.raises(VManageConfigurationError, match=text) as caught:
        upload(name, **options)
    assert not caught.value.retryable
    assert vm.requests == []
