"""A manager that accepts uploads and discards them as fast as Python's TLS can: what the contenders push against.

Knows just enough of the API for our client and catalystwan to log in, list, upload and log out. A file is listed from
the end of its upload until the next login. Run as a process of its own; prints its port.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

listed: list[str] = []


class Sink(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Respond to the reads of a login and a list."""
        path = self.path.partition("?")[0]
        if path == "/dataservice/client/server":
            self._json({"data": {"platformVersion": "20.12.4", "CSRFToken": "A" * 96, "tenancyMode": "SingleTenant"}})
        elif path == "/dataservice/client/token":
            self._respond(b"A" * 96, "text/plain")
        elif path.startswith("/dataservice/device/action/software"):
            self._json({"header": {}, "data": [_record(name) for name in listed]})
        else:
            self._respond(b"<html>welcome</html>", "text/html")

    def do_POST(self) -> None:
        """Log in, log out, or take an image."""
        if self.path == "/logout":
            self._drain()
            self._respond(b"", "text/html", 302, {"Location": "/welcome.html"})
        elif self.path == "/j_security_check":
            self._drain()
            listed.clear()
            self._respond(b"", "text/html", 200, {"Set-Cookie": "JSESSIONID=sink; path=/"})
        else:
            found = re.search(rb'filename="([^"]*)"', self._drain())
            listed.append(found[1].decode() if found else "unknown")
            self._respond(b"", "text/html")

    def _drain(self) -> bytes:
        left = int(self.headers["Content-Length"])
        first = self.rfile.read1(min(left, 65536)) if left else b""  # type: ignore[attr-defined]
        left -= len(first)
        buffer = memoryview(bytearray(1 << 20))
        while left:
            # Past the buffered reader: straight from TLS into one buffer that is used again and again.
            count = self.connection.recv_into(buffer, min(left, len(buffer)))
            if not count:
                raise ConnectionError("the client hung up")
            left -= count
        return first

    def _json(self, body: Any) -> None:
        self._respond(json.dumps(body).encode(), "application/json")

    def _respond(self, body: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _record(name: str) -> dict[str, Any]:
    return {
        "versionType": "vmanage",
        "versionId": "1",
        "versionName": "20.12.4",
        "versionURL": "http://<VMANAGE_HOST>:8080/software/package/",
        "availableFiles": name,
        "updatedOn": 1,
    }


def main() -> None:
    """Serve until killed: ``upload_sink.py CERTIFICATE KEY``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
