"""Faults of the connection: resets, early, interim and slow responses, and bodies that end too soon."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.faults.context import FaultContext


async def reset_before(context: FaultContext) -> None:
    """Reset before anything is done; of an upload, nothing is read."""
    await context.exchange.reset()


async def reply_lost(context: FaultContext) -> None:
    """Carried out, but the response never arrives."""
    await context.carry_out()
    await context.exchange.reset()


async def reset_during_upload(context: FaultContext) -> None:
    """The upload's own code sees a lost connection, so that its clean-up is what a test exercises."""
    context.exchange.cut_body_after(int(context.options["after_bytes"]))
    await context.carry_out()
    await context.exchange.reset()


async def reset_after_body(context: FaultContext) -> None:
    """All bytes arrive, nothing is kept, no response."""
    await context.exchange.drain()
    await context.exchange.reset()


async def session_death(context: FaultContext) -> None:
    """The session ends in the middle of the body, and the response comes before the rest of it.

    How a real manager responds then is unknown; ``shape`` chooses.
    """
    context.exchange.cut_body_after(int(context.options["after_bytes"]))
    await context.carry_out()
    context.kill_session()
    response = responses.dead_session(str(context.options["shape"]), context.exchange.base_url)
    await context.exchange.respond_early(response, float(context.options["linger"]))


async def early_403(context: FaultContext) -> None:
    """Refused on the headers alone."""
    await context.exchange.respond_early(responses.token_mismatch(), float(context.options["linger"]))


async def early_response(context: FaultContext) -> None:
    """Respond to the headers alone, as the options say."""
    options = context.options
    response = Response(options["body"], int(options["status"]), {"content-type": options["content_type"]})
    await context.exchange.respond_early(response, float(options["linger"]))


async def interim(context: FaultContext) -> None:
    """An interim response at once, and another one right before the final one."""
    status = int(context.options["status"])
    context.exchange.send_interim(status)
    response = await context.carry_out()
    context.exchange.send_interim(status)
    await context.exchange.respond(response)


async def trickle(context: FaultContext) -> None:
    """Carried out; the response has a body of ``size`` bytes, sent one at a time."""
    await context.carry_out()
    options = context.options
    await context.exchange.respond_slowly(Response(b" " * int(options["size"])), float(options["pause"]))


async def short_body(context: FaultContext) -> None:
    """The connection closes before the promised bytes have come."""
    response = await context.carry_out()
    await context.exchange.respond_short(response, missing=100)
