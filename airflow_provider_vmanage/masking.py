"""Masks secrets: in template fields, URLs and texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote_plus

from airflow_provider_vmanage.client.urls import secrets_in_url, without_file_prefix

#: in a list as text, a quote ends a URL only before what may follow an entry
_URL = re.compile(r"""\w[\w+.-]*://(?:[^\s"']|["'](?!\s*(?:[,}\]]|$)))+""")


class _Masked:
    """An attribute that registers the secrets of its value with Airflow as soon as it is set.

    Rendering sets the attribute, for plain and for mapped tasks, and Airflow stores rendered fields only after that.
    Everyone who can read the code of a DAG can read the literals in it.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        try:
            return instance.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value
        self._mask(value)

    def _mask(self, value: Any) -> None:
        raise NotImplementedError


class MaskedURL(_Masked):
    """A URL of which a part may be secret."""

    def _mask(self, value: Any) -> None:
        mask_url(str(value) if value is not None else "")


class MaskedURLs(_Masked):
    """Texts, or texts in lists and objects, any of which may hold URLs."""

    def _mask(self, value: Any) -> None:
        if isinstance(value, str):
            for url in _URL.findall(value):
                mask_url(url)
        elif isinstance(value, Mapping):
            self._mask(list(value.values()))
        elif isinstance(value, Collection):
            for one in value:
                self._mask(one)


class MaskedText(_Masked):
    """A text that is secret as a whole."""

    def _mask(self, value: Any) -> None:
        from airflow.sdk.log import mask_secret

        if isinstance(value, str) and value and "{{" not in value:
            mask_secret(value)

    def __set__(self, instance: Any, value: Any) -> None:
        """Set a number as text: a native template makes one of digits, and Airflow masks no numbers."""
        super().__set__(instance, str(value) if isinstance(value, (int, float)) else value)


def mask_url(text: str) -> None:
    """Mask the secrets in a URL, or in the URL of a checksum list (``file:https://…``), from now on.

    :param text: any text; ignored if it is not a URL, or still a template.
    """
    from airflow.sdk.log import mask_secret

    url = without_file_prefix(text)
    if "://" in url and "{{" not in url:
        for secret in secrets_in_url(url):
            mask_secret(secret)


def mask(secret: str | None) -> None:
    """Mask a secret from now on, also in the form that it has in a URL."""
    from airflow.sdk.log import mask_secret

    for text in dict.fromkeys((secret, quote_plus(secret or ""))):
        if text:
            mask_secret(text)


def masked(text: str) -> str:
    """Return the text without the secrets that Airflow knows: a manager may quote what it was sent.

    :param text: text that Airflow stores, logs or shows without masking it.
    """
    from airflow.providers.common.compat.sdk import redact  # its module differs between releases of Airflow

    return str(redact(text))
