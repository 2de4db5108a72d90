"""Faults of a download, which let it begin well."""

from __future__ import annotations

import asyncio

from starlette.types import Message

from airflow_provider_vmanage.simulator.faults.context import FaultContext


async def cut(context: FaultContext) -> None:
    """The right headers and the first bytes, and then nothing more; after a pause, the end of the connection."""
    left = int(context.options["after_bytes"])

    async def send(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            size = int(dict(message["headers"]).get(b"content-length", left + 1))
            left = min(left, size - 1)  # a shorter file is cut just before its end
            await context.exchange.send(message)
            return
        block = message.get("body", b"")[:left]
        left -= len(block)
        # More is always promised: else the server takes a short body for its own mistake.
        await context.exchange.send({"type": "http.response.body", "body": block, "more_body": True})
        if not left:
            await asyncio.sleep(float(context.options["pause"]))
            await context.exchange.reset(gently=True)
            raise _Cut

    try:
        await context.app(context.exchange.scope, context.exchange.receive, send)
    except _Cut:
        return


async def without_length(context: FaultContext) -> None:
    """The whole file in chunks, without ``Content-Length``."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            message = {**message, "headers": headers}
        await context.exchange.send(message)

    await context.app(context.exchange.scope, context.exchange.receive, send)


class _Cut(Exception):
    """The rest of the file is not sent."""
