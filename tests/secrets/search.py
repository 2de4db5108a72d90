"""Searches for secrets in what a task leaves behind."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from airflow_provider_vmanage.simulator import Simulator


def forms_of(secret: str) -> set[str]:
    """The forms of a secret: as it is, in a URL, a form, JSON, a page, a repr, an Authorization header."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    inside = json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret)
    return {secret, unquote(secret), quote(secret), quote(secret, safe=""), quote_plus(secret), encoded, *inside}


def found(secrets: Mapping[str, str], places: Mapping[str, str]) -> list[tuple[str, str]]:
    """Which secret is where: (its name, the place), in the order of the names."""
    return [
        (name, place)
        for name, secret in secrets.items()
        for place, text in places.items()
        if any(form in text for form in forms_of(secret))
    ]


def secrets_sent(vm: Simulator) -> dict[str, str]:
    """The secrets of sessions, by what the manager received: cookies, tokens, bearers."""
    seen: dict[str, str] = {}
    for number, request in enumerate(vm.requests):
        headers = request.headers
        values = {
            "cookie": headers.get("cookie", "").partition("JSESSIONID=")[2].partition(";")[0],
            "token": headers.get("x-xsrf-token", ""),
            "bearer": headers.get("authorization", "").removeprefix("Bearer "),
            "tenant session": headers.get("vsessionid", ""),
        }
        for kind, value in values.items():
            if value and value not in seen.values():
                seen[f"{kind} {number}"] = value
    return seen


def texts_of(error: BaseException) -> dict[str, str]:
    """Everything that an error says: text, repr, fields, chain and traceback, all causes included."""
    chain = list(_causes(error))
    return {
        "error text": " ".join(map(str, chain)),
        "error repr": " ".join(map(repr, chain)),
        "error fields": " ".join(repr(vars(one)) for one in chain if type(one).__module__.startswith("airflow_pro")),
        "traceback": "".join(traceback.format_exception(error)),
    }


def _causes(error: BaseException) -> Iterable[BaseException]:
    seen: list[Any] = [error]
    for one in seen:
        seen += [nxt for nxt in (one.__cause__, one.__context__) if nxt is not None and nxt not in seen]
    return seen
