"""Template fields whose value may carry a secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from airflow_provider_vmanage.client.urls import secrets_in_url


class _Masked:
    """An attribute that tells Airflow what is secret in its value as soon as that is known.

    Rendering sets the attribute, for plain and for mapped tasks, and Airflow stores rendered fields only after that.
    What stands literally in a DAG file is shown to everybody who can read the DAG's code.
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
        self._tell(value)

    def _tell(self, value: Any) -> None:
        raise NotImplementedError


class MaskedURL(_Masked):
    """A URL of which a part may be secret."""

    def _tell(self, value: Any) -> None:
        mask_url(str(value) if value is not None else "")


class MaskedText(_Masked):
    """A text that is a secret as a whole."""

    def _tell(self, value: Any) -> None:
        from airflow.sdk.log import mask_secret

        if isinstance(value, str) and value and "{{" not in value:
            mask_secret(value)


def mask_url(text: str) -> None:
    """Tell Airflow what is secret in a URL, or in the URL of a checksum list (``file:https://…``).

    :param text: anything; what is no URL, or still a template, is left alone.
    """
    from airflow.sdk.log import mask_secret

    url = text if text.lower().startswith("file://") else text.removeprefix("file:")
    if "://" in url and "{{" not in url:
        for secret in secrets_in_url(url):
            mask_secret(secret)


def mask(secret: str | None) -> None:
    """Tell Airflow a secret, also as it looks inside a URL or a form."""
    from airflow.sdk.log import mask_secret

    for text in dict.fromkeys((secret, quote_plus(secret or ""))):
        if text:
            mask_secret(text)


def masked(text: str) -> str:
    """Return the text without the secrets that Airflow has been told: a manager may quote what it was sent.

    :param text: for a place that Airflow stores, logs or shows without masking it.
    """
    from airflow.providers.common.compat.sdk import redact  # its place differs between releases of Airflow

    return str(redact(text))
