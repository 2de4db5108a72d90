"""One upload by one contender, in a process of its own: ``upload_contenders.py NAME URL CA FILE``.

Prints the seconds of CPU and of time that the upload itself took, without start-up, login and list.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

Taken: TypeAlias = tuple[float, float]


class _NoDigest:
    """Stands in for every digest in the contender without hash."""

    def update(self, _: bytes) -> None: ...

    def hexdigest(self) -> str:
        return "0" * 128


class Stopwatch:
    """Begins when it is made.

    :ivar taken: seconds of CPU of this process, and seconds of time.
    """

    def __init__(self) -> None:
        self._began = time.process_time(), time.perf_counter()

    @property
    def taken(self) -> Taken:
        return time.process_time() - self._began[0], time.perf_counter() - self._began[1]


def ours(url: str, ca: str, source: str, *, hashed: bool = True) -> Taken:
    """Upload as users get it, or with the digests replaced by nothing."""
    from airflow_provider_vmanage.client.session import ManagerSession
    from airflow_provider_vmanage.client.settings import ManagerSettings
    from airflow_provider_vmanage.client.software_repository import SoftwareRepository
    from airflow_provider_vmanage.client.upload import body as upload
    from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
    from airflow_provider_vmanage.client.upload.sources import local_file

    settings = ManagerSettings(url, "admin", "admin", ca_bundle=ca)
    with ManagerSession(settings) as session:
        _ = session.server
        task = ImageUpload(SoftwareRepository(session), _source(source, local_file), "image.bin")
        without: Any = patch.object(upload, "new_digests", lambda _: {"sha512": _NoDigest()})
        with nullcontext() if hashed else without:
            watch = Stopwatch()
            assert task.run().action == "uploaded"
            return watch.taken


def _source(source: str, local_file: Any) -> Any:
    if "://" not in source:
        return local_file(source)
    from airflow_provider_vmanage.files.object_storage import open_source

    return open_source(source)


def catalystwan(url: str, ca: str, source: str) -> Taken:
    """Upload with the vendor's SDK, through its own session."""
    from catalystwan.session import create_manager_session  # type: ignore[import-not-found]

    with create_manager_session(url, "admin", "admin") as session:
        session.verify = ca
        watch = Stopwatch()
        session.api.repository.upload_image(source)
        return watch.taken


def requests_files(url: str, ca: str, source: str) -> Taken:
    """Upload as most scripts do."""
    import requests

    with Path(source).open("rb") as file:
        watch = Stopwatch()
        response = requests.post(
            f"{url}/dataservice/device/action/software/package",
            files={"file": ("image.bin", file, "application/x-gzip")},
            verify=ca,
            timeout=600,
        )
        response.raise_for_status()
        return watch.taken


def ceiling(url: str, ca: str, source: str) -> Taken:
    """Send the same number of bytes from memory, with nothing but a TLS socket: what sink and TLS allow."""
    host, _, port = url.removeprefix("https://").partition(":")
    size = Path(source).stat().st_size
    block = memoryview(bytes(1 << 20))
    with socket.create_connection((host, int(port))) as raw:
        context = ssl.create_default_context(cafile=ca)
        with context.wrap_socket(raw, server_hostname=host) as sock:
            watch = Stopwatch()
            path = "/dataservice/device/action/software/package"
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\n\r\n"
            sock.sendall(head.encode())
            left = size
            while left:
                count = min(left, len(block))
                sock.sendall(block[:count])
                left -= count
            assert b" 200 " in sock.recv(65536)
            return watch.taken


def sha512(_url: str, _ca: str, source: str) -> Taken:
    """Only hash the file, as a lower bound for everything that hashes."""
    watch = Stopwatch()
    digest = hashlib.sha512()
    with Path(source).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return watch.taken


CONTENDERS = {
    "ceiling": ceiling,
    "ours": ours,
    "ours-without-hash": lambda url, ca, source: ours(url, ca, source, hashed=False),
    "catalystwan": catalystwan,
    "requests-files": requests_files,
    "sha512": sha512,
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(*CONTENDERS[name](*arguments))
