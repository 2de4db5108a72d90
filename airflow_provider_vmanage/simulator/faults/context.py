"""What a fault gets to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp

from airflow_provider_vmanage.simulator.exchange import Exchange
from airflow_provider_vmanage.simulator.repository import Image, Repository
from airflow_provider_vmanage.simulator.sessions import Session, SessionStore


@dataclass(frozen=True)
class FaultContext:
    """One request that a fault hits.

    :param app: The manager that would have responded.
    :param session: The login behind the request, if it has one.
    :param refuse_login: The response of this release to a wrong password.
    """

    exchange: Exchange
    options: dict[str, Any]
    app: ASGIApp
    session: Session | None
    sessions: SessionStore
    repository: Repository
    refuse_login: Callable[[], Response]

    async def carry_out(self) -> Response:
        """Let the manager carry out the request, and return its response unsent."""
        return await self.exchange.capture(self.app)

    def kill_session(self) -> None:
        """End the login behind the request."""
        if self.session is not None:
            self.sessions.close(self.session)

    async def carry_out_upload(self) -> tuple[Response, list[Image]]:
        """As ``carry_out``, and the images that are new after it."""
        before = {i.file_id for i in self.repository.images}
        response = await self.carry_out()
        return response, [i for i in self.repository.images if i.file_id not in before]
