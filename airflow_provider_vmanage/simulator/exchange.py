"""One request and its response, at the level where faults work: bytes, connection, record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Transports = dict[tuple[str, int], asyncio.Transport]

RECORDED_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "authorization", "connection", "cookie", "expect", "host", "range"),
        *("content-encoding", "content-length", "content-type", "transfer-encoding"),
        *("sdwan-org", "user-agent", "vsessionid", "x-xsrf-token"),
    )
)
UPLOAD_PATH = "/dataservice/device/action/software/package"
_SMALL_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived.

    :param path: The path as sent, with its trailing slash if it had one.
    :param status: Status of the response; None while there is none, or if the connection was reset.
    :param headers: The headers that matter to a test, names in lower case.
    :param body_bytes: Bytes of body received before the response.
    :param json: The body if it was JSON, else None.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int | None = None
    body_bytes: int = 0
    json: Any = None


@dataclass
class RequestLog:
    """Every request in the order of arrival."""

    entries: list[ReceivedRequest] = field(default_factory=list)

    def open(self, request: ReceivedRequest) -> int:
        """Keep a request that has no response yet, and return its place."""
        self.entries.append(request)
        return len(self.entries) - 1


class Exchange:
    """A request that counts its bytes; its response can be sent whole, cut short, or replaced by a reset."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, log: RequestLog, transports: Transports) -> None:
        self._sent_path: str = scope["path"]
        self.path = self._sent_path.rstrip("/") or "/"  # public clients send a trailing slash too (MSA roles)
        self.scope, self._receive, self._send = {**scope, "path": self.path}, receive, send
        self._log, self._transports = log, transports
        self.method: str = scope["method"]
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.body_bytes = 0
        self.cut = self.gone = False
        self._limit: int | None = None
        self._ended = False
        self._body: bytes | None = None
        self._place = log.open(self._record())

    @property
    def is_upload(self) -> bool:
        """Whether the body is an image, which is streamed and never kept in memory."""
        return self.method == "POST" and self.path.startswith(UPLOAD_PATH)

    @property
    def names_one_host(self) -> bool:
        """Whether a request of HTTP/1.1 says which host it is for, as it must; older ones need not."""
        hosts = sum(name == b"host" for name, _ in self.scope["headers"])
        return hosts == 1 or (hosts == 0 and str(self.scope["http_version"]) == "1.0")

    @property
    def base_url(self) -> str:
        """Scheme, host and port as the client wrote them."""
        return f"{self.scope['scheme']}://{self.headers.get('host', 'localhost')}"

    async def read_small_body(self) -> None:
        """Take the whole body of anything but an upload, so that it can be recorded and read again."""
        chunks: list[bytes] = []
        while not self._ended and self.body_bytes < _SMALL_BODY_BYTES:
            chunks.append((await self.receive()).get("body", b""))
        self._body = b"".join(chunks)
        content = None
        if "json" in self.headers.get("content-type", "") and self._body:
            with contextlib.suppress(ValueError):
                content = json.loads(self._body)
        self._note(json=content, body_bytes=self.body_bytes)

    async def receive(self) -> Message:
        """The next piece of the body, counted; a cut body ends like a lost connection."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._limit is not None and (self.body_bytes >= self._limit or self._ended):
            self.cut = True
        if self.cut:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self.body_bytes += len(message.get("body", b""))
        self.gone = message["type"] == "http.disconnect"
        self._ended = self.gone or not message.get("more_body", False)
        if self._ended and self._limit is not None:
            self.cut = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Pass a response on, recorded before the client can see it."""
        if message["type"] == "http.response.start" and not self.gone:
            self._note(status=message["status"], body_bytes=self.body_bytes)
        await self._send(message)

    async def drain(self) -> None:
        """Take the rest of the body and drop it."""
        while not self._ended:
            await self.receive()

    def cut_body_after(self, count: int) -> None:
        """End the body after so many bytes, or just before its end if it is shorter."""
        self._limit = count

    async def capture(self, app: ASGIApp) -> Response:
        """Let the manager do its work, and return its response unsent."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await app(self.scope, self.receive, keep)
        response = Response(b"".join(m.get("body", b"") for m in messages[1:]), messages[0]["status"])
        response.raw_headers = list(messages[0]["headers"])
        return response

    async def respond(self, response: Response) -> None:
        """Send the whole response."""
        await response(self.scope, self._receive, self.send)

    async def respond_early(self, response: Response, linger: float) -> None:
        """Respond while the client still sends, then close.

        :param linger: Seconds in which the rest of the body is read and dropped before the connection is
            closed, as nginx does by default: closed at once, the kernel would reset the connection and
            the client could lose the response.
        """
        response.headers["connection"] = "close"
        start = {"type": "http.response.start", "status": response.status_code}
        await self.send({**start, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": response.body, "more_body": True})
        self._limit, self.cut = None, False
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.drain(), linger)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def send_interim(self, status: int) -> None:
        """Send an interim response (1xx), for which ASGI has no message."""
        transport = self._transports.get(tuple(self.scope["client"]))
        if transport is not None:
            transport.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nX-Interim: yes\r\n\r\n".encode())

    async def respond_slowly(self, response: Response, pause: float) -> None:
        """Send the body one byte at a time.

        :param pause: Seconds between two bytes.
        """
        start = {"type": "http.response.start", "status": response.status_code}
        await self.send({**start, "headers": response.raw_headers})
        for byte in bytes(response.body):
            await self._send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(pause)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def respond_short(self, response: Response, missing: int) -> None:
        """Promise more bytes than are sent, then close."""
        response.headers["content-length"] = str(len(response.body) + missing)
        start = {"type": "http.response.start", "status": response.status_code}
        await self.send({**start, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": response.body, "more_body": True})
        await self._end(lambda transport: transport.close())

    async def reset(self, *, gently: bool = False) -> None:
        """Reset the connection (RST) without a response.

        :param gently: Close it instead, after what was sent has arrived.
        """
        self._note(body_bytes=self.body_bytes)
        await self._end((lambda transport: transport.close()) if gently else _reset)

    async def _end(self, action: Callable[[asyncio.Transport], None]) -> None:
        transport = self._transports.get(tuple(self.scope["client"]))
        if transport is not None:
            action(transport)
        # uvicorn calls an application that returns without a response broken, unless the client has gone.
        await _until_gone(self._receive)

    def _record(self) -> ReceivedRequest:
        query = dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        headers = {k: v for k, v in self.headers.items() if k in RECORDED_HEADERS}
        return ReceivedRequest(self.method, self._sent_path, query, headers)

    def _note(self, **changes: Any) -> None:
        self._log.entries[self._place] = replace(self._log.entries[self._place], **changes)


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Linger on, zero seconds: close sends RST and drops what is queued.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _until_gone(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
