"""Remote servers: where images lie that the manager does not store itself."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.releases import Release
from airflow_provider_vmanage.simulator.repository import Repository

PREFIX = "/dataservice/device/action/remote-server"


class RemoteServerPages:
    """Responses under ``/dataservice/device/action/remote-server``; the error texts are invented."""

    def __init__(self, repository: Repository, release: Release) -> None:
        self._repository, self._release = repository, release

    def routes(self) -> list[Route]:
        """The page of each path; none in a release that does not know remote servers."""
        if not self._release.has_remote_servers:
            return []
        one = PREFIX + "/{server_id}"
        return [
            Route(PREFIX, self.list, methods=["GET"]),
            Route(PREFIX, self.create, methods=["POST"]),
            Route(one, self.get, methods=["GET"]),
            Route(one, self.change, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """All remote servers."""
        return responses.envelope([shown_record(s) for s in self._repository.remote_servers.values()])

    async def create(self, request: Request) -> Response:
        """Add one under a new id."""
        return await self._write(request, str(uuid.uuid4()))

    async def get(self, request: Request) -> Response:
        """One remote server."""
        server = self._repository.remote_servers.get(request.path_params["server_id"])
        return _unknown() if server is None else responses.plain_json(shown_record(server))

    async def change(self, request: Request) -> Response:
        """Replace one that no image refers to.

        Cisco's Ansible collection tests that a manager refuses the others; the status and the text are invented.
        """
        server_id = request.path_params["server_id"]
        if not self._knows(server_id):
            return _unknown()
        if self._is_used(server_id):
            details = "Images refer to this remote server"
            return responses.error(400, "Failed to update remote server", details, "SIM-REMOTE-SERVER-IN-USE")
        return await self._write(request, server_id)

    async def delete(self, request: Request) -> Response:
        """Remove one that no image refers to (Cisco's Ansible collection tests that others are refused)."""
        server_id = request.path_params["server_id"]
        if not self._knows(server_id):
            return _unknown()
        if self._is_used(server_id):
            details = "Images refer to this remote server"
            return responses.error(400, "Failed to delete remote server", details, "SIM-REMOTE-SERVER-IN-USE")
        del self._repository.remote_servers[server_id]
        self._repository.save()
        return responses.empty()

    async def _write(self, request: Request, server_id: str) -> Response:
        try:
            body = json.loads(await request.body())
            name = body["remoteServerName"]
        except (ValueError, KeyError, TypeError):
            return responses.error(400, "Bad request", "remoteServerName is missing", "SIM-REMOTE-SERVER-BODY")
        others = [s for k, s in self._repository.remote_servers.items() if k != server_id]
        if any(s["remoteServerName"] == name for s in others):
            return responses.error(400, "Bad request", f"{name} exists already", "SIM-DUPLICATE-REMOTE-SERVER")
        identity = {"remoteServerId": server_id, "updatedOn": int(time.time() * 1000)}
        self._repository.remote_servers[server_id] = {**body, **identity}
        self._repository.save()
        return responses.empty()

    def _is_used(self, server_id: str) -> bool:
        return any(image.remote_server_id == server_id for image in self._repository.images)

    def _knows(self, server_id: str) -> bool:
        return server_id in self._repository.remote_servers


def shown_record(server: dict[str, Any]) -> dict[str, Any]:
    """Return the record without its password, which is never sent back (client code)."""
    return {k: v for k, v in server.items() if k != "remoteServerPassword"}


def _unknown() -> Response:
    return responses.error(400, "Bad request", "No such remote server", "SIM-UNKNOWN-REMOTE-SERVER")
