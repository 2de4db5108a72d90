from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from urllib.parse import urlsplit

import pytest

from airflow_provider_vmanage.simulator.software_repository.naming import platform_of, safe_file_name, version_of

NAME = "vmanage-20.12.5-x86_64.tar.gz"
SOFTWARE = "/dataservice/device/action/software"
SIX = {"versionType", "versionId", "updatedOn", "versionName", "versionURL", "availableFiles"}
ALL_PRESETS = pytest.mark.parametrize("version", ["16.3.1", "20.9.4.1", "20.12.4", "20.18.2.1"])


@ALL_PRESETS
def test_image_is_uploaded_listed_and_deleted(version, simulate, connect):
    vm = simulate(version)
    client = connect(vm)
    content = b"0123456789" * 300_000
    response = client.upload(NAME, content)
    assert (response.status_code, response.content) == (200, b"")
    [image] = vm.images
    assert (image.file_name, image.version, image.size) == (NAME, "20.12.5", len(content))
    assert image.sha512 == hashlib.sha512(content).hexdigest()
    assert image.path.read_bytes() == content
    [record] = client.images()
    assert record["availableFiles"].strip("[]") == NAME
    response = client.delete(record["versionId"])
    assert (response.status_code, response.content) == (200, b"")
    assert client.images() == []
    assert not image.path.exists()
    assert client.log_out().status_code == 302
    assert vm.counters.open_sessions == 0


def test_record_of_16_3_has_six_fields_in_both_lists(simulate, connect):
    client = connect(simulate("16.3.1"))
    client.upload(NAME)
    for path in (SOFTWARE, SOFTWARE + "/images"):
        [record] = client.images(path)
        assert record.keys() == SIX
        assert record["availableFiles"] == NAME
        assert record["versionURL"] == "http://<VMANAGE_HOST>:8080/software/package/"


def test_two_lists_differ_in_id_and_brackets(vm, client):
    client.upload(NAME)
    [grouped], [single] = client.images(), client.images(SOFTWARE + "/images")
    assert (grouped["availableFiles"], single["availableFiles"]) == (f"[{NAME}]", NAME)
    assert (grouped["versionId"], single["versionId"]) == (vm.images[0].version_id, vm.images[0].file_id)
    assert grouped["versionId"] != single["versionId"]
    assert grouped["versionIdMap"] == f"{{{NAME}={single['versionId']}}}"
    assert "@rid" in grouped
    assert "@rid" not in single


def test_types_of_a_record_are_those_public_clients_demand(client):
    client.upload("isr4300-universalk9.17.06.05a.SPA.bin")
    [record] = client.images()
    for name in ("availableFiles", "fileNameMap", "versionIdMap", "versionName", "arch", "imageType"):
        assert isinstance(record[name], str)
    assert isinstance(record["updatedOn"], int)
    assert isinstance(record["@rid"], int)
    assert record["platformFamily"] == ["isr4300"]
    left, _, right = record["fileNameMap"].strip("{}").partition("=")
    assert (left, right) == ("isr4300-ucmk9.17.06.05a.SPA.bin", "isr4300-universalk9.17.06.05a.SPA.bin")


@pytest.mark.parametrize("id_of", ["version_id", "file_id"])
def test_delete_takes_either_id(id_of, vm, client):
    image = vm.add_image(NAME)
    assert client.delete(getattr(image, id_of)).status_code == 200
    assert vm.images == []


def test_delete_of_an_unknown_id_is_an_error(client):
    response = client.delete("unknown")
    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "details", "code"}


def test_files_of_one_version_can_share_a_record(simulate, connect):
    vm = simulate(group_by_version=True)
    client = connect(vm)
    for name in (NAME, "viptela-20.12.5-x86_64.tar.gz", "vmanage-20.9.1-x86_64.tar.gz"):
        client.upload(name)
    shared, other = client.images()
    assert shared["availableFiles"] == f"[{NAME}, viptela-20.12.5-x86_64.tar.gz]"
    assert shared["platformFamily"] == ["vmanage", "vedge-x86"]
    assert len(client.images(SOFTWARE + "/images")) == 3
    client.delete(vm.images[1].file_id)
    assert [i.file_name for i in vm.images] == [NAME, "vmanage-20.9.1-x86_64.tar.gz"]
    client.delete(other["versionId"])
    assert [i.file_name for i in vm.images] == [NAME]


def test_files_can_be_grouped_by_hand(vm, client):
    vm.add_image("a-1.0.bin", group="pair")
    vm.add_image("b-2.0.bin", group="pair")
    [record] = client.images()
    assert (record["versionId"], record["availableFiles"]) == ("pair", "[a-1.0.bin, b-2.0.bin]")
    client.delete("pair")
    assert vm.images == []


def test_second_file_of_a_name_is_rejected(vm, client):
    client.upload(NAME, b"first")
    response = client.upload(NAME, b"second")
    assert response.status_code == 400
    assert NAME in response.json()["error"]["details"]
    assert [i.path.read_bytes() for i in vm.images] == [b"first"]
    assert list((vm.storage / "incoming").iterdir()) == []


def test_second_file_of_a_name_can_be_kept(simulate, connect):
    vm = simulate(duplicates="second_copy")
    client = connect(vm)
    client.upload(NAME, b"first")
    assert client.upload(NAME, b"second").status_code == 200
    assert [i.path.read_bytes() for i in vm.images] == [b"first", b"second"]


def test_first_file_part_counts_under_any_name(vm, client):
    parts = {"name": (NAME, b"image")}
    response = client.call("POST", SOFTWARE + "/package", files=parts, data={"validity": "valid", "upload": "true"})
    assert response.status_code == 200
    assert [(i.file_name, i.size) for i in vm.images] == [(NAME, 5)]


def test_upload_of_unknown_length_is_taken(vm, client):
    head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n'.encode()
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    pieces = iter([head, b"part one, \r", b"\n--", b"part two", b"\r\n--B", b"--\r\n"])
    assert client.call("POST", SOFTWARE + "/package", data=pieces, headers=headers).status_code == 200
    assert vm.requests[-1].headers["transfer-encoding"] == "chunked"
    assert vm.images[0].path.read_bytes() == b"part one, \r\n--part two"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\nhalf',
        ),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n--B--\r\n',
        ),
        ("multipart/form-data; boundary=B", b"no multipart at all"),
        ("multipart/form-data", b"--B--"),
        ("application/json", b"{}"),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="f"; filename=".."\r\n\r\nx\r\n--B--\r\n',
        ),
    ],
)
def test_body_without_a_complete_file_stores_nothing(content_type, body, vm, client):
    response = client.call("POST", SOFTWARE + "/package", data=body, headers={"Content-Type": content_type})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "SIM-UPLOAD-BODY"
    assert vm.images == []
    assert list((vm.storage / "incoming").iterdir()) == []


HEAD = b'Content-Disposition: form-data; name="file"; filename="a-1.0.bin"'


@pytest.mark.parametrize(
    "body",
    [
        b"for people\r\nwith old readers\r\n--B\r\n" + HEAD + b"\r\n\r\nx\r\n--Bx\r\n--B--\r\n",
        b"--B\r\n" + HEAD + b"\r\n\r\nx\r\n--Bx\r\n--B--\r\nepilogue\r\n--B\r\n" + HEAD + b"\r\n\r\ny\r\n--B--",
        b"--B \t\r\n" + HEAD + b"\r\n\r\nx\r\n--Bx\r\n--B  \r\n\r\nno file\r\n--B--  \r\n",
        b"--B\r\n\r\nno headers\r\n--B\r\nX-More: 1\r\n" + HEAD + b"\r\nA: b\r\n\r\nx\r\n--Bx\r\n--B--",
    ],
    ids=["preamble", "epilogue", "blanks after the boundary", "no headers"],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_what_rfc_2046_allows_around_parts_is_no_content(piece, body, vm, client):
    pieces = (body[i : i + piece] for i in range(0, len(body), piece))
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    assert client.call("POST", SOFTWARE + "/package", data=pieces, headers=headers).status_code == 200
    assert [(i.file_name, i.path.read_bytes()) for i in vm.images] == [("a-1.0.bin", b"x\r\n--Bx")]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("filename*=UTF-8''%C3%BC%20a.bin", "ü a.bin"),
        ("filename*=UTF-8''b.bin; filename=a.bin", "a.bin"),
        ("filename=a.bin; filename*=UTF-8''b.bin", "a.bin"),
        ('filename="ü;\\".bin"', 'ü;".bin'),
    ],
)
def test_file_part_is_named_by_filename_or_extended_filename(given, name, vm, client):
    body = f"--B\r\nContent-Disposition: form-data; name=file; {given}\r\n\r\nx\r\n--B--\r\n".encode()
    headers = {"Content-Type": 'multipart/form-data; charset=utf-8; boundary="B"'}
    assert client.call("POST", SOFTWARE + "/package", data=body, headers=headers).status_code == 200
    assert [i.file_name for i in vm.images] == [name]


def test_headers_of_a_part_that_never_end_are_refused(vm, client):
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    response = client.call("POST", SOFTWARE + "/package", data=b"--B\r\nX: " + bytes(200_000), headers=headers)
    assert (response.status_code, "no end" in response.text, vm.images) == (400, True, [])


def test_client_that_dies_during_an_upload_leaves_nothing(vm, client):
    address = urlsplit(vm.url)
    context = ssl.create_default_context(cafile=vm.ca_bundle)
    raw = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=10)
    cookies = "; ".join(f"{c.name}={c.value}" for c in client.http.cookies)
    raw.putrequest("POST", SOFTWARE + "/package")
    for name, value in {
        "Cookie": cookies,
        "X-XSRF-TOKEN": client.http.headers["X-XSRF-TOKEN"],
        "Content-Type": "multipart/form-data; boundary=B",
        "Content-Length": "10000000",
        "Expect": "100-continue",
    }.items():
        raw.putheader(name, value)
    raw.endheaders()
    assert raw.sock.recv(100).startswith(b"HTTP/1.1 100")
    raw.send(f'--B\r\nContent-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n'.encode() + bytes(99999))
    raw.close()
    while list((vm.storage / "incoming").iterdir()):
        pass
    assert client.images() == []
    assert vm.images == []
    [upload] = [r for r in vm.requests if r.method == "POST" and r.path == SOFTWARE + "/package"]
    assert upload.status is None


def test_upload_without_session_is_read_then_gets_the_login_page(vm, connect):
    response = connect(vm, log_in=False).upload(NAME, bytes(5_000_000))
    assert response.text.startswith("<html>")
    assert vm.requests[-1].body_bytes > 5_000_000
    assert vm.images == []


def test_upload_for_another_image_type_is_listed_under_it(vm, client):
    vm.add_image(NAME)
    files = {"file": ("router-1.0.tar.gz", b"x")}
    assert client.call("POST", SOFTWARE + "/package/virtualmachine", files=files).status_code == 200
    listed = client.images(SOFTWARE + "/images?imageType=virtualmachine")
    assert [r["availableFiles"] for r in listed] == ["router-1.0.tar.gz"]
    assert len(client.images(SOFTWARE + "/images")) == 2
    count = client.call("GET", SOFTWARE + "/package/imageCount?imageType=software").json()
    assert count == {"imageCount": 1}


def test_stored_image_can_be_downloaded(vm, client):
    vm.add_image(NAME, b"the bytes")
    response = client.call("GET", f"{SOFTWARE}/package/{NAME}?imageType=software")
    assert (response.content, response.headers["content-type"]) == (b"the bytes", "application/octet-stream")
    assert client.call("GET", f"{SOFTWARE}/package/other.bin").status_code == 404


@pytest.mark.parametrize(
    ("version", "old", "new"),
    [("16.3", 200, 400), ("20.9", 200, 200), ("20.12", 200, 200), ("20.18", 400, 200)],
)
def test_which_body_registers_an_image_depends_on_the_release(version, old, new, simulate, connect):
    vm = simulate(version)
    client = connect(vm)
    server_id = vm.add_remote_server("files")
    url = {"versionName": "16.1.2", "versionURL": "ftp://1.1.1.1/builds/16.1/"}
    remote = {"remoteServerId": server_id, "fileName": "abc.bin"}
    assert client.call("POST", SOFTWARE, json=url).status_code == old
    assert client.call("POST", SOFTWARE, json=remote).status_code == new
    listed = client.images()
    assert len(listed) == [old, new].count(200)
    if old == 200:
        assert (listed[0]["versionName"], listed[0]["versionURL"]) == ("16.1.2", "ftp://1.1.1.1/builds/16.1/")
    if new == 200:
        assert listed[-1]["versionName"] == "--"
        assert "files" in listed[-1]["versionType"]
        assert json.loads(listed[-1]["remoteServers"])[0]["remoteServerId"] == server_id


@pytest.mark.parametrize("bad", [None, 5, "", ["a"], {}])
def test_what_registers_an_image_is_text(bad, vm, client):
    server_id = vm.add_remote_server("files")
    good = {"versionName": "1.0", "versionURL": "ftp://h/"}, {"remoteServerId": server_id, "fileName": "a.bin"}
    for body in good:
        for key in body:
            response = client.call("POST", SOFTWARE, json={**body, key: bad})
            assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-IMAGE-URL-BODY")
    assert client.images() == []
    vm.add_image("", version="1.0", url="ftp://h/")
    response = client.call("PUT", f"{SOFTWARE}/{vm.images[0].version_id}", json={"versionURL": bad})
    assert (response.status_code, vm.images[0].url) == (400, "ftp://h/")


def test_repository_url_is_unique_by_version_and_can_be_changed(simulate, connect):
    vm = simulate("20.9")
    client = connect(vm)
    vm.add_image("", version="16.1.2", url="ftp://1.1.1.1/old/")
    body = {"versionName": "16.1.2", "versionURL": "ftp://1.1.1.1/new/"}
    assert client.call("POST", SOFTWARE, json=body).status_code == 400
    assert client.call("PUT", f"{SOFTWARE}/{vm.images[0].version_id}", json=body).status_code == 200
    assert vm.images[0].url == "ftp://1.1.1.1/new/"


def test_image_on_an_unknown_remote_server_is_an_error(simulate, connect):
    client = connect(simulate("20.18"))
    body = {"remoteServerId": "unknown", "fileName": "abc.bin"}
    assert client.call("POST", SOFTWARE, json=body).status_code == 400


def test_remote_server_is_created_shown_without_password_changed_deleted(client):
    path = "/dataservice/device/action/remote-server"
    body = {"remoteServerName": "files", "remoteServerUrl": "1.1.1.1", "remoteServerPassword": "secret"}
    assert client.call("POST", path, json=body).content == b""
    assert client.call("POST", path, json=body).status_code == 400
    [server] = client.images(path)
    assert "remoteServerPassword" not in server
    one = f"{path}/{server['remoteServerId']}"
    assert client.call("PUT", one, json={**body, "remoteServerUrl": "2.2.2.2"}).status_code == 200
    assert client.call("GET", one).json()["remoteServerUrl"] == "2.2.2.2"
    assert client.call("DELETE", one).status_code == 200
    assert client.images(path) == []
    assert client.call("DELETE", one).status_code == 400


def test_raw_record_is_listed_as_given_and_can_be_deleted(vm, client):
    record = {"versionId": "raw", "availableFiles": None, "odd": [1, {"two": 2}]}
    vm.add_record(record)
    assert client.images() == [record]
    assert client.images(SOFTWARE + "/images") == [record]
    assert client.delete("raw").status_code == 200
    assert client.images() == []


def test_repository_survives_a_restart_in_its_folder(simulate, connect, tmp_path):
    first = simulate(storage=tmp_path)
    kept = first.add_image(NAME, b"kept", platform_family="vmanage")
    first.add_record({"versionId": "raw"})
    authority = (tmp_path / "ca.pem").read_bytes()
    (tmp_path / "incoming" / "half.part").write_bytes(b"half")
    first.close()
    second = simulate(storage=tmp_path)
    assert second.images == [kept]
    assert second.images[0].path.read_bytes() == b"kept"
    assert [r["versionId"] for r in connect(second).images()] == [kept.version_id, "raw"]
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert list((tmp_path / "incoming").iterdir()) == []


def test_page_shows_the_repository_and_escapes_what_clients_sent(vm, client):
    vm.add_image(NAME, b"x" * 1500)
    vm.add_image("<script>-1.0.bin", updated_on=int((time.time() - 3 * 86400) * 1000))
    vm.add_image("", version="17.12.4", url="https://images.example.com/?a=1&b=2")
    page = client.call("GET", "/").text
    assert f">{NAME}</td><td>20.12.5</td><td>vmanage</td><td>software</td>" in page
    assert "1.5 kB" in page
    assert f">{hashlib.sha512(b'x' * 1500).hexdigest()}<" in page
    assert "3 days ago" in page
    assert "https://images.example.com/?a=1&amp;b=2" in page
    assert "3 images" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_page_of_an_empty_repository_says_so(client):
    assert "No images yet." in client.call("GET", "/").text


def test_devices_appear_in_the_list_of_their_type(vm, client):
    path = "/dataservice/device/action/install/devices/"
    assert client.images(path + "vedge?groupId=all") == []
    vm.add_device("edge-1", availableVersions=["20.12.5"], site_id="7")
    vm.add_device("smart-1", "vsmart", "20.12.4", reachability="unreachable")
    [edge] = client.images(path + "vedge?groupId=all")
    assert (edge["host-name"], edge["availableVersions"], edge["site-id"]) == ("edge-1", ["20.12.5"], "7")
    [smart] = client.images(path + "controller")
    assert (smart["defaultVersion"], smart["reachability"]) == ("20.12.4", "unreachable")
    [itself] = client.images(path + "vmanage")
    assert (itself["version"], itself["platformFamily"]) == (vm.version, "vmanage")
    assert len(client.images("/dataservice/device")) == 3
    with pytest.raises(ValueError, match="toaster"):
        vm.add_device("x", "toaster")


@pytest.mark.parametrize("path", ["device/action/install/devices/nope", "system/device/nope"])
def test_device_list_that_there_is_not_is_an_error(path, client):
    response = client.call("GET", f"/dataservice/{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "SIM-UNKNOWN-DEVICE-LIST")


@pytest.mark.parametrize(
    ("name", "version", "platform"),
    [
        ("vmanage-20.12.4-x86_64.tar.gz", "20.12.4", ("vmanage",)),
        ("viptela-20.9.4.1-mips64.tar.gz", "20.9.4.1", ("vedge-mips",)),
        ("viptela-20.9.4.1-x86_64.tar.gz", "20.9.4.1", ("vedge-x86",)),
        ("c8000v-universalk9.17.06.05a.SPA.bin", "17.06.05a", ("c8000v",)),
        ("isr4200-universalk9_ias.17.09.01.0.155356_V17_9_0_8.SSA.bin", "17.09.01.0.155356", ("isr4200",)),
        ("image.bin", "--", ()),
    ],
)
def test_version_and_platform_are_read_from_the_file_name(name, version, platform):
    assert (version_of(name), platform_of(name)) == (version, platform)


@pytest.mark.parametrize(("sent", "kept"), [("../../etc/passwd", "passwd"), ("C:\\images\\a.bin", "a.bin")])
def test_only_the_last_component_of_a_sent_name_is_kept(sent, kept):
    assert safe_file_name(sent) == kept


@pytest.mark.parametrize("name", ["", "..", "a/", "nul\0", "x" * 201])
def test_unusable_name_is_refused(name):
    with pytest.raises(ValueError, match="not a usable file name"):
        safe_file_name(name)
