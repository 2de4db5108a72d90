"""Download of a stored file: ``GET /device/action/software/package/{fileName}`` (OpenAPI 22 and 26.1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from airflow_provider_vmanage.simulator.repository import Repository
from airflow_provider_vmanage.simulator.responses import error

PATH = "/dataservice/device/action/software/package/{file_name}"


class DownloadPages:
    """The bytes of stored files.

    Documented are path, ``imageType`` (``software`` unless given) and ``application/octet-stream``. The rest is
    invented: that the length is sent, that a file of another type is not found, error code and text.

    :param ranges: Offer parts of files, which no source mentions: ``Accept-Ranges``, ``ETag``, ``Range``, ``If-Range``.
    """

    def __init__(self, repository: Repository, *, ranges: bool) -> None:
        self._repository, self._ranges = repository, ranges

    def routes(self) -> list[Route]:
        """The one path."""
        return [Route(PATH, self.download, methods=["GET"])]

    async def download(self, request: Request) -> Response:
        """The file, or a part of it."""
        name = request.path_params["file_name"]
        kind = request.query_params.get("imageType", "software")
        for image in self._repository.images:
            if image.path is not None and (image.file_name, image.image_type) == (name, kind):
                whole = _File if self._ranges else _WholeFile
                return whole(image.path, media_type="application/octet-stream")
        return error(404, "Failed to find image", f"No image named {name} of type {kind}", "SIM-UNKNOWN-IMAGE")


class _File(FileResponse):
    """A file, read in blocks that cost little time."""

    chunk_size = 1024 * 1024


class _WholeFile(_File):
    """A file that is always sent from its first byte, with nothing but its length."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]

        async def plain(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = (b"content-length", b"content-type")
                message = {**message, "headers": [pair for pair in message["headers"] if pair[0] in kept]}
            await send(message)

        await super().__call__({**scope, "headers": headers}, receive, plain)
