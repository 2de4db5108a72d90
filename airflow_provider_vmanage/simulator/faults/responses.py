"""Faults that are an answer: another one than the manager would give, or the same one spoilt."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from airflow_provider_vmanage.simulator import answers
from airflow_provider_vmanage.simulator.faults.context import FaultContext
from airflow_provider_vmanage.simulator.repository import Image

Act = Callable[[FaultContext], Awaitable[None]]


def expired(shape: str) -> Act:
    """The session ends (``f``: its token turns stale) and the request is answered in that shape."""

    async def act(context: FaultContext) -> None:
        await context.exchange.drain()
        if shape == "f" and context.session is not None:
            context.sessions.rotate_token(context.session)
        if shape != "f" or context.options.get("killed"):
            context.kill_session()
        await context.exchange.answer(answers.dead_session(shape, context.exchange.base_url))

    return act


def status(code: int) -> Act:
    """The body is read, nothing is done, and the answer is a page under this status."""

    async def act(context: FaultContext) -> None:
        text = f"{code} {HTTPStatus(code).phrase}"
        page = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
        await _instead(context, answers.html(page, code, _retry_after(context.options)))

    return act


async def free_status(context: FaultContext) -> None:
    """The body is read, nothing is done, and the answer is what the options say."""
    options = context.options
    body = options["body"] if isinstance(options["body"], (bytes, str)) else json.dumps(options["body"])
    headers = {"content-type": options["content_type"], **_retry_after(options)}
    await _instead(context, Response(body, int(options["status"]), headers))


def error(code: int) -> Act:
    """The body is read, nothing is done unless asked for, and the answer is an error envelope."""

    async def act(context: FaultContext) -> None:
        options = context.options
        text = (options["message"], options["details"], options["code"])
        await _instead(context, answers.error(int(options.get("status", code)), *text))

    return act


async def forbidden(context: FaultContext) -> None:
    """The user lacks the role; that the body is a page is inferred from client code."""
    page = "<html><head><title>Error</title></head><body>Forbidden</body></html>"
    await _instead(context, answers.html(page, 403))


async def html_200(context: FaultContext) -> None:
    """The login page, although the session is alive."""
    await _instead(context, answers.login_page())


async def redirect(context: FaultContext) -> None:
    """Sent elsewhere."""
    await _instead(context, Response(b"", 302, {"location": context.options["location"]}))


async def empty_body(context: FaultContext) -> None:
    """Done, and answered with nothing."""
    await context.carry_out()
    await context.exchange.answer(answers.empty())


async def gzipped(context: FaultContext) -> None:
    """Done, and answered compressed (seen in a trace of 2023, though the docs say it is off by default)."""
    answer = await context.carry_out()
    packed = Response(gzip.compress(bytes(answer.body)), answer.status_code, {"content-encoding": "gzip"})
    packed.raw_headers += [(name, value) for name, value in answer.raw_headers if name != b"content-length"]
    await context.exchange.answer(packed)


async def stray_cookie(context: FaultContext) -> None:
    """Done, with a session cookie that belongs to no session, with one that deletes the client's, or another cookie."""
    answer = await context.carry_out()
    secure = context.exchange.base_url.startswith("https")
    text = str(context.options["cookie"]) or answers.cookie(answers.stray_session_id(), secure=secure)
    answer.headers.append(
        "set-cookie", text + ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT" * bool(context.options["expired"]))
    )
    await context.exchange.answer(answer)


async def secure_cookie(context: FaultContext) -> None:
    """Done, and the cookies are for TLS only, even where there is none."""
    answer = await context.carry_out()
    if "set-cookie" in answer.headers:
        answer.headers["set-cookie"] += "; secure"
    await context.exchange.answer(answer)


async def slow(context: FaultContext) -> None:
    """Done at once, answered late."""
    answer = await context.carry_out()
    await asyncio.sleep(float(context.options["delay"]))
    await context.exchange.answer(answer)


async def truncated_json(context: FaultContext) -> None:
    """Half of the body, with a Content-Length that fits the half."""
    body = bytes((await context.carry_out()).body)
    half = body[: max(1, len(body) // 2)]
    await context.exchange.answer(Response(half, 200, {"content-type": "application/json"}))


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
    """The manager works on, and stores the image, while a proxy before it gives up."""
    _, images = await context.carry_out_upload()
    _hide(context, images, 0)
    await status(504)(context)


async def error_stored(context: FaultContext) -> None:
    """The image is stored, and the answer says that it failed."""
    await context.carry_out()
    await error(int(context.options["status"]))(context)


async def late_listing(context: FaultContext) -> None:
    """The image is stored, and hidden from the lists for a while."""
    answer, images = await context.carry_out_upload()
    _hide(context, images, 1)
    await context.exchange.answer(answer)


async def never_listing(context: FaultContext) -> None:
    """The upload succeeds, and the image is hidden for good."""
    answer, images = await context.carry_out_upload()
    for image in images:
        context.repository.update(image, hidden_lists=None)
    await context.exchange.answer(answer)


async def login_refused(context: FaultContext) -> None:
    """A wrong password, whatever was sent."""
    await _instead(context, context.refuse_login())


async def no_token(context: FaultContext) -> None:
    """No XSRF token from this call, as before release 19.2."""
    if context.exchange.path.endswith("/token"):
        await _instead(context, answers.not_found())
    else:
        await _with_envelope(context, _without_token)


def _hide(context: FaultContext, images: list[Image], default: int) -> None:
    """Keep images out of the next ``lists`` lists and for ``seconds``; without either, out of ``default`` lists."""
    lists, seconds = context.options["lists"], context.options["seconds"]
    hidden = default if lists is None and seconds is None else int(lists or 0)
    for image in images:
        context.repository.update(image, hidden_lists=hidden, hidden_until=time.time() + float(seconds or 0))


async def _instead(context: FaultContext, answer: Response) -> None:
    await (context.carry_out() if context.options.get("done") else context.exchange.drain())
    await context.exchange.answer(answer)


async def _with_envelope(context: FaultContext, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    answer = await context.carry_out()
    with contextlib.suppress(ValueError):  # no JSON (a dead session, say): nothing to spoil
        answer = answers.plain_json(change(json.loads(bytes(answer.body))), answer.status_code)
    await context.exchange.answer(answer)


def _without_token(envelope: dict[str, Any]) -> dict[str, Any]:
    return {**envelope, "data": {k: v for k, v in envelope["data"].items() if k != "CSRFToken"}}


def _retry_after(options: dict[str, Any]) -> dict[str, str]:
    wait = options.get("retry_after")
    return {} if wait is None else {"retry-after": str(wait)}
