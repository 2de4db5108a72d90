"""Faults of the connection: resets, early, interim and slow answers, and bodies that end too soon."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_vmanage.simulator import answers
from airflow_provider_vmanage.simulator.faults.context import FaultContext


async def reset_before(context: FaultContext) -> None:
    """Reset before anything is done; of an upload, nothing is read."""
    await context.exchange.reset()


async def reply_lost(context: FaultContext) -> None:
    """Done, but the answer never arrives."""
    await context.carry_out()
    await context.exchange.reset()


async def reset_during_upload(context: FaultContext) -> None:
    """The upload's own code sees a lost connection, so that its clean-up is what a test exercises."""
    context.exchange.cut_body_after(int(context.options["after_bytes"]))
    await context.carry_out()
    await context.exchange.reset()


async def reset_after_body(context: FaultContext) -> None:
    """All bytes arrive, nothing is kept, no answer."""
    await context.exchange.drain()
    await context.exchange.reset()


async def session_death(context: FaultContext) -> None:
    """The session ends in the middle of the body, and the answer comes before the rest of it.

    What a real manager answers then is unknown; ``shape`` chooses.
    """
    context.exchange.cut_body_after(int(context.options["after_bytes"]))
    await context.carry_out()
    context.kill_session()
    answer = answers.dead_session(str(context.options["shape"]), context.exchange.base_url)
    await context.exchange.answer_early(answer, float(context.options["linger"]))


async def early_403(context: FaultContext) -> None:
    """Refused on the headers alone."""
    await context.exchange.answer_early(answers.token_mismatch(), float(context.options["linger"]))


async def early_answer(context: FaultContext) -> None:
    """Answered on the headers alone, with whatever the options say."""
    options = context.options
    answer = Response(options["body"], int(options["status"]), {"content-type": options["content_type"]})
    await context.exchange.answer_early(answer, float(options["linger"]))


async def interim(context: FaultContext) -> None:
    """An interim answer at once, and another one right before the final one."""
    status = int(context.options["status"])
    context.exchange.send_interim(status)
    answer = await context.carry_out()
    context.exchange.send_interim(status)
    await context.exchange.answer(answer)


async def trickle(context: FaultContext) -> None:
    """Done, and answered with a body of ``size`` bytes, one at a time."""
    await context.carry_out()
    options = context.options
    await context.exchange.answer_slowly(Response(b" " * int(options["size"])), float(options["pause"]))


async def short_body(context: FaultContext) -> None:
    """The connection closes before the promised bytes have come."""
    answer = await context.carry_out()
    await context.exchange.answer_short(answer, missing=100)
