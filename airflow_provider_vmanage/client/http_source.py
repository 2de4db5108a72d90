"""Images that lie behind an ``http(s)://`` URL: streamed from there to the manager, never stored in between."""

from __future__ import annotations

import io
from typing import IO, Any, cast
from urllib.parse import urlsplit

import requests

from airflow_provider_vmanage.client.errors import VManageSourceError
from airflow_provider_vmanage.client.sources import ImageSource, checked_source
from airflow_provider_vmanage.client.urls import masked_url

#: seconds to connect, and to wait for the next bytes
_TIMEOUT = (10, 60)


def http_file(url: str) -> ImageSource:
    """Return what lies behind a URL as a source.

    Asks once for its size (a GET that is closed after the headers: signed URLs allow no HEAD), and reads it with a
    request of its own. Redirects are followed, but never from https to http. Proxies and certificate authorities of
    the environment are used, ``~/.netrc`` is not.

    :param url: may carry user information or a signature; neither shows up in an error.
    :raises VManageSourceError: not there, of unknown length, or empty.
    """
    shown = masked_url(url)
    answer = _get(url, shown)
    size = _size(answer, shown)
    answer.close()
    return checked_source(shown, size, lambda: _open(url, shown, size))


def _open(url: str, shown: str, size: int) -> IO[bytes]:
    answer = _get(url, shown)
    if (now := _size(answer, shown)) != size:
        answer.close()
        raise VManageSourceError(f"source {shown!r} had {size} bytes and now has {now}", retryable=True)
    return cast("IO[bytes]", _Body(answer))


def _get(url: str, shown: str) -> requests.Response:
    http = requests.Session()
    http.auth = _own_credentials(url)
    try:
        answer = http.get(url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"})
    except requests.RequestException as err:
        # The words of requests name the URL with its signature, so only the kind of failure is told.
        raise VManageSourceError(f"source {shown!r} cannot be reached ({type(err).__name__})", retryable=True) from None
    if answer.status_code != 200:
        answer.close()
        passing = answer.status_code in (408, 429) or answer.status_code >= 500
        raise VManageSourceError(f"source {shown!r} was answered with HTTP {answer.status_code}", retryable=passing)
    if url.lower().startswith("https:") and not answer.url.lower().startswith("https:"):
        answer.close()
        raise VManageSourceError(f"source {shown!r} redirects from https to http: use the address it leads to")
    return answer


def _own_credentials(url: str) -> Any:
    parts = urlsplit(url)
    if parts.username is not None:
        return None  # requests takes them from the URL
    return lambda prepared: prepared  # with an auth object of its own, requests never looks into ~/.netrc


def _size(answer: requests.Response, shown: str) -> int:
    length = answer.headers.get("Content-Length", "")
    if not length.isdecimal() or answer.headers.get("Content-Encoding", "identity") != "identity":
        answer.close()
        raise VManageSourceError(f"source {shown!r} does not tell its size (Content-Length): use a server that does")
    return int(length)


class _Body(io.RawIOBase):
    """The body of an answer as a file; closing it closes the connection."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return cast("bytes", self._answer.raw.read(None if size < 0 else size, decode_content=False))

    def close(self) -> None:
        self._answer.close()
        super().close()
