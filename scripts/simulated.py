"""What a person is shown things with: a sample image, and simulated managers that remember what they hold."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import random
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.serving import connection_json

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1024 * 1024
#: What the edges of the fleet can be upgraded to: six parts in the repository, of which a device shows five.
EDGE_IMAGES = {"17.09.04a.0.6.1689012345": 45, "17.12.04.0.6740.1708012345": 3}
EDGE_FAMILIES = ("c8000v", "isr4300", "asr1001x")


class ScriptError(Exception):
    """A problem that a person has to fix, in one line."""


def chosen_ports(variable: str, count: int = 1) -> list[int]:
    """Return the port that a variable of the environment names and those after it, or 0 for any free one.

    :raises ScriptError: One of them cannot be had.
    """
    text = os.environ.get(variable) or "0"
    highest = 65536 - count
    instead = f"or leave it out to take {'a free one' if count == 1 else 'free ones'}"
    if not text.isdecimal() or int(text) > highest:
        raise ScriptError(f"{variable}={text} names no port: give a number from 1 to {highest}, {instead}")
    first = int(text)
    ports = [first and first + number for number in range(count)]
    for port in ports:
        try:
            check_port(port)
        except OSError as err:
            raise ScriptError(
                f"port {port} cannot be had ({err.strerror}): let {variable} name another, {instead}"
            ) from err
    return ports


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Lock the folder against other processes.

    :raises ScriptError: One has it.
    """
    state.mkdir(exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ScriptError("runs already in this clone: end that first") from err
        yield


def check_port(port: int) -> None:
    """Raise OSError if a port of 127.0.0.1 is taken.

    :raises OSError: It is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def check_disk(folder: Path, needed: int) -> None:
    """Raise ScriptError if the disk has less free space than needed."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ScriptError(f"disk full: {free // MEGABYTE} MB are free in {folder}, and {needed // MEGABYTE} are needed")


def sample_image(folder: Path, version: str, size: int) -> Path:
    """Return a sample image of the manager; made once, the same on every machine."""
    image = folder / image_name(version)
    if not image.exists() or image.stat().st_size != size:
        content = random.Random(version)  # noqa: S311 - it means nothing, and must only be the same every time
        with image.open("wb") as file:
            for _ in range(size // MEGABYTE):
                file.write(content.randbytes(MEGABYTE))
    return image


def image_name(version: str) -> str:
    """Return the name of the manager's own image."""
    return f"vmanage-{version}-x86_64.tar.gz"


def sha512_of(file: Path) -> str:
    """Return the digest of a file."""
    digest = hashlib.sha512()
    with file.open("rb") as content:
        while block := content.read(MEGABYTE):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def manager(
    version: str, storage: Path, images: Mapping[str, int], port: int = 0, **options: Any
) -> Iterator[Simulator]:
    """Run a simulated manager over TLS that remembers its repository.

    :param storage: folder that keeps it.
    :param images: names of what it holds at the very first start, and for how many days.
    :param options: more arguments of the simulator, such as the size of its fleet.
    """
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    new = not storage.exists()
    with Simulator(version=version, port=port, storage=storage, **options) as vm:
        for name, days in images.items() if new else ():
            content = random.Random(name).randbytes(MEGABYTE)  # noqa: S311
            vm.add_image(name, content, updated_on=int((time.time() - days * 86400) * 1000))
        yield vm


def add_edge_images(vm: Simulator, families: Iterable[str] = EDGE_FAMILIES) -> None:
    """Put images for the edges of the fleet on a manager; that of the version they run cannot be deleted."""
    for version, days in EDGE_IMAGES.items():
        for family in families:
            name = f"{family}-universalk9.{'.'.join(version.split('.')[:3])}.SPA.bin"
            updated_on = int((time.time() - days * 86400) * 1000)
            vm.add_image(name, name.encode(), version=version, updated_on=updated_on)


def connection_to(vm: Simulator) -> dict[str, Any]:
    """Return the fields of Airflow's connection to a simulated manager."""
    fields: dict[str, Any] = json.loads(connection_json(vm))
    return fields
