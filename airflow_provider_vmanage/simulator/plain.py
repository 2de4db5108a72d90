"""A page that no vManage has: whether a file is there, without a login. For comparing ways to wait."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator.repository import Repository


def plain_routes(repository: Repository) -> list[Route]:
    """``GET /simulator/images/<file name>``: 200 where the repository has the file, 404 where it has not."""

    async def image(request: Request) -> Response:
        name = request.path_params["file_name"]
        there = any(image.file_name == name for image in repository.images)
        return PlainTextResponse("listed" if there else "not listed", 200 if there else 404)

    return [Route("/simulator/images/{file_name}", image, methods=["GET"])]
