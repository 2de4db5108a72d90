"""Redact secrets that the server echoes back.

A manager may quote what it was sent: as a form, in JSON or in a page. Errors end in logs, in the database and in mails,
so each error is redacted before it leaves the session.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.envelope import MAX_QUOTED_CHARS
from airflow_provider_vmanage.client.urls import MASK

#: characters of the shortest secret that is redacted: a shorter one would garble texts; Airflow's masker ignores it too
MIN_SECRET_CHARS = 5


class Secrets:
    """The secrets of one session, of which its repr shows none.

    :param known: from the beginning.
    :param on_secret: receives those that are added later.
    """

    def __init__(self, *known: str | None, on_secret: Callable[[str], None] = lambda _: None) -> None:
        self._known = set(known)
        self._report = on_secret

    def __repr__(self) -> str:
        """Return their number only."""
        return f"<{len(self._known)} secrets>"

    def add(self, *secrets: str) -> None:
        """Redact these too from now on, and report them."""
        self._known.update(secrets)
        for secret in secrets:
            self._report(secret)

    def stop_reporting(self) -> None:
        """Report no secret that is added from now on."""
        self._report = lambda _: None

    @contextmanager
    def redacted(self) -> Iterator[None]:
        """Redact them in an error that is raised inside."""
        try:
            yield
        except VManageError as err:
            self.redact(err)
            raise

    def redact(self, error: VManageError) -> None:
        """Redact them in an error that is kept."""
        redact(error, self._known)


def redact(error: VManageError, secrets: Iterable[str | None]) -> None:
    """Replace each secret by ``***`` in the error, also as written in a URL, a form, JSON or a page.

    :param error: whose message, code, details and path are changed.
    :param secrets: those shorter than five characters are not replaced.
    """
    forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
    error.message = _redacted(error.message, forms)
    error.args = (error.message,)
    error.code, error.details, error.path = (
        text and _redacted(text, forms) for text in (error.code, error.details, error.path)
    )


def _forms(secret: str) -> list[str]:
    seen = (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
    return [form for form in (*seen, html.escape(secret)) if len(secret) >= MIN_SECRET_CHARS]


def _redacted(text: str, forms: Iterable[str]) -> str:
    was_cut = len(text) >= MAX_QUOTED_CHARS  # perhaps in the middle of a secret
    for form in forms:
        text = text.replace(form, MASK)
        if was_cut:
            start = next(
                (form[:n] for n in range(len(form) - 1, MIN_SECRET_CHARS - 1, -1) if text.endswith(form[:n])), ""
            )
            text = text.removesuffix(start) + MASK if start else text
    return text
