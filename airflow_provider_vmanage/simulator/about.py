"""What the manager says about itself, and its tenants."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.manager import Manager


class AboutPages:
    """Server information, the XSRF token, tenants."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def open_routes(self) -> list[Route]:
        """Pages that need no session."""
        return [
            Route("/welcome.html", self.welcome, methods=["GET"]),
            Route("/dataservice/client/server/ready", self.ready, methods=["GET"]),
            Route("/dataservice/client/about", self.about, methods=["GET"]),
        ]

    def routes(self) -> list[Route]:
        """Pages that need one."""
        return [
            Route("/dataservice/client/token", self.token, methods=["GET"]),
            Route("/dataservice/client/server", self.server, methods=["GET"]),
            Route("/dataservice/tenant", self.tenants, methods=["GET"]),
            Route("/dataservice/tenant/{tenant_id}/vsessionid", self.switch_tenant, methods=["POST"]),
        ]

    async def welcome(self, request: Request) -> Response:
        """Where a logout leads; needs no session, or clients would be sent round in circles."""
        return responses.html("<html><head><title>Cisco vManage</title></head><body>Welcome</body></html>")

    async def ready(self, request: Request) -> Response:
        """Polled by clients after a restart."""
        return responses.plain_json({"isServerReady": True})

    async def about(self, request: Request) -> Response:
        """Title and version, without a session."""
        version = self._manager.version
        data = {"title": "Cisco vManage", "version": version, "applicationVersion": version}
        more = {"applicationServer": "vmanage-simulator", "copyright": "", "logo": "", "timeZone": "UTC"}
        return responses.envelope({**data, **more, "time": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())})

    async def token(self, request: Request) -> Response:
        """The XSRF token as bare text, or as JSON with ``?json=true`` (Cisco docs)."""
        if not self._manager.release.has_token:
            return responses.not_found()
        token = request.state.session.token
        if request.query_params.get("json") == "true":
            return responses.plain_json({"token": token})
        return responses.html(token)  # no source names the content type: text/html is invented

    async def server(self, request: Request) -> Response:
        """Version, tenancy and, from 19.2 on, the same token again."""
        many = bool(self._manager.tenants.known)
        tenant = self._manager.tenants.open.get(request.headers.get("vsessionid", ""))
        mode = "provider" if many and tenant is None else "tenant"
        data = {
            "server": "vmanage-simulator",
            "platformVersion": self._manager.version,
            "tenancyMode": "MultiTenant" if many else "SingleTenant",
            "userMode": mode,
            "viewMode": mode,
            "VSessionId": request.headers.get("vsessionid", "ZGVmYXVsdA=="),
            "tenantId": tenant or "default",
            "user": self._manager.username,
            "description": "",
            "locale": "en_US",
            "isSamlUser": False,
            "isRbacVpnUser": False,
            "externalUser": False,
            "vpns": [],
            "capabilities": [],
            "roles": ["netadmin"],
            "cloudx": "off",
            "reverseproxy": "off",
            "vmanageMode": "default",
        }
        if self._manager.release.has_token:
            data["CSRFToken"] = request.state.session.token
        return responses.envelope(data)

    async def tenants(self, request: Request) -> Response:
        """The tenants a provider may act for."""
        return responses.envelope(self._manager.tenants.known)

    async def switch_tenant(self, request: Request) -> Response:
        """A VSessionId to send with every later call; that an unknown tenant is a 400 is invented."""
        session = self._manager.tenants.switch(request.path_params["tenant_id"])
        if session is None:
            return responses.error(400, "Unknown tenant", request.path_params["tenant_id"], "SIM-UNKNOWN-TENANT")
        return responses.plain_json({"VSessionId": session})
