"""What a manager was seen to respond: raw responses by name, and the parts of them that checks ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_provider_vmanage.client.models import ServerInfo, parse_server_info

#: statuses of a manager, or of a proxy, that say nothing about the call
_UNAVAILABLE = (429, 502, 503)


class Unseen(Exception):
    """What a check needs could not be seen; the text says why and holds no value of the manager."""


@dataclass(frozen=True)
class Observed:
    """One response, or the reason why there is none.

    :param method: of the request.
    :param path: from the root of the manager, with placeholders in place of ids.
    :param status: HTTP status; ``None`` without a response.
    :param headers: by lower-case name.
    :param text: the decoded body.
    :param cookies: each ``Set-Cookie`` header.
    :param failure: kind of the error in place of a response.
    :param seconds: from the request to the end of the response.
    :param digest: SHA-512 of the body.
    """

    method: str
    path: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    failure: str | None = None
    seconds: float = 0.0
    digest: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """Return method and path."""
        return f"{self.method} {self.path}"

    @property
    def is_page(self) -> bool:
        """Return whether the body is HTML."""
        return self.text.lstrip().startswith("<")

    @cached_property
    def body(self) -> Any:
        """Return the parsed JSON, or ``None`` if the body is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def kind(self) -> str:
        """Return status and kind of the body in words."""
        if self.failure:
            return f"no response ({self.failure})"
        return f"HTTP {self.status}, {self._body_kind}"

    @property
    def _body_kind(self) -> str:
        if not self.text:
            return "no body"
        if not self.text.strip():
            return "only blanks"
        if self.is_page:
            return "a page"
        if self.body is None:
            return "text that is not JSON"
        if isinstance(self.body, dict) and "error" in self.body:
            return "a JSON error"
        return "a JSON list" if isinstance(self.body, list) else "JSON"


@dataclass
class Seen:
    """Everything that was seen in one run.

    :param responses: by a name such as ``software`` or ``login``.
    :param auth: method of the login.
    :param scheme: ``https`` or ``http``.
    :param verified: whether the certificate was checked.
    :param facts: what several requests show together, such as seconds until an upload was listed.
    """

    responses: dict[str, Observed] = field(default_factory=dict)
    auth: str = "session"
    scheme: str = "https"
    verified: bool = True
    facts: dict[str, Any] = field(default_factory=dict)

    def response(self, name: str) -> Observed:
        """Return a response.

        :raises Unseen: there was no request of that name, no response, or one of a manager that is busy or starting.
        """
        found = self.responses.get(name)
        if found is None:
            raise Unseen("not asked for")
        if found.failure or found.status in _UNAVAILABLE:
            raise Unseen(f"{found.label}: {found.kind}")
        return found

    def ok(self, name: str) -> Observed:
        """Return a response with status 200.

        :raises Unseen: it has another status, or is not there.
        """
        found = self.response(name)
        if found.status != 200:
            raise Unseen(f"{found.label}: {found.kind}")
        return found

    def rows(self, name: str, key: str = "data") -> list[dict[str, Any]]:
        """Return the objects of a list.

        :raises Unseen: the response is not such a list; a check of its own reports that.
        """
        found = self.ok(name)
        rows = found.body.get(key) if isinstance(found.body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unseen(f"{found.label}: no list of objects")
        return rows

    def some_rows(self, name: str, key: str = "data") -> list[dict[str, Any]]:
        """Return the objects of a list that has any.

        :raises Unseen: as :meth:`rows`, or the list is empty.
        """
        if rows := self.rows(name, key):
            return rows
        raise Unseen(f"{self.ok(name).label}: the list is empty")

    @property
    def server(self) -> ServerInfo:
        """Return release and tenancy, as far as ``/client/server`` shows them."""
        found = self.responses.get("server")
        data = found.body.get("data") if found is not None and isinstance(found.body, dict) else None
        try:
            return parse_server_info(data) if isinstance(data, dict) else ServerInfo()
        except Exception:  # noqa: BLE001 - a field of another kind; the check of the fields reports it
            return ServerInfo()

    @property
    def release(self) -> tuple[int, int] | None:
        """Return the first two numbers of the release, if they are known."""
        return self.server.release
