"""Copies from manager to manager, beside curl down and then curl up: ``make bench-copy``. Prints ratios of one run.

The image is on a simulated manager, the sink of the other benchmark takes it; each in a process of its own, like each
contender. Rounds are taken in turn. What is timed: of curl the two transfers, of ours the transfer with the second
login to the source; the logins before it are not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upload import MEGABYTE, Round, curl, measure, sink

HERE = Path(__file__).resolve().parent
NAME = "image.bin"


def serve(image: str) -> None:
    """Be the manager that holds the image, until the input ends; print how to reach it, and a session."""
    import requests

    from airflow_provider_vmanage.simulator import Simulator
    from airflow_provider_vmanage.simulator.repository import ReceivedFile

    with Simulator() as vm:
        vm.repository.store(ReceivedFile(NAME, Path(image), Path(image).stat().st_size, ""))
        form = {"j_username": vm.username, "j_password": vm.password}
        session = requests.post(f"{vm.url}/j_security_check", data=form, verify=vm.ca_bundle, timeout=10)
        connection: dict[str, Any] = {
            "conn_type": "vmanage",
            "host": vm.url,
            "login": vm.username,
            "password": vm.password,
        }
        connection["extra"] = {"ca_bundle": vm.ca_bundle}
        print(json.dumps({"connection": connection, "cookie": session.cookies["JSESSIONID"]}), flush=True)
        sys.stdin.read()


@contextmanager
def manager(image: Path) -> Iterator[dict[str, Any]]:
    """Run that manager; it takes the image over."""
    command = [sys.executable, __file__, "--serve", str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.communicate()


def curl_down_and_up(source: dict[str, Any], url: str, ca: str, folder: Path) -> Round:
    """Download with curl into a file, and upload that, as a person does by hand."""
    connection = source["connection"]
    path = f"/dataservice/device/action/software/package/{NAME}?imageType=software"
    target = folder / "downloaded.bin"
    down = measure(
        [
            *("curl", "-sS", "--fail", "--noproxy", "*", "--cacert", connection["extra"]["ca_bundle"]),
            *("-H", f"Cookie: JSESSIONID={source['cookie']}", "-o", str(target), "-w", "%{time_total}"),
            connection["host"] + path,
        ]
    )
    up = curl(url, ca, str(target))
    target.unlink()
    return Round(down.seconds + up.seconds, down.cpu + up.cpu, max(down.peak, up.peak))


def ours(_: object, url: str, ca: str, __: Path) -> Round:
    """Copy as ``UploadImageOperator(source="vmanage://…")`` does."""
    return measure(
        [sys.executable, str(HERE / "upload_contenders.py"), "ours", url, ca, f"vmanage://lab@software/{NAME}"]
    )


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", metavar="FILE", help="be the manager that holds this file")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    contenders: dict[str, Callable[..., Round]] = {"curl down, then curl -F": curl_down_and_up, "ours": ours}
    with tempfile.TemporaryDirectory(prefix="vmanage-bench-") as name, sink(Path(name)) as (url, ca, _):
        folder = Path(name)
        rounds: dict[str, list[Round]] = {contender: [] for contender in contenders}
        with manager(image_in(folder, options.megabytes)) as source:
            os.environ["AIRFLOW_CONN_LAB"] = json.dumps(source["connection"])
            for turn in range(options.rounds):
                for contender, copy in contenders.items():
                    rounds[contender].append(copy(source, url, ca, folder))
                print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
        report(rounds, options.megabytes)
        with manager(image_in(folder, 10)) as source:
            os.environ["AIRFLOW_CONN_LAB"] = json.dumps(source["connection"])
            small = ours(source, url, ca, folder).peak
        large = max(one.peak for one in rounds["ours"])
        print(f"peak memory of ours: {small:.0f} MB for 10 MB, {large:.0f} MB for {options.megabytes} MB")


def image_in(folder: Path, megabytes: int) -> Path:
    """Write an image, which leaves it in the page cache."""
    path = folder / f"image-{megabytes}.bin"
    block = b"\x1f" + os.urandom(MEGABYTE - 1)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    return path


def report(rounds: dict[str, list[Round]], megabytes: int) -> None:
    """Print a line for each contender."""
    base = statistics.median(one.seconds for one in rounds["curl down, then curl -F"])
    print(f"{'':26} {'MB/s':>6} {'spread':>11} {'of curl':>8} {'CPU s':>6} {'peak MB':>8}")
    for name, results in rounds.items():
        seconds = [one.seconds for one in results]
        middle = statistics.median(seconds)
        spread = f"{megabytes / max(seconds):.0f}-{megabytes / min(seconds):.0f}"
        cpu, peak = statistics.median(one.cpu for one in results), max(one.peak for one in results)
        print(f"{name:26} {megabytes / middle:6.0f} {spread:>11} {base / middle:8.2f} {cpu:6.1f} {peak:8.0f}")


if __name__ == "__main__":
    main()
