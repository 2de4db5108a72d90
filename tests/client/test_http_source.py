"""Images behind a URL: streamed from a real server to a real (simulated) manager, with nothing in between."""

from __future__ import annotations

import hashlib
import io
import logging
import random
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from airflow_provider_vmanage.client.errors import VManageError, VManageSourceError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import Change, SoftwareRepository
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.http_source import http_file
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.files.object_storage import open_checksum, open_source
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator

CONTENT = random.Random(7).randbytes(3 * (1 << 20) + 7)
SIZE = len(CONTENT)
SECRET = "c1a8-signature"
USER, PASSWORD = "user@corp", "p:ss w/örd"
URL_LOGIN = "user%40corp:p%3Ass%20w%2F%C3%B6rd"
Response = tuple[int, dict[str, str], bytes]
FILE: Response = (200, {"Content-Length": str(SIZE)}, CONTENT)


class FileServer:
    """A server of prepared responses; several for one path are sent in turn, the last one for ever.

    :param authority: of its certificate; plain HTTP without one.
    """

    def __init__(self, authority: trustme.CA | None) -> None:
        self.responses: dict[str, list[Response]] = {"/image.bin": [FILE]}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self._http.server_port}"
        self.url = f"{'https' if authority else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                server.asked.append((self.path, self.headers["Authorization"], self.headers["Accept-Encoding"]))
                responses = server.responses.get(path, [(404, {"Content-Length": "0"}, b"")])
                status, headers, body = responses.pop(0) if len(responses) > 1 else responses[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.close_connection = int(headers.get("Content-Length", -1)) != len(body)
                try:
                    self.wfile.write(body)
                except OSError:  # the client wanted the headers only
                    self.close_connection = True

            def log_message(self, *_: Any) -> None: ...

        return Handler


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server over TLS that the environment trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "files-ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "files-ca.pem"))
    with closing(FileServer(authority)) as server:
        yield server


@pytest.fixture
def plain() -> Iterator[FileServer]:
    with closing(FileServer(None)) as server:
        yield server


@pytest.fixture
def upload_url(vm: Simulator, connect: Callable[..., ManagerSession]) -> Callable[..., Change]:
    """Uploads what lies behind a URL to the simulator."""

    def run(url: str, checksum: Checksum | None = None) -> Change:
        with connect(vm) as session:
            return ImageUpload(SoftwareRepository(session), http_file(url), "image.bin", checksum=checksum).run()

    return run


@pytest.mark.slow
def test_image_is_streamed_without_touching_a_disk(
    files: FileServer, vm: Simulator, upload_url: Callable[..., Change], files_written: list[str]
) -> None:
    digest = hashlib.sha512(CONTENT).hexdigest()
    change = upload_url(f"{files.url}/image.bin", Checksum("sha512", digest))
    assert (change.size, change.sha512) == (SIZE, digest)
    assert [(image.sha512, image.size) for image in vm.images] == [(digest, SIZE)]
    assert {path.startswith(str(vm.storage)) for path in files_written} == {True}
    assert files.asked == [("/image.bin", None, "identity")] * 2


GONE_WRONG: list[tuple[Response, str, bool]] = [
    ((200, {}, CONTENT), "has no Content-Length", False),
    ((200, {"Content-Length": "many"}, CONTENT), "has no Content-Length", False),
    ((200, {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n"), "has no Content-Length", False),
    ((200, {"Content-Length": str(SIZE), "Content-Encoding": "gzip"}, CONTENT), "Content-Encoding gzip", False),
    ((200, {"Content-Length": "0"}, b""), "is empty", False),
    ((200, {"Content-Length": "6", "Content-Type": "text/html"}, b"<html>"), "is a web page", False),
    ((200, {"Content-Length": "6", "Content-Type": "Text/HTML; charset=utf-8"}, b"<html>"), "a login or", False),
    ((503, {"Content-Length": "6", "Content-Type": "text/html"}, b"<html>"), "HTTP 503", True),
    ((204, {}, b""), "HTTP 204", False),
    ((206, {"Content-Length": "5"}, b"image"), "HTTP 206", False),
    ((401, {"Content-Length": "0"}, b""), "HTTP 401", False),
    ((404, {"Content-Length": "0"}, b""), "HTTP 404", False),
    ((408, {"Content-Length": "0"}, b""), "HTTP 408", True),
    ((503, {"Content-Length": "0"}, b""), "HTTP 503", True),
    ((302, {"Content-Length": "0", "Location": "/image.bin"}, b""), "TooManyRedirects", False),
    ((302, {"Content-Length": "0", "Location": "ftp://127.0.0.1/x"}, b""), "InvalidSchema", False),
]


@pytest.mark.parametrize(("response", "words", "retryable"), GONE_WRONG, ids=[one[1] for one in GONE_WRONG])
def test_what_is_no_image_of_known_length_is_refused(
    response: Response, words: str, retryable: bool, files: FileServer
) -> None:
    files.responses["/image.bin"] = [response]
    with pytest.raises(VManageSourceError, match=words) as caught:
        http_file(f"{files.url}/image.bin?sig={SECRET}")
    assert caught.value.message.startswith(f"source '{files.url}/image.bin?***' ")
    assert caught.value.retryable is retryable
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "retryable"),
    [
        ("https://127.0.0.1:1/x?sig={}", True),
        ("http://127.0.0.1:1/x?sig={}", True),
        ("https://127.0.0.1:port/x?sig={}", False),
        ("https://:443/x?sig={}", False),
        ("https://[::1/x?sig={}", False),
        ("https://user:{}@127.0.0.1:port/x", False),
        ("http://.example/x?sig={}", False),
    ],
)
def test_unreachable_address_is_retryable_and_an_invalid_one_not(url: str, retryable: bool) -> None:
    with pytest.raises(VManageError, match=r"^source ") as caught:
        open_source(url.format(SECRET))
    assert caught.value.retryable is retryable
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


SHORT = (200, {"Content-Length": str(SIZE)}, CONTENT[: SIZE // 2])
LATER: list[tuple[list[Response], str]] = [
    ([(200, {"Content-Length": "9"}, b"x" * 9), FILE], f"had 9 bytes and now has {SIZE}"),
    ([FILE, (200, {"Content-Length": "9"}, b"x" * 9)], f"had {SIZE} bytes and now has 9"),
    ([FILE, SHORT], "was cut off"),
    ([FILE, (503, {"Content-Length": "0"}, b"")], "HTTP 503"),
    ([FILE, (200, {}, CONTENT)], "has no Content-Length"),
    ([FILE, (200, {"Content-Length": str(SIZE), "Content-Type": "text/html"}, CONTENT)], "is a web page"),
]


@pytest.mark.parametrize(("responses", "words"), LATER, ids=[one[1] for one in LATER])
def test_source_that_changes_or_is_cut_off_leaves_no_image(
    responses: list[Response], words: str, files: FileServer, vm: Simulator, upload_url: Callable[..., Change]
) -> None:
    files.responses["/image.bin"] = responses
    with pytest.raises(VManageSourceError, match=words) as caught:
        upload_url(f"{files.url}/image.bin?sig={SECRET}")
    assert caught.value.retryable is (words not in ("has no Content-Length", "is a web page"))
    assert SECRET not in repr(caught.value)
    vm.stop()
    assert vm.images == []


def redirect(to: str) -> list[Response]:
    return [(302, {"Content-Length": "0", "Location": to}, b"")]


def test_redirect_is_followed(files: FileServer, plain: FileServer) -> None:
    files.responses["/latest"] = redirect("/image.bin")
    plain.responses["/latest"] = redirect(f"{files.url}/latest")
    for url in (files.url, plain.url):
        with http_file(f"{url}/latest").open() as stream:
            assert stream.read() == CONTENT


def test_redirect_never_leads_from_https_to_http(files: FileServer, plain: FileServer) -> None:
    """Not even for one step, and the question is not sent."""
    files.responses["/latest"] = redirect(f"{plain.url}/back?sig={SECRET}")
    plain.responses["/back"] = redirect(f"{files.url}/image.bin")
    with pytest.raises(VManageSourceError, match="redirects from https to http: use the address") as caught:
        http_file(f"{files.url}/latest")
    assert not caught.value.retryable
    assert SECRET not in str(caught.value)
    assert plain.asked == []


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_credentials_in_the_url_are_sent_there_and_nowhere_else(files: FileServer, plain: FileServer) -> None:
    files.responses["/latest"] = redirect("/image.bin")
    plain.responses["/elsewhere"] = redirect(f"{files.url}/image.bin")
    http_file(f"https://{URL_LOGIN}@{files.host}/latest")
    http_file(f"http://{URL_LOGIN}@{plain.host}/elsewhere")
    http_file(f"https://token@{files.host}/image.bin")
    login = basic(USER, PASSWORD)
    assert [asked[1] for asked in files.asked] == [login, login, None, basic("token", "")]
    assert [asked[1] for asked in plain.asked] == [login]


def test_netrc_is_never_used(
    files: FileServer, plain: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not beside credentials of the URL, and not where a redirect leads."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    plain.responses["/latest"] = redirect(f"{files.url}/image.bin")
    http_file(f"{files.url}/image.bin")
    http_file(f"{plain.url}/latest")
    http_file(f"https://{URL_LOGIN}@{files.host}/image.bin")
    assert [asked[1] for asked in files.asked] == [None, None, basic(USER, PASSWORD)]
    assert [asked[1] for asked in plain.asked] == [None]


def test_nothing_of_a_signed_url_is_logged(
    files: FileServer, vm: Simulator, settings_of: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even by the HTTP library for debugging: not every log of Airflow's is masked."""
    caplog.set_level(logging.DEBUG)
    hook = VManageHook()
    hook.__dict__["settings"] = settings_of(vm)
    with hook:
        hook.upload_image(f"https://{URL_LOGIN}@{files.host}/image.bin?sig={SECRET}#{SECRET}")
    assert [image.file_name for image in vm.images] == ["image.bin"]
    assert files.asked[0][0] == f"/image.bin?sig={SECRET}"
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("airflow_provider_vmanage")]
    assert any("all 3.1 MB sent" in text for text in ours)
    assert "GET /image.bin?***" in caplog.text
    assert [word for word in (SECRET, URL_LOGIN, PASSWORD, USER) if word in caplog.text] == []


@pytest.mark.slow
def test_published_list_may_lie_behind_a_url(files: FileServer) -> None:
    lines = f"{'0' * 128}  other.bin\n{hashlib.sha512(CONTENT).hexdigest()}  image.bin\n".encode() * 10_000
    length = {"Content-Length": str(len(lines))}
    files.responses["/sums"] = [(200, length, lines)]
    found = open_checksum(f"file:{files.url}/sums?sig={SECRET}", "image.bin")
    assert found == Checksum("sha512", hashlib.sha512(CONTENT).hexdigest())

    broken = [(200, length, lines), (200, length, lines[:-9000])]
    for responses, words, retryable in ((broken, "was cut off", True), ([], "HTTP 404", False)):
        files.responses["/sums"] = responses or [(404, {"Content-Length": "0"}, b"")]
        with pytest.raises(VManageSourceError, match=rf"^checksum: source .* {words}") as caught:
            open_checksum(f"file:{files.url}/sums?sig={SECRET}", "image.bin")
        assert caught.value.retryable is retryable
        assert SECRET not in repr(caught.value)


def test_body_reads_as_a_file_does(files: FileServer) -> None:
    stream = http_file(f"{files.url}/image.bin").open()
    assert stream.readable()
    assert stream.read(0) == b""
    assert io.BytesIO(stream.read(10) + stream.read()).getvalue() == CONTENT
    assert stream.read(1) == b""
    stream.close()
    assert stream.closed
