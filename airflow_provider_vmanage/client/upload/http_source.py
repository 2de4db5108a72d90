"""Images behind an ``http(s)://`` URL: streamed from there to the manager, never stored in between."""

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
_TIMEOUTS_S = (10, 60)

#: content types that no image has
_PAGE_TYPES = ("text/html", "application/xhtml+xml")


def http_file(url: str) -> ImageSource:
    """Return the file behind a URL as a source.

    One request reads its size (a GET that is closed after the headers: signed URLs allow no HEAD); each read sends
    another. Redirects are followed, but never from https to http. Proxies and certificate authorities of the
    environment are used, ``~/.netrc`` is not.

    :param url: may have user information or a signature in it; both are masked in errors.
    :raises VManageSourceError: missing, of unknown length, empty, or a web page.
    """
    shown = masked_url(url)
    response = _get(url, shown)
    size = _read_size(response, shown)
    response.close()
    return checked_source(shown, size, lambda: _open(url, shown, size))


def _open(url: str, shown: str, size: int) -> IO[bytes]:
    response = _get(url, shown)
    if (now := _read_size(response, shown)) != size:
        response.close()
        raise VManageSourceError(f"source {shown!r} had {size} bytes and now has {now}", retryable=True)
    return cast("IO[bytes]", _Body(response, shown))


def _get(url: str, shown: str) -> requests.Response:
    try:
        http = _Session()
        http.auth = _own_credentials(url)
        with _queries_masked():
            response = http.get(url, stream=True, timeout=_TIMEOUTS_S, headers={"Accept-Encoding": "identity"})
    except _DowngradeError:
        raise VManageSourceError(
            f"source {shown!r} redirects from https to http: use the address it leads to"
        ) from None
    except (requests.RequestException, ValueError) as err:
        # The messages of requests quote the URL with its signature, so only the kind of failure is shown. Its
        # ValueErrors are about invalid addresses, which no retry fixes.
        is_permanent = isinstance(err, (ValueError, requests.TooManyRedirects))
        what = f"cannot be reached ({type(err).__name__})" + (": correct source" if is_permanent else "")
        raise VManageSourceError(f"source {shown!r} {what}", retryable=not is_permanent) from None
    if response.status_code != 200:
        response.close()
        is_transient = response.status_code in (408, 429) or response.status_code >= 500
        raise VManageSourceError(f"source {shown!r} returned HTTP {response.status_code}", retryable=is_transient)
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGE_TYPES:
        response.close()
        raise VManageSourceError(
            f"source {shown!r} is a web page (text/html), a login or an expired link: use the address of the file"
        )
    return response


class _DowngradeError(Exception):
    """A redirect leads from https to http."""


class _Session(requests.Session):
    """Follows redirects, but not from https to http, and never with credentials of ``~/.netrc``."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Check a redirect before it is followed."""
        old, new = response.request.url or "", prepared_request.url or ""
        if old.startswith("https:") and new.startswith("http:"):
            raise _DowngradeError
        if self.should_strip_auth(old, new):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


@contextmanager
def _queries_masked() -> Iterator[None]:
    """Mask signatures in urllib3's debug log: Airflow does not mask every log (``airflow dags test``)."""
    log, query_filter = logging.getLogger("urllib3.connectionpool"), _QueryFilter()
    log.addFilter(query_filter)
    try:
        yield
    finally:
        log.removeFilter(query_filter)


class _QueryFilter(logging.Filter):
    """Masks everything after a question mark in the arguments of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return true: every record is logged."""
        if isinstance(record.args, tuple):
            record.args = tuple(_mask_query(one) if isinstance(one, str) else one for one in record.args)
        return True


def _mask_query(text: str) -> str:
    path, mark, _ = text.partition("?")
    return f"{path}?{MASK}" if mark else text


def _own_credentials(url: str) -> Any:
    """Return an auth object, always: without one, requests reads ``~/.netrc``, even if the URL has credentials."""
    parts = urlsplit(url)
    if parts.username is None:
        return lambda prepared: prepared
    # As bytes, since requests would write text as Latin-1.
    return HTTPBasicAuth(unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or ""))


def _read_size(response: requests.Response, shown: str) -> int:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        response.close()
        raise VManageSourceError(f"source {shown!r} is sent with Content-Encoding {encoding}: use a server without it")
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal():
        response.close()
        raise VManageSourceError(f"source {shown!r} has no Content-Length: use a server that sends one")
    return int(length)


class _Body(io.RawIOBase):
    """The body of a response as a file; closing it closes the connection.

    :param response: read from its first byte.
    :param shown: name of the source, for errors.
    """

    def __init__(self, response: requests.Response, shown: str) -> None:
        self._response = response
        self._shown = shown

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; return 0 at the end.

        :raises VManageSourceError: the connection ended before the body did.
        """
        try:
            block: bytes = self._response.raw.read(len(buffer), decode_content=False)
        except (HTTPError, OSError) as err:
            kind = type(err).__name__
            raise VManageSourceError(f"source {self._shown!r} was cut off ({kind})", retryable=True) from err
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        super().close()
