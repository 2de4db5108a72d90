"""The report of a check: results, and the redacted responses that they were read from."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage import __version__
from airflow_provider_vmanage.client.assumptions.redaction import Redactor, samples_of
from airflow_provider_vmanage.client.assumptions.seen import Observed, Seen
from airflow_provider_vmanage.client.assumptions.table import DIFFERS, Result

#: version of the form of the JSON
FORMAT = 1

#: rows of one response, one of each shape
MOST_SAMPLES = 10

_CONTENT_TYPE = re.compile(
    r"(application|text)/(json|html|plain|octet-stream|xml)(; ?charset=(utf-?8|us-ascii|iso-8859-1))?", re.IGNORECASE
)
_ATTRIBUTES = ("path", "secure", "httponly", "samesite", "expires", "max-age", "domain")


@dataclass(frozen=True)
class Report:
    """What one run has found.

    :param results: one for each assumption that was checked.
    :param requests: number of requests that were sent.
    :param seconds: that it took.
    """

    results: Sequence[Result]
    seen: Seen
    requests: int
    seconds: float

    @property
    def differs(self) -> bool:
        """Return whether anything differs from what is assumed."""
        return any(result.outcome == DIFFERS for result in self.results)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many assumptions have which outcome."""
        return Counter(result.outcome for result in self.results)

    @property
    def release(self) -> str | None:
        """Return the release as far as a report shows it."""
        version = Redactor().redacted(self.seen.server.version, "platformVersion")
        return version if version and not version.startswith("x") else None

    def as_json(self, salt: bytes | None = None) -> dict[str, Any]:
        """Return the report as plain JSON types, without the manager's values.

        :param salt: of the digests; drawn for each report unless given.
        """
        redactor = Redactor(salt)
        return {
            "format": FORMAT,
            "provider": __version__,
            "python": platform.python_version(),
            "release": self.release,
            "auth": self.seen.auth,
            "scheme": self.seen.scheme,
            "verified": self.seen.verified,
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
            "assumptions": [_result(one) for one in self.results],
            "responses": {name: _response(one, redactor) for name, one in self.seen.responses.items()},
        }


def _result(result: Result) -> dict[str, Any]:
    known = result.assumption
    return {"id": known.id, "mark": known.mark, "outcome": result.outcome, "seen": result.seen}


def _response(found: Observed, redactor: Redactor) -> dict[str, Any]:
    content_type = found.headers.get("content-type", "")
    is_known_type = not content_type or _CONTENT_TYPE.fullmatch(content_type)
    return {
        "method": found.method,
        "path": found.path,
        "status": found.status,
        "failure": found.failure,
        "kind": found.kind,
        "content_type": content_type if is_known_type else f"x{redactor.digest(content_type)}",
        "cookies": [_cookie(one, redactor) for one in found.cookies],
        "location": "/welcome.html" if "welcome.html" in found.headers.get("location", "") else None,
        "characters": len(found.text),
        "seconds": round(found.seconds, 2),
        **_body(found, redactor),
    }


def _cookie(header: str, redactor: Redactor) -> str:
    """Return the name of a cookie, and which of the known attributes it has."""
    name, *attributes = (piece.strip().partition("=")[0] for piece in header.split(";"))
    shown = name if name == "JSESSIONID" else f"x{redactor.digest(name)}"
    return "; ".join([shown, *(one for one in attributes if one.lower() in _ATTRIBUTES)])


def _body(found: Observed, redactor: Redactor) -> dict[str, Any]:
    body = found.body
    if body is None or isinstance(body, (str, int, float)):
        return {}
    rows: dict[str, int] = {}
    if isinstance(body, dict):
        body = dict(body)
        if isinstance(body.get("header"), dict):
            body["header"] = dict.fromkeys(body["header"])  # how the page draws columns; no part of a record
        for key in ("data", "runningTasks"):
            if isinstance(body.get(key), list):
                rows[key] = len(body[key])
                body[key] = samples_of(body[key], MOST_SAMPLES)
    elif isinstance(body, list):
        rows["list"] = len(body)
        body = samples_of(body, MOST_SAMPLES)
    return {"rows": rows, "body": redactor.redacted(body)}
