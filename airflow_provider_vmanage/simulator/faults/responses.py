"""Faults of the response: another one than the manager would send, or the same one damaged."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.faults.context import FaultContext
from airflow_provider_vmanage.simulator.repository import Image

Act = Callable[[FaultContext], Awaitable[None]]


def expired(shape: str) -> Act:
    """The session ends (``f``: its token turns stale) and the response has that shape."""

    async def act(context: FaultContext) -> None:
        await context.exchange.drain()
        if shape == "f" and context.session is not None:
            context.sessions.rotate_token(context.session)
        if shape != "f" or context.options.get("killed"):
            context.kill_session()
        await context.exchange.respond(responses.dead_session(shape, context.exchange.base_url))

    return act


def status(code: int) -> Act:
    """The body is read, nothing is done, and the response is a page under this status."""

    async def act(context: FaultContext) -> None:
        text = f"{code} {HTTPStatus(code).phrase}"
        page = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
        await _instead(context, responses.html(page, code, _retry_after(context.options)))

    return act


async def free_status(context: FaultContext) -> None:
    """The body is read, nothing is done, and the response is the one in the options."""
    options = context.options
    body = options["body"] if isinstance(options["body"], (bytes, str)) else json.dumps(options["body"])
    headers = {"content-type": options["content_type"], **_retry_after(options)}
    await _instead(context, Response(body, int(options["status"]), headers))


def error(code: int) -> Act:
    """The body is read, nothing is done unless ``done`` is set, and the response is an error envelope."""

    async def act(context: FaultContext) -> None:
        options = context.options
        text = (options["message"], options["details"], options["code"])
        await _instead(context, responses.error(int(options.get("status", code)), *text))

    return act


async def forbidden(context: FaultContext) -> None:
    """The user lacks the role; that the body is a page is inferred from client code."""
    page = "<html><head><title>Error</title></head><body>Forbidden</body></html>"
    await _instead(context, responses.html(page, 403))


async def html_200(context: FaultContext) -> None:
    """The login page, although the session is alive."""
    await _instead(context, responses.login_page())


async def redirect(context: FaultContext) -> None:
    """Sent elsewhere."""
    await _instead(context, Response(b"", 302, {"location": context.options["location"]}))


async def empty_body(context: FaultContext) -> None:
    """Carried out; the response has no body."""
    await context.carry_out()
    await context.exchange.respond(responses.empty())


async def gzipped(context: FaultContext) -> None:
    """Carried out; the response is compressed (seen in a trace of 2023, though the docs say it is off by default)."""
    response = await context.carry_out()
    packed = Response(gzip.compress(bytes(response.body)), response.status_code, {"content-encoding": "gzip"})
    packed.raw_headers += [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    await context.exchange.respond(packed)


async def stray_cookie(context: FaultContext) -> None:
    """Done, with a session cookie that belongs to no session, with one that deletes the client's, or another cookie."""
    response = await context.carry_out()
    secure = context.exchange.base_url.startswith("https")
    text = str(context.options["cookie"]) or responses.cookie(responses.stray_session_id(), secure=secure)
    response.headers.append(
        "set-cookie", text + ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT" * bool(context.options["expired"]))
    )
    await context.exchange.respond(response)


async def secure_cookie(context: FaultContext) -> None:
    """Done, and the cookies are for TLS only, even where there is none."""
    response = await context.carry_out()
    if "set-cookie" in response.headers:
        response.headers["set-cookie"] += "; secure"
    await context.exchange.respond(response)


async def slow(context: FaultContext) -> None:
    """Carried out at once; the response comes late."""
    response = await context.carry_out()
    await asyncio.sleep(float(context.options["delay"]))
    await context.exchange.respond(response)


async def truncated_json(context: FaultContext) -> None:
    """Half of the body, with a Content-Length that fits the half."""
    body = bytes((await context.carry_out()).body)
    half = body[: max(1, len(body) // 2)]
    await context.exchange.respond(Response(half, 200, {"content-type": "application/json"}))


async def data_null(context: FaultContext) -> None:
    """The envelope with ``data: null``."""
    await _with_envelope(context, lambda envelope: {**envelope, "data": None})


async def data_missing(context: FaultContext) -> None:
    """The envelope with a header only."""
    await _with_envelope(context, lambda envelope: {"header": envelope.get("header", {})})


async def data_wrong_type(context: FaultContext) -> None:
    """The envelope with an object where a list belongs, and the other way round."""

    def turn(envelope: dict[str, Any]) -> dict[str, Any]:
        return {**envelope, "data": {} if isinstance(envelope.get("data"), list) else []}

    await _with_envelope(context, turn)


async def gateway_timeout_stored(context: FaultContext) -> None:
    """The manager works on, and stores the image, while a proxy before it times out."""
    _, images = await context.carry_out_upload()
    _list_late(context, images, 0)
    await status(504)(context)


async def error_stored(context: FaultContext) -> None:
    """The image is stored, and the response says that it failed."""
    await context.carry_out()
    await error(int(context.options["status"]))(context)


async def late_listing(context: FaultContext) -> None:
    """The image is stored, and the lists leave it out for a while."""
    response, images = await context.carry_out_upload()
    _list_late(context, images, 1)
    await context.exchange.respond(response)


async def never_listing(context: FaultContext) -> None:
    """The upload succeeds, and no list ever shows the image."""
    response, images = await context.carry_out_upload()
    for image in images:
        context.repository.update(image, hidden_lists=None)
    await context.exchange.respond(response)


async def login_refused(context: FaultContext) -> None:
    """A wrong password, whatever was sent."""
    await _instead(context, context.refuse_login())


async def no_token(context: FaultContext) -> None:
    """No XSRF token from this call, as before release 19.2."""
    if context.exchange.path.endswith("/token"):
        await _instead(context, responses.not_found())
    else:
        await _with_envelope(context, _without_token)


def _list_late(context: FaultContext, images: list[Image], default: int) -> None:
    """Keep images out of the next ``lists`` lists and for ``seconds``; without either, out of ``default`` lists."""
    lists, seconds = context.options["lists"], context.options["seconds"]
    skipped = default if lists is None and seconds is None else int(lists or 0)
    for image in images:
        context.repository.update(
            image, hidden_lists=skipped, hidden_until=context.repository.clock() + float(seconds or 0)
        )


async def _instead(context: FaultContext, response: Response) -> None:
    await (context.carry_out() if context.options.get("done") else context.exchange.drain())
    await context.exchange.respond(response)


async def _with_envelope(context: FaultContext, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    response = await context.carry_out()
    with contextlib.suppress(ValueError):  # no JSON (a dead session, say): nothing to spoil
        response = responses.plain_json(change(json.loads(bytes(response.body))), response.status_code)
    await context.exchange.respond(response)


def _without_token(envelope: dict[str, Any]) -> dict[str, Any]:
    return {**envelope, "data": {k: v for k, v in envelope["data"].items() if k != "CSRFToken"}}


def _retry_after(options: dict[str, Any]) -> dict[str, str]:
    wait = options.get("retry_after")
    return {} if wait is None else {"retry-after": str(wait)}
