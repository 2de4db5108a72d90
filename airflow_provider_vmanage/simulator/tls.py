"""A disposable certificate authority, and the server's certificate from it."""

from __future__ import annotations

import os
import ssl
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
    authority = _authority(folder)
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
    authority = trustme.CA(organization_name="vManage simulator (do not trust elsewhere)")
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority
