"""A file as a response: never a page or JSON in its place, and read as it arrives.

The vendor documents ``application/octet-stream`` for an image (OpenAPI 22 and 26.1) and neither its headers nor ranges.
A dead session gets 200 with an HTML page elsewhere (live capture, 20.18.2.1), so whatever begins like a page or like
JSON is judged as any other response and never handed over as a file.
"""

from __future__ import annotations

import io
import re

import requests
from urllib3.exceptions import HTTPError, ProtocolError

from airflow_provider_vmanage.client.errors import VManageProtocolError
from airflow_provider_vmanage.client.http.responses import Call, judge, transport_error

#: content types that no image has
_TEXT_TYPES = ("text/html", "application/xhtml+xml", "application/json")

#: what a page or JSON begins with, and no image that we know of
_TEXT_STARTS = (b"<", b"{")

#: bytes by which a file is distinguished from a text, and bytes of a text that are read
_HEAD_BYTES = 512
_TEXT_BYTES = 64 * 1024


class FileBody:
    """The unread body of a response that is a file, or a part of one.

    :param call: of the request.
    :param response: whose first bytes are read already.
    :param head: these bytes.
    """

    def __init__(self, call: Call, response: requests.Response, head: bytes) -> None:
        self.call = call
        #: bytes of this body, or ``None`` where it ends with its last chunk
        self.size = _length(response)
        #: ``ETag`` or date by which a part of the same file can be requested; ``None`` if no parts are offered
        self.validator = _validator(response)
        #: of a part: ``bytes 100-199/200``
        self.content_range = response.headers.get("Content-Range", "") if response.status_code == 206 else ""
        self._response = response
        self._head = head

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer and return the number of bytes; 0 only at the end.

        :raises HTTPError: the connection broke before the end (urllib3).
        """
        block = self._head[: len(buffer)] or self._response.raw.read(len(buffer), decode_content=False)
        self._head = self._head[len(buffer) :]
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._response.close()


def judge_file(call: Call, response: requests.Response) -> FileBody:
    """Return the body of a file; raise an error for any other response, as :func:`.judge` does.

    :param response: with a body that is not read yet.
    :raises SessionDead: in any of its shapes.
    :raises VManageProtocolError: an empty body, a text, an encoding that was not asked for, or no length.
    :raises VManageError: as :func:`.judge`.
    """
    try:
        head = response.raw.read(_HEAD_BYTES, decode_content=True)
        if _is_file(response, head):
            if problem := _why_not_complete(response):
                response.close()
                raise VManageProtocolError(problem, status=response.status_code, **call.where)
            return FileBody(call, response, head)
        text = head + response.raw.read(_TEXT_BYTES, decode_content=True)
    except HTTPError as err:
        response.close()
        # As requests raises it for a body that it reads by itself.
        broken_off = requests.exceptions.ChunkedEncodingError(err)
        raise transport_error(call, broken_off if isinstance(err, ProtocolError) else err) from err
    response.close()
    judge(call, _as_text(response, text))
    kind = response.headers.get("Content-Type", "").partition(";")[0] or "JSON"
    raise VManageProtocolError(
        f"The manager sent {kind} in place of the file", status=response.status_code, **call.where
    )


def _is_file(response: requests.Response, head: bytes) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code not in (200, 206) or kind in _TEXT_TYPES:
        return False
    # A part begins in the middle of a file, with any byte.
    return response.status_code == 206 or not head.lstrip().startswith(_TEXT_STARTS)


def _why_not_complete(response: requests.Response) -> str:
    """Return why there is no complete file, or why it would not show; blank for a good response."""
    size, encoding = _length(response), response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":  # not asked for, and the length is that of something else
        return f"The manager sent the file with Content-Encoding {encoding}"
    if size == 0:
        return "The manager sent an empty file"
    if size is None and not response.raw.chunked:
        return "The manager sent a file without its length, so one that is cut off would seem complete"
    return ""


def _as_text(response: requests.Response, body: bytes) -> requests.Response:
    """Return the same response with this body, so that a page of any size is not read into memory."""
    text = requests.Response()
    text.status_code, text.headers, text.encoding = response.status_code, response.headers, response.encoding
    text.raw = io.BytesIO(body)
    return text


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _validator(response: requests.Response) -> str | None:
    """Return the value for ``If-Range`` (RFC 9110, 13.1.5): a strong ``ETag``, or else the date of the file."""
    if response.headers.get("Accept-Ranges", "").strip().lower() != "bytes":
        return None
    etag = response.headers.get("ETag", "")
    strong = etag if re.fullmatch(r'"[^"]*"', etag) else ""
    return strong or response.headers.get("Last-Modified") or None
