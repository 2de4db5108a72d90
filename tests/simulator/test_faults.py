from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_vmanage.simulator import FAULTS

NAME = "vmanage-20.12.5-x86_64.tar.gz"
SOFTWARE = "/dataservice/device/action/software"
PACKAGE = SOFTWARE + "/package"
LIST = SOFTWARE
BIG = bytes(30_000_000)  # more than the kernel holds for a reader that stopped

GONE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def is_html(response):
    return response.text.lstrip().startswith("<html>")


def test_every_fault_is_described_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    documented = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [name for name in FAULTS if name not in documented] == []
    assert all(f"| {kind.about} |" in page for kind in FAULTS.values())


def test_unknown_fault_is_refused_with_the_names_there_are(vm):
    with pytest.raises(ValueError, match="expired_a, expired_b"):
        vm.faults.add("nonsense")


@pytest.mark.parametrize("wrong", [{"retry_after": 1}, {"times": 0}])
def test_option_a_fault_does_not_take_is_refused(wrong, vm):
    with pytest.raises(ValueError, match=r"fault html_200 takes|at least 1"):
        vm.faults.add("html_200", **wrong)


def test_fault_runs_out_by_count(vm, client):
    vm.faults.add("http_503", times=2)
    assert [f.left for f in vm.faults.pending] == [2]
    assert [client.call("GET", LIST).status_code for _ in range(3)] == [503, 503, 200]
    assert vm.faults.pending == []


def test_fault_without_a_count_stays_until_it_is_cleared(vm, client):
    vm.faults.add("http_429", times=None)
    assert [client.call("GET", LIST).status_code for _ in range(3)] == [429] * 3
    vm.faults.clear()
    assert client.call("GET", LIST).status_code == 200


def test_fault_is_used_up_only_by_a_request_it_fits(vm, client):
    vm.faults.add("http_500", method="DELETE", path="device/action/software/*")
    assert client.call("GET", LIST).status_code == 200
    assert client.call("DELETE", "/dataservice/device/action/remote-server/x").status_code == 400
    assert client.delete("x").status_code == 500


def test_faults_come_in_the_order_they_were_added(vm, client):
    vm.faults.add("http_502")
    vm.faults.add("http_504")
    assert [client.call("GET", LIST).status_code for _ in range(3)] == [502, 504, 200]


def test_login_calls_are_spared_unless_a_path_names_them(vm, connect):
    vm.faults.add("http_503")
    client = connect(vm)
    assert client.call("GET", LIST).status_code == 503
    vm.faults.add("http_503", path="/j_security_check")
    assert client.log_in().status_code == 503
    vm.faults.add("http_503", path="client/server")
    assert client.call("GET", "/dataservice/client/server").status_code == 503


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("expired_a", lambda r: r.status_code == 200 and is_html(r) and "set-cookie" not in r.headers),
        (
            "expired_b",
            lambda r: r.status_code == 200 and is_html(r) and "JSESSIONID=" in r.headers["set-cookie"],
        ),
        ("expired_c", lambda r: is_html(r) and "Expires=Thu, 01 Jan 1970" in r.headers["set-cookie"]),
        ("expired_d", lambda r: r.status_code == 302 and r.headers["location"].endswith("/welcome.html")),
        ("expired_e", lambda r: r.status_code == 401 and "error" in r.json()),
    ],
)
def test_expiry_kills_the_session_and_responds_in_its_shape(name, sign, vm, client):
    vm.faults.add(name)
    response = client.call("GET", LIST)
    assert sign(response)
    assert "date" in response.headers
    assert vm.counters.open_sessions == 0
    assert is_html(client.call("GET", LIST))
    client.log_in()
    assert client.images() == []


def test_expiry_passes_over_requests_that_have_no_session(vm, connect):
    vm.faults.add("expired_d")
    client = connect(vm, log_in=False)
    assert client.call("GET", LIST).status_code == 200
    assert len(vm.faults.pending) == 1


def test_expiry_ends_a_jwt_too(simulate, connect):
    vm = simulate("20.18")
    client = connect(vm, log_in=False)
    token = client.call("POST", "/jwt/login", json={"username": "admin", "password": "admin-password"}).json()["token"]
    client.http.headers["Authorization"] = f"Bearer {token}"
    vm.faults.add("expired_e")
    assert [client.call("GET", LIST).status_code for _ in range(2)] == [401, 401]
    assert vm.counters.open_sessions == 0


def test_stale_token_hits_writes_only_and_leaves_the_session_alive(vm, client):
    vm.faults.add("expired_f")
    assert client.call("GET", LIST).status_code == 200
    assert "SessionTokenFilter" in client.upload().text
    assert client.upload().status_code == 403
    client.take_token()
    assert client.upload().status_code == 200


def test_stale_token_can_kill_the_session_too(vm, client):
    vm.faults.add("expired_f", killed=True)
    assert client.upload().status_code == 403
    assert is_html(client.call("GET", LIST))


@pytest.mark.parametrize("retry_after", [None, 3, "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("code", [429, 503])
def test_limit_comes_with_and_without_retry_after(code, retry_after, vm, client):
    options = {} if retry_after is None else {"retry_after": retry_after}
    vm.faults.add(f"http_{code}", **options)
    response = client.call("GET", LIST)
    assert response.status_code == code
    assert response.headers.get("retry-after") == (None if retry_after is None else str(retry_after))


@pytest.mark.parametrize("code", [500, 502, 504])
def test_broken_proxy_responds_with_html_and_nothing_is_stored(code, vm, client):
    vm.faults.add(f"http_{code}", path=PACKAGE)
    response = client.upload(NAME, BIG)
    assert (response.status_code, is_html(response)) == (code, True)
    assert vm.requests[-1].body_bytes > len(BIG)
    assert vm.images == []


def test_any_status_and_body_can_be_had(vm, client):
    vm.faults.add("status", status=418, body={"tea": "pot"}, content_type="application/json", retry_after=7)
    response = client.call("GET", LIST)
    assert (response.status_code, response.json(), response.headers["retry-after"]) == (418, {"tea": "pot"}, "7")


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("error_200", {}, 200),
        ("error_4xx", {}, 400),
        ("error_4xx", {"status": 403}, 403),
        ("error_500", {}, 500),
    ],
)
def test_error_envelope_comes_under_its_status_and_nothing_is_done(name, options, status, vm, client):
    image = vm.add_image(NAME)
    vm.faults.add(name, message="No", details="disk full", code="X1", **options)
    response = client.delete(image.version_id)
    assert response.status_code == status
    assert response.json() == {"error": {"message": "No", "details": "disk full", "code": "X1"}}
    assert vm.images == [image]


def test_missing_role_is_403_and_html_that_names_no_token(vm, client):
    vm.faults.add("forbidden")
    response = client.upload()
    assert (response.status_code, is_html(response)) == (403, True)
    assert "SessionTokenFilter" not in response.text


def test_html_can_come_although_the_session_is_alive(vm, client):
    vm.faults.add("html_200", method="POST")
    assert is_html(client.upload())
    assert vm.images == []
    assert client.call("GET", LIST).json()["data"] == []


def test_redirect_leads_elsewhere(vm, client):
    vm.faults.add("redirect", location="https://idp.example.invalid/")
    response = client.call("GET", LIST)
    assert (response.status_code, response.headers["location"]) == (302, "https://idp.example.invalid/")


def test_empty_body_replaces_the_real_response(vm, client):
    vm.faults.add("empty_body")
    response = client.call("GET", LIST)
    assert (response.status_code, response.content) == (200, b"")


def test_response_can_be_compressed(vm, client):
    vm.faults.add("gzip")
    response = client.call("GET", LIST)
    assert response.headers["content-encoding"] == "gzip"
    assert response.json()["data"] == []


def test_slow_response_comes_after_the_request_is_carried_out(vm, client):
    vm.faults.add("slow", delay=30, path=PACKAGE)
    with pytest.raises(requests.ReadTimeout):
        client.upload(timeout=0.3)
    assert [i.file_name for i in vm.images] == [NAME]


def test_any_fault_can_be_delayed(vm, client):
    vm.faults.add("http_503", delay=0.2)
    before = time.monotonic()
    assert client.call("GET", LIST).status_code == 503
    assert time.monotonic() - before >= 0.2


def test_truncated_json_has_a_content_length_that_fits(vm, client):
    vm.faults.add("truncated_json")
    response = client.call("GET", LIST)
    assert int(response.headers["content-length"]) == len(response.content)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_short_body_ends_before_its_content_length(vm, client):
    vm.faults.add("short_body")
    with pytest.raises(GONE):
        client.call("GET", LIST)
    assert client.images() == []


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("data_null", lambda e: e["data"] is None),
        ("data_missing", lambda e: "data" not in e),
        ("data_wrong_type", lambda e: e["data"] == {}),
    ],
)
def test_envelope_can_be_damaged(name, sign, vm, client):
    vm.faults.add(name)
    envelope = client.call("GET", LIST).json()
    assert "header" in envelope
    assert sign(envelope)


def test_reset_before_anything_leaves_nothing(vm, client):
    vm.faults.add("reset_before")
    with pytest.raises(GONE):
        client.upload(NAME, BIG)
    assert vm.requests[-1].status is None
    assert vm.images == []


def test_reset_is_a_real_one_and_no_orderly_close(simulate):
    vm = simulate(tls=False)
    address = urlsplit(vm.url)
    vm.faults.add("reset_before")
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        raw.sendall(f"GET {LIST} HTTP/1.1\r\nHost: vm\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_lost_reply_comes_after_the_work_is_done(method, vm, client):
    image = vm.add_image("other-1.0.bin")
    vm.faults.add("reply_lost", method=method)
    with pytest.raises(GONE):
        client.upload() if method == "POST" else client.delete(image.version_id)
    assert [i.file_name for i in vm.images] == ([image.file_name, NAME] if method == "POST" else [])
    assert vm.requests[-1].status is None


def test_reset_in_the_middle_of_an_upload_leaves_nothing(vm, client):
    vm.faults.add("reset_during_upload", after_bytes=1_000_000)
    with pytest.raises(GONE):
        client.upload(NAME, BIG)
    assert 1_000_000 <= vm.requests[-1].body_bytes < len(BIG)
    assert vm.images == []
    assert list((vm.storage / "incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["reset_during_upload", "reset_after_body"])
def test_reset_after_a_whole_small_body_leaves_nothing(name, vm, client):
    vm.faults.add(name)
    with pytest.raises(GONE):
        client.upload()
    assert vm.requests[-1].body_bytes == int(vm.requests[-1].headers["content-length"])
    assert vm.images == []


@pytest.mark.parametrize(("shape", "status"), [("a", 200), ("b", 200), ("c", 200), ("d", 302), ("e", 401), ("f", 403)])
def test_session_can_die_in_the_middle_of_an_upload(shape, status, vm, client):
    vm.faults.add("session_death_in_upload", after_bytes=100_000, shape=shape)
    response = client.upload(NAME, BIG)
    assert response.status_code == status
    assert response.headers["connection"] == "close"
    assert vm.requests[-1].body_bytes < len(BIG)
    assert vm.images == []
    assert vm.counters.open_sessions == 0
    assert list((vm.storage / "incoming").iterdir()) == []


def test_early_403_comes_before_the_body_is_read(vm, client):
    vm.faults.add("early_403")
    response = client.upload(NAME, BIG)
    assert (response.status_code, response.headers["connection"]) == (403, "close")
    assert vm.requests[-1].body_bytes == 0
    assert vm.images == []


@pytest.mark.parametrize("stored", [True, False])
def test_gateway_timeout_may_or_may_not_have_stored_the_image(stored, vm, client):
    vm.faults.add("gateway_timeout_stored" if stored else "gateway_timeout_not_stored")
    response = client.upload()
    assert (response.status_code, is_html(response)) == (504, True)
    assert len(vm.images) == stored


def test_late_listing_shows_the_image_after_so_many_lists(vm, client):
    vm.faults.add("late_listing", lists=2)
    assert client.upload().status_code == 200
    assert len(vm.images) == 1
    assert [len(client.images()) for _ in range(4)] == [0, 0, 1, 1]


def test_late_listing_shows_the_image_after_so_many_seconds(simulate, connect):
    now = [1_800_000_000.0]
    vm = simulate(clock=lambda: now[0])
    client = connect(vm)
    vm.faults.add("late_listing", seconds=60)
    client.upload()
    assert client.images() == []
    now[0] += 61
    assert len(client.images()) == 1


def test_image_may_never_be_listed(vm, client):
    vm.faults.add("never_listing")
    assert client.upload().status_code == 200
    assert len(vm.images) == 1
    assert [client.images() for _ in range(3)] == [[]] * 3


@pytest.mark.parametrize(("version", "sign"), [("20.12", "<html>"), ("20.18", "Login Error")])
def test_right_password_can_be_refused(version, sign, simulate, connect):
    vm = simulate(version)
    vm.faults.add("login_refused")
    client = connect(vm, log_in=False)
    assert sign in client.log_in().text
    assert vm.counters.open_sessions == 0
    assert client.log_in().content == b""


def test_token_may_be_missing_from_both_pages(vm, client):
    vm.faults.add("no_token", times=2)
    assert "CSRFToken" not in client.call("GET", "/dataservice/client/server").json()["data"]
    assert client.call("GET", "/dataservice/client/token").status_code == 404
    assert client.call("GET", "/dataservice/client/token").status_code == 200
