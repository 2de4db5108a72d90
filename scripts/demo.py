"""An upgrade prepared on a simulated manager, in real Airflow: ``make demo``.

State is kept in ``.demo`` of the clone, so that a second run finds everything done. ``make clean`` deletes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
MEGABYTE = 1024 * 1024
IMAGE_SIZE = 256 * MEGABYTE
NEW, OLD = "20.12.4", "20.12.3"
TASKS = ("add_repository", "upload_image", "wait_for_version", "delete_previous", "list_images")

#: what a person wants to see of Airflow's log: the lines of this provider, and the beginning of each task
_OURS = re.compile(r"^\S+ \[(?P<level>\w+) *\] (?P<text>.*?) +\[(?:airflow\.[\w.]*)?airflow_provider_vmanage[\w.]*\]")
_TASK = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\w+)")
_SENT = re.compile(r"sent in [\d.]+ s \((?P<rate>[\d.]+) MB/s\)")

console = Console(highlight=False, width=max(100, Console().width))


def main() -> int:
    """Run the demo; return the exit code."""
    started = time.monotonic()
    try:
        run(chosen_port())
    except (DemoError, OSError) as err:
        print(f"make demo: {err}", file=sys.stderr)
        return 1
    console.print(f"Done in {time.monotonic() - started:.0f} s. Run it again: what is done stays done.")
    return 0


class DemoError(Exception):
    """Something a person has to mend, in one line."""


def run(port: int) -> None:
    """Do all steps and print what a person wants to know."""
    check_disk()
    image, checksum = sample_image()
    with manager(port) as vm, tempfile.TemporaryDirectory(prefix="vmanage-demo-") as home:
        say(f"A simulated vManage {vm.version} serves {vm.url}, certified by an authority of its own")
        before = list(vm.images)
        rows, rates = prepare_upgrade(vm, Path(home), image, checksum)
        print_repository("The repository before", before)
        print_tasks(rows, rates, checksum)
        print_repository("The repository after", vm.images)


def chosen_port() -> int:
    """Return the port that DEMO_PORT names, known to be free, or 0 for any free one."""
    text = os.environ.get("DEMO_PORT", "0")
    try:
        port = int(text)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, ValueError, OverflowError) as err:
        raise DemoError(f"port {text} cannot be had ({err}): leave DEMO_PORT out to take any free one") from err
    return port


def check_disk() -> None:
    """Refuse to begin what cannot end."""
    STATE.mkdir(exist_ok=True)
    needed, free = 3 * IMAGE_SIZE, shutil.disk_usage(STATE).free
    if free < needed:
        raise DemoError(f"disk full: {free // MEGABYTE} MB are free in {ROOT}, and the demo needs {needed // MEGABYTE}")


def sample_image() -> tuple[Path, str]:
    """Return a sample image and its SHA-512; made once, the same on every machine."""
    image = STATE / f"vmanage-{NEW}-x86_64.tar.gz"
    if not image.exists() or image.stat().st_size != IMAGE_SIZE:
        say(f"Making a sample image of {IMAGE_SIZE // MEGABYTE} MB")
        content = random.Random(NEW)  # noqa: S311 - the content means nothing, it must only be the same every time
        with image.open("wb") as file:
            for _ in range(IMAGE_SIZE // MEGABYTE):
                file.write(content.randbytes(MEGABYTE))
    digest = hashlib.sha512()
    with image.open("rb") as file:
        while block := file.read(MEGABYTE):
            digest.update(block)
    return image, f"sha512:{digest.hexdigest()}"


@contextmanager
def manager(port: int) -> Iterator[Any]:
    """Run a simulated manager; it remembers its repository, and holds the previous image at the very first start."""
    from airflow_provider_vmanage.simulator import Simulator

    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    storage = STATE / "manager"
    new = not storage.exists()
    with Simulator(version=NEW, tls=True, port=port, storage=storage) as vm:
        if new:
            vm.add_image(f"vmanage-{OLD}-x86_64.tar.gz", content=random.Random(OLD).randbytes(MEGABYTE))  # noqa: S311
        yield vm


def prepare_upgrade(vm: Any, home: Path, image: Path, checksum: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Run the example DAG in an Airflow of its own; return each task's result and rate."""
    connection = {
        "conn_type": "vmanage",
        "host": vm.url,
        "login": vm.username,
        "password": vm.password,
        "extra": {"ca_bundle": str(vm.ca_bundle)},
    }
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "example_dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW_CONN_VMANAGE_DEFAULT=json.dumps(connection),
    )
    say("Making the database of a throw-away Airflow")
    airflow("db", "migrate", log=home / "migrate.log")
    say("Running example_dags/upgrade_prep.py")
    conf = {"image": str(image), "checksum": checksum, "version": NEW, "previous_version": OLD}
    rates = airflow("dags", "test", "upgrade_prep", "--conf", json.dumps(conf), log=home / "dag.log")
    return results(), rates


def airflow(*arguments: str, log: Path) -> dict[str, str]:
    """Run an Airflow command, show what is ours of its output, and return the rate of each upload."""
    command = [sys.executable, "-m", "airflow", *arguments]
    task, rates = "", {}
    with (
        log.open("w") as kept,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process,
    ):
        for line in process.stdout or ():
            kept.write(line)
            if found := _TASK.search(line):
                task = found["task"]
            elif found := _OURS.match(line):
                console.print(f"   {task:17} {found['text']}", soft_wrap=True)
                if rate := _SENT.search(found["text"]):
                    rates[task] = rate["rate"]
    if process.returncode or "state=failed" in log.read_text():
        shutil.copy(log, STATE / "failed.log")
        raise DemoError(f"airflow {arguments[0]} {arguments[1]} failed; its whole log is in .demo/failed.log")
    return rates


def results() -> dict[str, Any]:
    """Return what each task of the only run left as its XCom."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(XComModel).where(XComModel.key == "return_value"))
        return {xcom.task_id: xcom.value for xcom in found}


def print_repository(title: str, images: list[Any]) -> None:
    """Show what the manager holds."""
    table = Table("file or URL", "version", "type", "MB", "SHA-512", title=title, title_justify="left")
    for image in images:
        size = f"{image.size / 1e6:.1f}" if image.size else ""
        table.add_row(image.file_name or image.url, image.version, image.version_type, size, (image.sha512 or "")[:12])
    console.print("", table)


def print_tasks(rows: dict[str, Any], rates: dict[str, str], checksum: str) -> None:
    """Show what each task did."""
    table = Table("task", "did", "what", "MB", "MB/s", "verified", title="What ran", title_justify="left")
    for task in TASKS:
        row = rows[task]
        if isinstance(row, list):
            table.add_row(task, "listed", f"{len(row)} entries")
            continue
        size = f"{row['size'] / 1e6:.1f}" if row.get("size") else ""
        verified = ("yes" if f"sha512:{row['sha512']}" == checksum else "NO") if row.get("sha512") else ""
        if task == "upload_image" and not verified:
            verified = "not sent"
        what = row["file_name"] or f"version {row['version']}"
        table.add_row(task, row.get("action", "found"), what, size, rates.get(task, ""), verified)
    console.print("", table)


def say(text: str) -> None:
    """Tell what happens now."""
    console.print(f"== {text}")


if __name__ == "__main__":
    sys.exit(main())
