"""A disposable certificate authority, and the server's certificate from it."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import trustme

# Where a client on this machine finds a server that listens on all addresses.
OWN_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
NAMES = ("localhost", "127.0.0.1", "::1")


def server_context(folder: Path, host: str) -> ssl.SSLContext:
    """A TLS context for the server; the CA in the folder is made once and then used again.

    :param folder: Where ``ca.pem`` (for clients) and ``ca-key.pem`` lie.
    :param host: Address the server binds; the certificate is valid for it and for this machine's names.
    """
    return _context(_authority(folder), host)


def disposable_context(folder: Path, host: str) -> ssl.SSLContext:
    """As ``server_context``, with a CA that ends with this process; its simulators share it, and start quickly.

    :param folder: Where ``ca.pem`` is written.
    :param host: Address the server binds.
    """
    certificate, context = _disposable(host)
    ca_path(folder).write_bytes(certificate)
    return context


@cache
def _disposable(host: str) -> tuple[bytes, ssl.SSLContext]:
    authority = _new_authority()
    return authority.cert_pem.bytes(), _context(authority, host)


def _context(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = dict.fromkeys((*NAMES, OWN_ADDRESS.get(host, host)))
    authority.issue_cert(*names).configure_cert(context)
    return context


def ca_path(folder: Path) -> Path:
    """The file a client trusts."""
    return folder / "ca.pem"


def _authority(folder: Path) -> trustme.CA:
    certificate, key = ca_path(folder), folder / "ca-key.pem"
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    authority = _new_authority()
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority


def _new_authority() -> trustme.CA:
    return trustme.CA(organization_name="vManage simulator (do not trust elsewhere)")
