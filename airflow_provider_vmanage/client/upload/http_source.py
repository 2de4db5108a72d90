"""Images that lie behind an ``http(s)://`` URL: streamed from there to the manager, never stored in between."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError

from airflow_provider_vmanage.client.errors import VManageSourceError
from airflow_provider_vmanage.client.upload.sources import ImageSource, checked_source
from airflow_provider_vmanage.client.urls import MASK, masked_url

#: seconds to connect, and to wait for the next bytes
_TIMEOUT = (10, 60)

#: types that no image has
_PAGES = ("text/html", "application/xhtml+xml")


def http_file(url: str) -> ImageSource:
    """Return what lies behind a URL as a source.

    Asks once for its size (a GET that is closed after the headers: signed URLs allow no HEAD), and reads it with a
    request of its own. Redirects are followed, but never from https to http. Proxies and certificate authorities of
    the environment are used, ``~/.netrc`` is not.

    :param url: may carry user information or a signature; neither shows up in an error.
    :raises VManageSourceError: not there, of unknown length, empty, or a web page.
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
    return cast("IO[bytes]", _Body(answer, shown))


def _get(url: str, shown: str) -> requests.Response:
    try:
        http = _Session()
        http.auth = _own_credentials(url)
        with _queries_left_out():
            answer = http.get(url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"})
    except _Downgrade:
        raise VManageSourceError(
            f"source {shown!r} redirects from https to http: use the address it leads to"
        ) from None
    except (requests.RequestException, ValueError) as err:
        # The words of requests name the URL with its signature, so only the kind of failure is told. Its ValueErrors
        # are about what no retry makes better: an address that is none.
        lasting = isinstance(err, (ValueError, requests.TooManyRedirects))
        what = f"cannot be reached ({type(err).__name__})" + (": correct source" if lasting else "")
        raise VManageSourceError(f"source {shown!r} {what}", retryable=not lasting) from None
    if answer.status_code != 200:
        answer.close()
        passing = answer.status_code in (408, 429) or answer.status_code >= 500
        raise VManageSourceError(f"source {shown!r} was answered with HTTP {answer.status_code}", retryable=passing)
    if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGES:
        answer.close()
        raise VManageSourceError(
            f"source {shown!r} is a web page (text/html), as of a login or an expired link: use the address of the file"
        )
    return answer


class _Downgrade(Exception):
    """A redirect leads from https to http."""


class _Session(requests.Session):
    """Follows redirects, but neither from https to http nor with what ``~/.netrc`` says of another host."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Look at the next step before it is made."""
        old, new = response.request.url or "", prepared_request.url or ""
        if old.startswith("https:") and new.startswith("http:"):
            raise _Downgrade
        if self.should_strip_auth(old, new):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


@contextmanager
def _queries_left_out() -> Iterator[None]:
    """Keep signatures out of urllib3's debug log: not every log of Airflow's is masked (``airflow dags test``)."""
    log, without_query = logging.getLogger("urllib3.connectionpool"), _WithoutQuery()
    log.addFilter(without_query)
    try:
        yield
    finally:
        log.removeFilter(without_query)


class _WithoutQuery(logging.Filter):
    """Masks what stands behind a question mark in the arguments of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(one) if isinstance(one, str) else one for one in record.args)
        return True


def _without_query(text: str) -> str:
    path, mark, _ = text.partition("?")
    return f"{path}?{MASK}" if mark else text


def _own_credentials(url: str) -> Any:
    """Return an auth object in any case: without one, requests looks into ``~/.netrc``, even past the URL's own."""
    parts = urlsplit(url)
    if parts.username is None:
        return lambda prepared: prepared
    # As bytes, since requests would write text as Latin-1.
    return HTTPBasicAuth(unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or ""))


def _size(answer: requests.Response, shown: str) -> int:
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        answer.close()
        raise VManageSourceError(f"source {shown!r} is sent with Content-Encoding {encoding}: use a server without it")
    length = answer.headers.get("Content-Length", "")
    if not length.isdecimal():
        answer.close()
        raise VManageSourceError(f"source {shown!r} does not tell its size (Content-Length): use a server that does")
    return int(length)


class _Body(io.RawIOBase):
    """The body of an answer as a file; closing it closes the connection.

    :param answer: read from its first byte.
    :param shown: name of the source, for errors.
    """

    def __init__(self, answer: requests.Response, shown: str) -> None:
        self._answer = answer
        self._shown = shown

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end.

        :raises VManageSourceError: the connection ended before the body did.
        """
        try:
            block: bytes = self._answer.raw.read(len(buffer), decode_content=False)
        except (HTTPError, OSError) as err:
            kind = type(err).__name__
            raise VManageSourceError(f"source {self._shown!r} broke off ({kind})", retryable=True) from err
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()
        super().close()
