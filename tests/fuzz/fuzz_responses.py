"""Coverage-guided fuzzing of the response path: the bytes of an response, through the envelope, to images.

Run by ``make fuzz`` in an environment of its own. The first byte of an input chooses status and method, the rest is
the body; a second reading of the same bytes must give the same result, and only our errors may come out.
"""

from __future__ import annotations

import sys
from typing import Any

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["airflow_provider_vmanage"]):
    from airflow_provider_vmanage.client.errors import VManageError
    from airflow_provider_vmanage.client.http.envelope import Envelope
    from airflow_provider_vmanage.client.http.responses import Call, SessionDead, judge
    from airflow_provider_vmanage.client.http.retry import parse_retry_after
    from airflow_provider_vmanage.client.models import parse_images, parse_server_info
    from airflow_provider_vmanage.client.upload.checksum_lists import find_checksum

import io

import requests

_STATUSES = (200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 429, 500, 502, 503)
_METHODS = ("GET", "POST", "DELETE")


def response_of(data: bytes) -> tuple[Call, requests.Response]:
    first, body = (data[0], data[1:]) if data else (0, b"")
    response = requests.Response()
    response.status_code = _STATUSES[first % len(_STATUSES)]
    response._content = body
    response.encoding = "utf-8"
    header = body[:60].decode("latin-1").splitlines()[:1]
    response.headers["Retry-After"] = response.headers["Location"] = "".join(header)
    return Call(_METHODS[first % len(_METHODS)], "/dataservice/device/action/software"), response


def read(data: bytes) -> list[Any]:
    """Every result of a response, errors included."""
    call, response = response_of(data)
    results: list[Any] = [parse_retry_after(str(response.headers["Retry-After"])) is None]
    try:
        envelope = judge(call, response)
    except (VManageError, SessionDead) as err:
        return [*results, type(err), str(err)]
    for reader in (_images, _server, lambda one: one.member("id")):
        try:
            results.append(reader(envelope))
        except VManageError as err:
            results += [type(err), str(err)]
    return results


def _images(envelope: Envelope) -> Any:
    images = parse_images(envelope.rows)
    for image in images:
        assert image.file_name is None or image.has_file_name(image.file_name)
    return [(image, image.as_row(), image.describe(), image.is_repository_url, image.version_id) for image in images]


def _server(envelope: Envelope) -> Any:
    server = parse_server_info(envelope.record)
    return server, server.release, repr(server)


def _checksum(data: bytes) -> Any:
    try:
        return find_checksum(io.BytesIO(data), "a.bin", list_name="list")
    except VManageError as err:
        return type(err), str(err)


def test_one_input(data: bytes) -> None:
    """Fail on anything but our errors, and on a reading that depends on more than the bytes."""
    if repr(read(data)) != repr(read(data)) or repr(_checksum(data)) != repr(_checksum(data)):
        raise AssertionError("two readings of the same bytes differ")


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
