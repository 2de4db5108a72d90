"""An upgrade on a simulated manager, in real Airflow, from the upload to two edges that run it: ``make demo``.

The repository is kept in ``.demo`` of the clone, so that a second run finds it as wanted. ``make clean`` deletes it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from airflow_provider_vmanage.reports.text_table import count_of, text_table
from airflow_provider_vmanage.simulator import Simulator
from scripts.demo_dags import ENDED, SAY
from scripts.simulated import (
    MEGABYTE,
    ROOT,
    ScriptError,
    add_edge_images,
    alone,
    check_disk,
    chosen_ports,
    connection_to,
    image_name,
    manager,
    sample_image,
    sha512_of,
)

STATE = ROOT / ".demo"
IMAGE_SIZE = 256 * MEGABYTE
NEW, OLD = "20.12.4", "20.12.3"
EDGES, EDGE_VERSION, SECONDS_PER_MINUTE = 2, "17.12.04.0.6740", 0.2
DAGS = "example_dags"
TASKS = ("add_repository", "upload_image", "wait_for_version", "delete_previous", "list_images")

#: what a person wants to see of Airflow's log: the lines of this provider, and the beginning of each task
_OURS = re.compile(r"^\S+ \[(?P<level>\w+) *\] (?P<text>.*?) +\[(?:airflow\.[\w.]*)?airflow_provider_vmanage[\w.]*\]")
_TASK = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\w+)")
_SENT = re.compile(r"sent in [\d.]+ s \((?P<rate>[\d.]+) MB/s\)")

#: id of a DAG, its results by task, and the rates of its uploads
Ended = tuple[str, dict[str, Any], dict[str, str]]

console = Console(highlight=False, width=max(100, Console().width))


def main() -> int:
    """Run the demo; return the exit code."""
    started = time.monotonic()
    try:
        with alone(STATE):
            run(*chosen_ports("DEMO_PORT"))
    except (ScriptError, OSError) as err:
        print(f"make demo: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make demo: stopped", file=sys.stderr)
        return 130
    took = time.monotonic() - started
    console.print(f"Done in {took:.0f} s. Run it again: the repository stays as it is, and the edges begin as before.")
    return 0


def run(port: int) -> None:
    """Do all steps and print what a person wants to know."""
    check_disk(STATE, 3 * IMAGE_SIZE)
    say(f"A sample image of {IMAGE_SIZE // MEGABYTE} MB")
    image = sample_image(STATE, NEW, IMAGE_SIZE)
    checksum = f"sha512:{sha512_of(image)}"
    with (
        manager(
            NEW,
            STATE / "manager",
            {image_name(OLD): 90},
            port,
            fleet=EDGES,
            seconds_per_minute=SECONDS_PER_MINUTE,
        ) as vm,
        tempfile.TemporaryDirectory(prefix="vmanage-demo-") as home,
    ):
        say(f"A simulated vManage {vm.version} serves {vm.url}, with a certificate from its own CA")
        if not any(held.version.startswith(EDGE_VERSION) for held in vm.images):
            add_edge_images(vm, families=["c8000v"])
        before = list(vm.images)
        for dag_id, rows, rates in run_dags(vm, Path(home), image, checksum):
            if dag_id == "upgrade_prep":
                print_repository("The repository before", before)
                print_tasks(rows, rates, checksum)
                print_repository("The repository after", vm.images)
            else:
                print_devices(rows["upgrade"]["devices"])


def run_dags(vm: Simulator, home: Path, image: Path, checksum: str) -> Iterator[Ended]:
    """Run both example DAGs in an Airflow of its own; yield each when it has ended."""
    prepare = {"image": str(image), "checksum": checksum, "version": NEW, "previous_version": OLD}
    upgrade = {"version": EDGE_VERSION, "wave_sizes": [1]}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": DAGS,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_VMANAGE_DEFAULT": json.dumps(connection_to(vm)),
        "VMANAGE_MINUTE": str(SECONDS_PER_MINUTE),
        "VMANAGE_REPORTS": str(STATE),
    }
    about = f": {EDGES} edges, a wave each; the demo approves"
    wanted = json.dumps([("upgrade_prep", "", prepare), ("upgrade_devices", about, upgrade)])
    log = home / "dags.log"
    with (
        log.open("w") as kept,
        subprocess.Popen(
            [sys.executable, "-m", "scripts.demo_dags", DAGS, wanted],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        yield from ended_dags(process.stdout or (), kept)
    if process.returncode:
        shutil.copy(log, STATE / "failed.log")
        raise ScriptError("a DAG failed; its whole log is in .demo/failed.log")


def ended_dags(lines: Iterable[str], kept: TextIO) -> Iterator[Ended]:
    """Show what is ours of Airflow's output, keep all of it, and yield each DAG that has succeeded."""
    task, shown = "", set()
    rates: dict[str, str] = {}
    for line in lines:
        kept.write(line)
        if line.startswith(SAY):
            console.print(line.rstrip(), markup=False, soft_wrap=True)
        elif line.startswith(ENDED):
            ended = json.loads(line.removeprefix(ENDED))
            if ended["state"] == "success":
                yield ended["dag"], ended["results"], rates
        elif found := _TASK.search(line):
            task = found["task"]
        elif (found := _OURS.match(line)) and (task, found["text"]) not in shown:  # a task opens many sessions
            shown.add((task, found["text"]))
            console.print(f"   {task:17} {found['text']}", markup=False, soft_wrap=True)
            if rate := _SENT.search(found["text"]):
                rates[task] = rate["rate"]


def print_repository(title: str, images: list[Any]) -> None:
    """Show what the manager holds."""
    rows = []
    for image in images:
        size = f"{image.size / 1e6:.1f}" if image.size else ""
        name = image.file_name or image.url
        rows.append((name, image.version, image.version_type, size, (image.sha512 or "")[:12]))
    print_table(title, ("file or URL", "version", "type", "MB", "SHA-512"), rows)


def print_tasks(rows: dict[str, Any], rates: dict[str, str], checksum: str) -> None:
    """Show what each task did."""
    table: list[tuple[Any, ...]] = []
    for task in TASKS:
        row = rows[task]
        if isinstance(row, list):
            table.append((task, "listed", count_of(len(row), "image"), "", "", ""))
            continue
        size = f"{row['size'] / 1e6:.1f}" if row.get("size") else ""
        verified = ("yes" if f"sha512:{row['sha512']}" == checksum else "NO") if row.get("sha512") else ""
        if task == "upload_image" and not verified:
            verified = "not sent"
        what = row["file_name"] or f"version {row['version']}"
        table.append((task, row.get("action", "found"), what, size, rates.get(task, ""), verified))
    print_table("What ran", ("task", "did", "what", "MB", "MB/s", "verified"), table)


def print_devices(rows: list[dict[str, Any]]) -> None:
    """Show what each device runs now, and where the report is."""
    columns = ("device", "wave", "action", "from_version", "running", "default")
    print_table("The edges", columns, [[row[name] for name in columns] for row in rows])
    (report, *_) = sorted(STATE.glob("manual__*.html"), key=lambda file: file.stat().st_mtime, reverse=True)
    console.print(f"The report: {report.relative_to(ROOT)}", soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show a table under its title."""
    console.print("", title, *text_table(columns, rows), sep="\n", markup=False, soft_wrap=True)


def say(text: str) -> None:
    """Print what happens now."""
    console.print(f"{SAY}{text}")


if __name__ == "__main__":
    sys.exit(main())
