"""What a manager quotes of our secrets, taken out of errors before anybody sees them.

A manager may say back what it was sent: seen as a form, in JSON and in pages. Errors end in logs, in the database and
in mails, so each error is cleaned where it leaves the one path of requests.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.envelope import MAX_QUOTED
from airflow_provider_vmanage.client.urls import MASK

#: characters below which a secret would garble texts rather than be hidden; Airflow's masker leaves such alone too
MIN_LENGTH = 5


class Secrets:
    """The secrets of one session, of which its repr shows none.

    :param known: from the beginning.
    :param on_secret: told those that come up later.
    """

    def __init__(self, *known: str | None, on_secret: Callable[[str], None] = lambda _: None) -> None:
        self._known = set(known)
        self._tell = on_secret

    def __repr__(self) -> str:
        """Tell their number."""
        return f"<{len(self._known)} secrets>"

    def add(self, *secrets: str) -> None:
        """Hide these too from now on, and tell them."""
        self._known.update(secrets)
        for secret in secrets:
            self._tell(secret)

    def stop_reporting(self) -> None:
        """Tell nobody of those that come up from now on."""
        self._tell = lambda _: None

    @contextmanager
    def redacted(self) -> Iterator[None]:
        """Hide them in the error that leaves."""
        try:
            yield
        except VManageError as err:
            self.redact(err)
            raise

    def redact(self, error: VManageError) -> None:
        """Hide them in an error that is kept."""
        hide(error, self._known)


def hide(error: VManageError, secrets: Iterable[str | None]) -> None:
    """Replace each secret by ``***`` in what the error says, also as it looks in a URL, a form, JSON or a page.

    :param secrets: those shorter than five characters are left alone.
    """
    forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
    error.message = _hidden(error.message, forms)
    error.args = (error.message,)
    error.code, error.details, error.path = (
        text and _hidden(text, forms) for text in (error.code, error.details, error.path)
    )


def _forms(secret: str) -> list[str]:
    seen = (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
    return [form for form in (*seen, html.escape(secret)) if len(secret) >= MIN_LENGTH]


def _hidden(text: str, forms: Iterable[str]) -> str:
    was_cut = len(text) >= MAX_QUOTED  # perhaps in the middle of a secret
    for form in forms:
        text = text.replace(form, MASK)
        if was_cut:
            begun = next((form[:n] for n in range(len(form) - 1, MIN_LENGTH - 1, -1) if text.endswith(form[:n])), "")
            text = text.removesuffix(begun) + MASK if begun else text
    return text
