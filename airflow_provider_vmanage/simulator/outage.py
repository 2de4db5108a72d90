"""A restart of the manager: connections refused, then not ready, then back without its sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from airflow_provider_vmanage.simulator import responses

_READY = "/dataservice/client/server/ready"


@dataclass
class Outage:
    """A restart of the manager.

    :param refused: Seconds in which connections are refused.
    :param unready: Seconds after that in which requests get 503 and the login page by turns (client code: both count as
        no news; how a real manager mixes them is unknown).
    :param leaving: Connections are about to be refused; the open ones will be cut.
    :param stop_for: Refuses connections for so many seconds, from now on.
    :param expire_sessions: Ends every session: inferred.
    """

    refused: float
    unready: float
    clock: Callable[[], float]
    stop_for: Callable[[float], None]
    expire_sessions: Callable[[], None]
    leaving: bool = False
    _until: float = 0.0
    _requests: int = 0

    def begin(self, now: float) -> float:
        """Restart; return the seconds until the manager is ready again."""
        self._until = self.clock() + self.refused + self.unready
        self.expire_sessions()
        if self.refused:
            self.leaving = True
            self.stop_for(self.refused)
        return self.refused + self.unready

    async def lose_reply(self) -> None:
        """Wait, if the server is about to stop: that ends the wait and cuts the connection."""
        if self.leaving:
            await asyncio.sleep(self.refused + 60)

    @property
    def active(self) -> bool:
        """Whether the manager is restarting now."""
        return self.clock() < self._until

    def response(self, path: str) -> Response:
        """What a request gets that comes meanwhile."""
        if path == _READY:
            return responses.plain_json({"isServerReady": False})
        if path == "/":
            return responses.html(responses.LOGIN_PAGE)
        self._requests += 1
        page = "<html><head><title>503</title></head><body>Service Unavailable</body></html>"
        return responses.html(page, 503) if self._requests % 2 else responses.login_page()
