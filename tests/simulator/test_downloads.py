"""Downloads: whole unless parts are offered, and how they end too soon."""

from __future__ import annotations

import pytest
import requests

NAME = "vmanage-20.12.5-x86_64.tar.gz"
PACKAGE = "/dataservice/device/action/software/package"
CONTENT = bytes(range(256)) * 12_000  # three blocks of the server


def test_file_is_whole_and_documented_in_type(vm, client):
    vm.add_image(NAME, CONTENT)
    response = client.call("GET", f"{PACKAGE}/{NAME}?imageType=software", headers={"Range": "bytes=10-"})
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-type"] == "application/octet-stream"
    assert {"accept-ranges", "etag", "last-modified"} & {name.lower() for name in response.headers} == set()


def test_type_is_software_unless_given(vm, client):
    vm.add_image("router.tar.gz", CONTENT, image_type="virtualmachine")
    assert client.call("GET", f"{PACKAGE}/router.tar.gz").status_code == 404
    assert client.call("GET", f"{PACKAGE}/router.tar.gz?imageType=virtualmachine").content == CONTENT


def test_parts_are_sent_where_they_are_offered(simulate, connect):
    vm = simulate(ranges=True)
    client = connect(vm)
    vm.add_image(NAME, CONTENT)
    whole = client.call("GET", f"{PACKAGE}/{NAME}")
    assert (whole.content, whole.headers["accept-ranges"]) == (CONTENT, "bytes")
    headers = {"Range": "bytes=1000-", "If-Range": whole.headers["etag"]}
    part = client.call("GET", f"{PACKAGE}/{NAME}", headers=headers)
    assert (part.status_code, part.content) == (206, CONTENT[1000:])
    other = client.call("GET", f"{PACKAGE}/{NAME}", headers={**headers, "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, CONTENT)


def test_cut_download_promises_more_than_it_sends(vm, client):
    vm.add_image(NAME, CONTENT)
    vm.faults.add("cut_download", after_bytes=1_500_000)
    response = client.call("GET", f"{PACKAGE}/{NAME}", stream=True)
    assert response.headers["content-length"] == str(len(CONTENT))
    received: list[bytes] = []
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        received.extend(response.iter_content(10_000))
    assert sum(map(len, received)) == 1_500_000
    assert client.call("GET", f"{PACKAGE}/{NAME}").content == CONTENT


def test_download_without_length_comes_in_chunks(vm, client):
    vm.add_image(NAME, CONTENT)
    vm.faults.add("download_without_length")
    response = client.call("GET", f"{PACKAGE}/{NAME}")
    assert (response.headers.get("content-length"), response.content) == (None, CONTENT)
