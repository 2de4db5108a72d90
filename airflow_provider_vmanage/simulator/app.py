"""The manager as an ASGI application, and the gate that faults stand in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.about import AboutPages
from airflow_provider_vmanage.simulator.devices.pages import DevicePages
from airflow_provider_vmanage.simulator.exchange import Exchange, RequestLog, Transports
from airflow_provider_vmanage.simulator.faults.book import Fault, FaultBook
from airflow_provider_vmanage.simulator.faults.context import FaultContext
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.page import repository_page
from airflow_provider_vmanage.simulator.plain import plain_routes
from airflow_provider_vmanage.simulator.software_repository.download import DownloadPages
from airflow_provider_vmanage.simulator.software_repository.metadata import MetadataPages
from airflow_provider_vmanage.simulator.software_repository.remote_servers import RemoteServerPages
from airflow_provider_vmanage.simulator.software_repository.software import SoftwarePages
from airflow_provider_vmanage.simulator.upgrade.pages import ActionPages
from airflow_provider_vmanage.simulator.upgrade.settings_pages import SettingsPages

Page = Callable[[Request], Awaitable[Response]]
logger = logging.getLogger(__name__)


def build_router(manager: Manager) -> Router:
    """All pages of the manager; those that need a session are guarded."""
    about = AboutPages(manager)
    guarded = [*about.routes(), *SoftwarePages(manager).routes()]
    guarded += [*ActionPages(manager).routes(), *SettingsPages().routes(), *DevicePages(manager.devices).routes()]
    guarded += [*MetadataPages(manager).routes(), *DownloadPages(manager.repository, ranges=manager.ranges).routes()]
    guarded += RemoteServerPages(manager.repository, manager.release).routes()
    login, logout = manager.login.check, manager.login.logout

    async def index(request: Request) -> Response:
        return responses.html(repository_page(manager))

    routes: list[BaseRoute] = [
        Route("/", index, methods=["GET"]),
        Route("/j_security_check", login, methods=["POST"]),
        Route("/dataservice/j_security_check", login, methods=["POST"]),
        Route("/jwt/login", manager.login.jwt, methods=["POST"]),
        Route("/logout", logout, methods=["GET", "POST"]),
        *plain_routes(manager.repository),
        *about.open_routes(),
    ]
    inside = Router(guarded, redirect_slashes=False, default=request_response(_unknown_path))
    return Router(routes, redirect_slashes=False, default=_Guard(inside, manager))


class _Guard:
    """Lets a request with a live session in, and refuses others; what is not under /dataservice is not there at all."""

    def __init__(self, inside: ASGIApp, manager: Manager) -> None:
        self._inside, self._manager = inside, manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._refusal(request)
        if response is None:
            await self._inside(scope, receive, send)
            return
        with contextlib.suppress(ClientDisconnect):
            async for _ in request.stream():
                pass  # a client that sends a whole image before it reads must still get the response
        await response(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if not request.url.path.startswith("/dataservice/"):
            return responses.not_found()
        session = self._manager.login.session_of(dict(request.headers))
        request.state.session = session
        return self._manager.login.refusal(request, session) or _tenant_refusal(request, self._manager)


def _tenant_refusal(request: Request, manager: Manager) -> Response | None:
    wanted = request.headers.get("vsessionid")
    if wanted is None or not manager.tenants.known or wanted in manager.tenants.open:
        return None
    return responses.error(403, "Unknown tenant session", "The VSessionId is unknown", "SIM-VSESSION")  # invented


async def _unknown_path(request: Request) -> Response:
    return responses.error(404, "Not found", f"Not simulated: {request.url.path}", "SIM-NOT-SIMULATED")


class Gate:
    """Every request passes here: it is recorded, hit by a fault if one is switched on, then gets its response."""

    def __init__(self, manager: Manager, faults: FaultBook, log: RequestLog, transports: Transports) -> None:
        self._faults, self._transports = faults, transports
        self.serve(manager, log)

    def serve(self, manager: Manager, log: RequestLog) -> None:
        """Pass requests to this manager from now on; what has begun ends with the one before."""
        self._manager, self._log, self._router = manager, log, build_router(manager)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request; a stop of the server cancels it silently."""
        exchange = Exchange(scope, receive, send, self._log, self._transports)
        with contextlib.suppress(asyncio.CancelledError):
            if not exchange.names_one_host:
                await exchange.respond(responses.no_host())
                return
            if not exchange.is_upload:
                await exchange.read_small_body()
                if exchange.gone:
                    return  # a client that was killed while it sent the request
            self._manager.advance()
            await self._manager.outage.lose_reply()
            if self._manager.outage.active:
                await exchange.drain()
                await exchange.respond(self._manager.outage.response(exchange.path))
                return
            session = self._manager.login.session_of(exchange.headers)
            fault = self._faults.take(exchange.method, exchange.path, has_session=session is not None)
            if fault is None:
                await self._router(exchange.scope, exchange.receive, exchange.send)
            else:
                await self._spoil(exchange, fault)

    async def _spoil(self, exchange: Exchange, fault: Fault) -> None:
        logger.debug("fault %s hits %s %s", fault.name, exchange.method, exchange.path)
        manager = self._manager
        if fault.name != "slow":
            await asyncio.sleep(float(fault.options.get("delay", 0)))
        secure = exchange.scope["scheme"] == "https"
        await fault.kind.act(
            FaultContext(
                exchange=exchange,
                options=fault.options,
                app=self._router,
                session=manager.login.session_of(exchange.headers),
                sessions=manager.sessions,
                repository=manager.repository,
                refuse_login=lambda: manager.login.refuse_injected(secure=secure),
            )
        )
