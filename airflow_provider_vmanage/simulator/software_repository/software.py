"""The software repository: list, add, upload, delete."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.repository import DuplicateImage, Image
from airflow_provider_vmanage.simulator.software_repository.naming import UNKNOWN_VERSION
from airflow_provider_vmanage.simulator.software_repository.records import file_records, grouped_records
from airflow_provider_vmanage.simulator.software_repository.upload import BadUpload, receive_file

PREFIX = "/dataservice/device/action/software"


class SoftwarePages:
    """Responses under ``/dataservice/device/action/software``; all error codes and texts are invented."""

    def __init__(self, manager: Manager) -> None:
        self._manager, self._repository = manager, manager.repository

    def routes(self) -> list[Route]:
        """The page of each path."""
        package = PREFIX + "/package"
        return [
            Route(PREFIX, self.list_groups, methods=["GET"]),
            Route(PREFIX, self.add_entry, methods=["POST"]),
            Route(PREFIX + "/images", self.list_files, methods=["GET"]),
            Route(PREFIX + "/version", self.list_versions, methods=["GET"]),
            Route(PREFIX + "/vedge/version", self.list_versions, methods=["GET"]),
            Route(package, self.upload, methods=["POST"]),
            Route(package + "/imageCount", self.count_images, methods=["GET"]),
            Route(package + "/{image_type}", self.upload, methods=["POST"]),
            Route(PREFIX + "/{version_id}", self.update_entry, methods=["PUT"]),
            Route(PREFIX + "/{version_id}", self.delete, methods=["DELETE"]),
        ]

    async def list_groups(self, request: Request) -> Response:
        """One record per group of files."""
        records = grouped_records(self._listed(request), self._manager.release.six_fields)
        return responses.envelope([*records, *self._repository.raw_records])

    async def list_files(self, request: Request) -> Response:
        """One record per file; without ``imageType`` all of them, as public clients ask."""
        records = file_records(self._listed(request), self._manager.release.six_fields)
        return responses.envelope([*records, *self._repository.raw_records])

    async def list_versions(self, request: Request) -> Response:
        """The versions alone."""
        images = self._listed(request)
        return responses.envelope([{"version": i.version, "versionId": i.version_id} for i in images])

    async def count_images(self, request: Request) -> Response:
        """How many files there are."""
        return responses.plain_json({"imageCount": len(self._listed(request))})

    async def upload(self, request: Request) -> Response:
        """Store the first file of a multipart body; 200 without a body, after which it is listed."""
        folder = self._repository.incoming
        try:
            content_type = request.headers.get("content-type", "")
            received = await receive_file(request.stream(), content_type, folder)
        except BadUpload as exc:
            return responses.error(400, "Failed to upload software image", str(exc), "SIM-UPLOAD-BODY")
        except OSError as exc:
            return responses.error(500, "Failed to upload software image", str(exc), "SIM-STORAGE")
        except ClientDisconnect:
            return responses.empty()  # the client has gone, and nothing is stored
        image_type = request.path_params.get("image_type", "software")
        try:
            self._repository.store(received, image_type=image_type)
        except DuplicateImage:
            received.path.unlink()
            details = f"An image named {received.file_name} is in the repository already"
            return responses.error(400, "Failed to upload software image", details, "SIM-DUPLICATE-IMAGE")
        return responses.empty()

    async def add_entry(self, request: Request) -> Response:
        """Register an image that is elsewhere, by the body this release takes, without checking that it is."""
        body = await _json_object(request)
        release = self._manager.release
        if release.remote_server_body and _has_texts(body, "remoteServerId", "fileName"):
            return self._add_remote(body["remoteServerId"], body["fileName"], body)
        if release.url_body and _has_texts(body, "versionName", "versionURL"):
            return self._add_url(body["versionName"], body["versionURL"])
        bodies = [
            ("versionName and versionURL", release.url_body),
            ("remoteServerId and fileName", release.remote_server_body),
        ]
        wanted = " or ".join(names for names, taken in bodies if taken)
        return responses.error(
            400,
            "Failed to create image URL",
            f"Release {self._manager.version} takes {wanted}, as text",
            "SIM-IMAGE-URL-BODY",
        )

    async def update_entry(self, request: Request) -> Response:
        """Change name or URL of a repository URL."""
        images = [i for i in self._repository.find(request.path_params["version_id"]) if i.url is not None]
        if not images:
            return _unknown(request)
        body = await _json_object(request)
        names = {"versionName": "version", "versionURL": "url"}
        given = {k: v for k, v in body.items() if k in names}
        if not _has_texts(given, *given):
            return responses.error(400, "Failed to update image URL", "Name and URL are text", "SIM-IMAGE-URL-BODY")
        self._repository.update(images[0], **{names[k]: v for k, v in given.items()})
        return responses.empty()

    async def delete(self, request: Request) -> Response:
        """Remove a file by its own id, or a group by the group's: which one a release wants is unknown."""
        if not self._repository.delete(request.path_params["version_id"]):
            return _unknown(request)
        return responses.empty()

    def _add_url(self, version: str, url: str) -> Response:
        if self._repository.reject_duplicates and any(i.url and i.version == version for i in self._repository.images):
            details = f"An image URL named {version} is in the repository already"
            return responses.error(400, "Failed to create image URL", details, "SIM-DUPLICATE-URL")
        self._repository.add_entry("", version=version, url=url, version_type="remote", platform_family=())
        return responses.empty()

    def _add_remote(self, server_id: str, file_name: str, body: dict[str, Any]) -> Response:
        server = self._repository.remote_servers.get(server_id)
        if server is None:
            return responses.error(
                400,
                "Failed to create image URL",
                f"No remote server {server_id}",
                "SIM-UNKNOWN-REMOTE-SERVER",
            )
        # catalystwan 0.41.6 searches versionType for the server's name; the exact text is unknown.
        server_name = str(server.get("remoteServerName", server_id))
        family = body.get("platformFamily", body.get("platformfamily", ()))
        given = {"version": UNKNOWN_VERSION, "version_type": server_name, "platform_family": family}
        self._repository.add_entry(file_name, url=_remote_url(server), remote_server_id=server_id, **given)
        return responses.empty()

    def _listed(self, request: Request) -> list[Image]:
        wanted = request.query_params.getlist("imageType")
        images = self._repository.listed()
        return [i for i in images if not wanted or i.image_type in wanted]


def _has_texts(body: dict[str, Any], *keys: str) -> bool:
    return all(isinstance(body.get(key), str) and body[key] for key in keys)


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _remote_url(server: dict[str, Any]) -> str:
    scheme = str(server.get("remoteServerProtocol", "HTTP")).lower()
    return f"{scheme}://{server.get('remoteServerUrl', '')}{server.get('imageLocationPrefix', '/')}"


def _unknown(request: Request) -> Response:
    details = f"No image with id {request.path_params['version_id']}"
    return responses.error(400, "Failed to find software image", details, "SIM-UNKNOWN-IMAGE")
