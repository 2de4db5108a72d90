"""The envelopes of the manager's responses: ``{"header": …, "data": …}`` and ``{"error": …}``.

Strict on purpose. A dead session gets 200 with an HTML page (live capture, 20.18.2.1), and clients that read such a
response as "no data" have reported empty lists and successful uploads that never happened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_vmanage.client.errors import VManageProtocolError, VManageRejectedError

T = TypeVar("T")

#: half of a character outside of the first 65536, as JSON can write it
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

#: characters of a foreign text that an error quotes
MAX_QUOTED_CHARS = 200


@dataclass(frozen=True)
class Envelope:
    """One accepted response.

    :param body: the parsed JSON, or ``None`` for an empty response, as writes may have.
    :param status: HTTP status.
    :param method: HTTP method of the call.
    :param path: path of the call, relative to the root of the manager.
    """

    body: Any
    status: int = 200
    method: str = ""
    path: str = ""
    header: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lift ``header`` out of the body."""
        header = self.body.get("header") if isinstance(self.body, dict) else None
        object.__setattr__(self, "header", header if isinstance(header, dict) else {})

    @property
    def data(self) -> Any:
        """Return ``data``; missing or null is a protocol error, never an empty list."""
        if not isinstance(self.body, dict) or self.body.get("data") is None:
            raise self._unexpected('has no "data"')
        return self.body["data"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return ``data`` as a list of objects; any other shape is a protocol error."""
        data = self.data
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise self._unexpected('has a "data" that is not a list of objects')
        return data

    @property
    def record(self) -> dict[str, Any]:
        """Return ``data`` as one object; any other shape is a protocol error."""
        data = self.data
        if not isinstance(data, dict):
            raise self._unexpected('has a "data" that is not an object')
        return data

    def parsed(self, parse: Callable[[list[dict[str, Any]]], T]) -> T:
        """Return the result of a parser of the rows; its errors get method and path of the call.

        :param parse: raises a protocol error for rows that it cannot read.
        """
        try:
            return parse(self.rows)
        except VManageProtocolError as err:
            err.status, err.method, err.path = self.status, self.method, self.path
            raise

    def member(self, name: str) -> Any:
        """Return a member of a bare response such as ``{"id": "…"}``; missing or empty is a protocol error."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if value in (None, ""):
            raise self._unexpected(f'has no "{name}"')
        return value

    def _unexpected(self, what: str) -> VManageProtocolError:
        return VManageProtocolError(
            f"The manager's response {what}", status=self.status, method=self.method, path=self.path
        )


def parse_envelope(text: str, *, status: int, method: str, path: str) -> Envelope:
    """Parse the body of a response whose status has already been judged.

    :param text: the decoded body.
    :param status: HTTP status.
    :param method: HTTP method of the call.
    :param path: path of the call.
    :raises VManageRejectedError: the body is ``{"error": …}``, whatever the status.
    :raises VManageProtocolError: the body is not JSON, or empty or without data although a read must have some.
    """
    where: dict[str, Any] = {"status": status, "method": method, "path": path}
    if not text.strip():
        if method == "GET":
            raise VManageProtocolError("The manager's response is empty", **where)
        return Envelope(None, **where)
    body = _parse_json(text, where)
    raise_for_error(body, **where)
    if isinstance(body, dict) and "data" in body and body["data"] is None:
        raise VManageProtocolError('The manager\'s response has "data": null', **where)
    return Envelope(body, **where)


def error_of(text: str) -> dict[str, Any] | None:
    """Return the ``error`` object of a body, or ``None`` if the body is anything else."""
    try:
        body = _loads(text)
    except (ValueError, RecursionError):
        return None
    return _error_in(body)


def raise_for_error(body: Any, *, status: int, method: str, path: str) -> None:
    """Raise an error if the body is ``{"error": …}``.

    :raises VManageRejectedError: with the manager's message, details and code.
    """
    error = _error_in(body)
    if error is None:
        return
    message = _text(error.get("message")) or "no message"
    raise VManageRejectedError(
        f"The manager refused the request: {message}",
        status=status,
        code=_text(error.get("code")) or None,
        details=_text(error.get("details")) or None,
        method=method,
        path=path,
    )


def _error_in(body: Any) -> dict[str, Any] | None:
    # Some responses have the error as bare text (seen by catalystwan 0.41.6, which then fails).
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return error  # even an empty one: an error without a message is no success
    return {"message": error} if error else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _parse_json(text: str, where: dict[str, Any]) -> Any:
    if text.lstrip().startswith("<"):
        raise VManageProtocolError("The manager responded with a page instead of JSON", **where)
    try:
        return _loads(text)
    except (ValueError, RecursionError) as err:
        reason = str(err)[:MAX_QUOTED_CHARS]
        # Not chained: Python's error contains the whole response, which may contain a token.
        raise VManageProtocolError(f"The manager's response is not JSON ({reason})", **where) from None


def _loads(text: str) -> Any:
    """Parse JSON. Half a character (a lone surrogate) becomes U+FFFD: no file, log or database could take it."""
    body = json.loads(text)
    if not _SURROGATE.search(text):
        return body
    whole = json.dumps(body, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(whole)
