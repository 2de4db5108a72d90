"""The source of an upload as users write it, parsed once: a path, a web address, or the URL of an object store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upload.sources import ImageSource, local_file
from airflow_provider_vmanage.client.urls import masked_url, secrets_in_url


@dataclass(frozen=True)
class UploadSource:
    """The parsed text of a source. Whether there is an image behind it is checked by :meth:`open`.

    :param given: what was parsed, a text or a path object.
    :param text: the same as text, without blanks around it.
    :param scheme: in lower case; blank for a path.
    :param path: the path, decoded where the text is a URL.
    :param secrets: parts of the text that may be secret, such as a password or a signature.
    :param open_store: opens a scheme that the client cannot open itself.
    """

    given: Any = field(repr=False)
    text: str = field(repr=False)
    scheme: str
    path: str
    secrets: tuple[str, ...] = field(repr=False)
    open_store: Callable[[UploadSource], ImageSource] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, given: Any, *, open_store: Callable[[UploadSource], ImageSource] | None = None) -> UploadSource:
        """Return the parsed source; nothing is opened.

        :param given: a path, ``file://…``, ``http(s)://…``, the URL of an object store, or a path object.
        :param open_store: opens the URL of an object store.
        :raises VManageConfigurationError: blank, or not a URL.
        """
        text = str(given).strip()
        if not text:
            raise VManageConfigurationError(f"source is {text!r}: give the path or URL of an image")
        if "://" not in text:
            return cls(given, text, "", text, (), open_store)
        try:
            path = unquote(urlsplit(text).path)
        except ValueError as err:
            raise VManageConfigurationError(f"source {masked_url(text)!r} is not a URL: {err}") from err
        return cls(given, text, text.partition("://")[0].lower(), path, tuple(secrets_in_url(text)), open_store)

    @property
    def file_name(self) -> str:
        """Return the last part of the path, the default name on the manager; blank where there is none."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def shown(self) -> str:
        """Return the text with its secrets masked, for errors and logs."""
        return masked_url(self.text) if self.scheme else self.text

    @property
    def is_in_store(self) -> bool:
        """Return whether only a store's library can open it."""
        return self.scheme not in ("", "file", "http", "https")

    def open(self) -> ImageSource:
        """Return the image with its size; its bytes are not read yet.

        :raises VManageConfigurationError: the client cannot open the scheme.
        :raises VManageSourceError: missing, empty or not readable.
        """
        if not self.scheme:
            return local_file(_expand_user(self.text))
        if self.scheme == "file":
            return local_file(self.path)
        if not self.is_in_store:
            from airflow_provider_vmanage.client.upload.http_source import http_file

            return http_file(self.text)
        if self.open_store is None:
            hint = "use a path, file://, http:// or https://"
            raise VManageConfigurationError(f"source {self.shown!r} is in a store, which needs Airflow: {hint}")
        return self.open_store(self)


def _expand_user(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as err:
        raise VManageConfigurationError(f"source {text!r} cannot be used: {err}") from err
