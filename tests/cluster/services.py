"""A private PostgreSQL and a private Redis, from Debian's packages, for as long as a ``with`` block lasts."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.rest_api import free_port

#: seconds for a server to accept connections
START = 30.0


@contextmanager
def postgresql() -> Iterator[str]:
    """Start PostgreSQL with the settings of its package, and give the URL of an empty database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    # PostgreSQL refuses to run as root; pytest's folders are for one user only.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cluster-postgresql-"))
    port, password = free_port(), secrets.token_hex(16)
    try:
        if user:
            shutil.chown(folder, user)
        secret = folder / "password"
        secret.write_text(password)
        if user:
            shutil.chown(secret, user)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "airflow", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]
        subprocess.run([*initdb, "--pwfile", secret], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        server = [programs / "postgres", "-D", data, "-p", str(port), "-c", "unix_socket_directories="]
        url = f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{port}/postgres"
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        with _running([*server, "-c", "listen_addresses=127.0.0.1"], ready, signal.SIGINT, user, folder):
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """Start Redis, which keeps nothing on disk, and give its URL."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-redis-"))
    port, password = free_port(), secrets.token_hex(16)
    try:
        settings = folder / "redis.conf"  # not the command line, which everybody on this machine can read
        settings.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        ready = ["redis-cli", "-p", str(port), "ping"]
        with _running(["redis-server", settings], ready, signal.SIGTERM, None, folder):
            yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: list[str | Path], ready: list[str | Path], stop: signal.Signals, user: str | None, folder: Path
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START
        while subprocess.run(ready, capture_output=True, check=False).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{command[0]} does not respond:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(stop)
        server.wait(30)
