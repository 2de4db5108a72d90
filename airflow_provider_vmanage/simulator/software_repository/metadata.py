"""Metadata of images (OpenAPI 26.1): ``GET`` and ``PUT /device/action/software/package/{versionId}/metadata``."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.repository import Image

PATH = "/dataservice/device/action/software/package/{version_id}/metadata"

# What the PUT of the OpenAPI takes; imageType is only shown.
EDITABLE = ("description", "networkFunctionType", "versionName", "vendor", "checksumType", "checksum", "tags")


class MetadataPages:
    """Metadata of one image. That a manager computes the SHA-512 of what is uploaded is invented."""

    def __init__(self, manager: Manager) -> None:
        self._repository, self._release = manager.repository, manager.release

    def routes(self) -> list[Route]:
        """The page of each path; none in a release that has no metadata."""
        if not self._release.has_metadata:
            return []
        return [Route(PATH, self.show, methods=["GET"]), Route(PATH, self.change, methods=["PUT"])]

    async def show(self, request: Request) -> Response:
        """The metadata, without an envelope."""
        image = self._image(request)
        return _unknown() if image is None else responses.plain_json(self._of(image))

    async def change(self, request: Request) -> Response:
        """Replace what can be edited."""
        image = self._image(request)
        if image is None:
            return _unknown()
        try:
            body = dict(json.loads(await request.body()))
        except (ValueError, TypeError):
            return responses.error(400, "Bad request", "The body is not an object", "SIM-METADATA-BODY")
        given = {name: value for name, value in body.items() if name in EDITABLE}
        self._repository.metadata[image.file_name] = {**self._repository.metadata.get(image.file_name, {}), **given}
        return responses.empty()

    def _image(self, request: Request) -> Image | None:
        return next(iter(self._repository.find(request.path_params["version_id"])), None)

    def _of(self, image: Image) -> dict[str, Any]:
        computed: dict[str, Any] = {
            "description": "",
            "networkFunctionType": "ROUTER",
            "versionName": image.version,
            "vendor": "Cisco",
            "checksumType": "sha512" if image.sha512 else "",
            "checksum": image.sha512 or "",
            "tags": [],
            "imageType": image.image_type,
        }
        return {**computed, **self._repository.metadata.get(image.file_name, {})}


def _unknown() -> Response:
    return responses.error(400, "Bad request", "No such image", "SIM-UNKNOWN-IMAGE")
