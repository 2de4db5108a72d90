"""Uploads side by side, in one run against one sink: ``make bench-upload``. Prints ratios, with their spread.

Each contender is a process of its own, so its memory and CPU seconds are those of the whole process. Rounds are taken
in turn, so that a slow minute of the machine hits all of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MEGABYTE = 1000 * 1000


@dataclass(frozen=True)
class Round:
    """One upload.

    :param seconds: the upload itself, without start-up and login.
    :param cpu: seconds of CPU of the whole process.
    :param peak: resident memory of the whole process in MB at its peak.
    :param sending: seconds of CPU of the upload itself, where the process reports them.
    """

    seconds: float
    cpu: float
    peak: float
    sending: float = 0.0


def measure(command: list[str]) -> Round:
    """Run one process; the last word of its output is the seconds of the upload, one before it those of CPU."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, cwd=HERE.parent)
        peak, usage = _watch(process)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
        output.seek(0)
        *_, sending, seconds = (0.0, *map(float, output.read().split()[-2:]))
    return Round(seconds, usage.ru_utime + usage.ru_stime, peak, sending)


def _watch(process: subprocess.Popen[bytes]) -> tuple[float, Any]:
    """Wait for a process; return its peak in MB and its usage.

    ``ru_maxrss`` would begin at the size of this process, which forked it, so the kernel's own high-water mark of the
    new program is read while it runs.
    """
    peak = 0.0
    status_file = Path(f"/proc/{process.pid}/status")
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return peak, usage
        marks = [line.split()[1] for line in status_file.read_text().splitlines() if line.startswith("VmHWM")]
        peak = max([peak, *(int(mark) / 1024 for mark in marks)])
        time.sleep(0.02)


def curl(url: str, ca: str, source: str) -> Round:
    """Upload with curl's own multipart form."""
    target = f"{url}/dataservice/device/action/software/package"
    form = f"file=@{source};type=application/x-gzip"
    return measure(
        ["curl", "-sS", "--noproxy", "*", "--cacert", ca, "-H", "Expect:", "-F", form, "-w", "%{time_total}", target]
    )


def sha512sum_then_curl(url: str, ca: str, source: str) -> Round:
    """Verify first and upload then, as a careful person does by hand."""
    started = time.perf_counter()
    process: subprocess.Popen[bytes] = subprocess.Popen(["sha512sum", source], stdout=subprocess.DEVNULL)
    _, usage = _watch(process)
    hashed = time.perf_counter() - started
    sent = curl(url, ca, source)
    return Round(hashed + sent.seconds, usage.ru_utime + usage.ru_stime + sent.cpu, sent.peak)


def python(name: str, interpreter: str = sys.executable) -> Callable[[str, str, str], Round]:
    """Return a contender of upload_contenders.py."""
    script = str(HERE / "upload_contenders.py")
    return lambda url, ca, source: measure([interpreter, script, name, url, ca, source])


@contextmanager
def sink(folder: Path) -> Iterator[tuple[str, str, int]]:
    """Run the sink; give its URL, its certificate authority and its process id."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    pem = str(folder / "server.pem")
    command = [sys.executable, str(HERE / "upload_sink.py"), pem, pem]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"https://127.0.0.1:{port}", str(folder / "ca.pem"), process.pid
        finally:
            process.terminate()


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--catalystwan", help="Python of an environment with catalystwan")
    parser.add_argument("--s3", action="store_true", help="measure an upload from S3 (moto) too")
    options = parser.parse_args()
    contenders: dict[str, Callable[[str, str, str], Round]] = {
        "ceiling (memory to TLS socket)": python("ceiling"),
        "ours without hash": python("ours-without-hash"),
        "ours": python("ours"),
        "curl -F": curl,
        "sha512sum, then curl -F": sha512sum_then_curl,
        "requests files=": python("requests-files"),
        "sha512 alone (no upload)": python("sha512"),
    }
    if options.catalystwan:
        contenders["catalystwan upload_image"] = python("catalystwan", options.catalystwan)
    with tempfile.TemporaryDirectory(prefix="vmanage-bench-") as name:
        source = _image(Path(name), options.megabytes)
        with sink(Path(name)) as (url, ca, _):
            rounds: dict[str, list[Round]] = {contender: [] for contender in contenders}
            for turn in range(options.rounds):
                for contender, upload in contenders.items():
                    rounds[contender].append(upload(url, ca, str(source)))
                print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
        _report(rounds, options.megabytes)
        _flat_memory(Path(name), options.megabytes)
        if options.s3:
            _from_s3(source, Path(name), options.rounds)


def _image(folder: Path, megabytes: int) -> Path:
    """Write an image and read it once, so that it is in the page cache."""
    path = folder / "image.bin"
    block = os.urandom(MEGABYTE)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    return path


def _report(rounds: dict[str, list[Round]], megabytes: int) -> None:
    base = statistics.median(one.seconds for one in rounds["curl -F"])
    print(f"{'':32} {'MB/s':>7} {'spread':>13} {'of curl -F':>10} {'CPU s':>6} {'peak MB':>8}")
    for name, results in rounds.items():
        seconds = [one.seconds for one in results]
        middle = statistics.median(seconds)
        spread = f"{megabytes / max(seconds):.0f}-{megabytes / min(seconds):.0f}"
        cpu = statistics.median(one.cpu for one in results)
        peak = max(one.peak for one in results)
        print(f"{name:32} {megabytes / middle:7.0f} {spread:>13} {base / middle:10.2f} {cpu:6.1f} {peak:8.0f}")


def _flat_memory(folder: Path, megabytes: int) -> None:
    """Compare the peak for twice the size with the peak for 10 MB; the big one is sparse."""
    peaks = {}
    with sink(folder) as (url, ca, _):
        for size in (10, 2 * megabytes):
            sparse = folder / f"sparse-{size}.bin"
            with sparse.open("wb") as file:
                file.truncate(size * MEGABYTE)
            peaks[size] = python("ours")(url, ca, str(sparse)).peak
    small, large = peaks.values()
    print(f"peak memory of ours: {small:.0f} MB for 10 MB, {large:.0f} MB for {2 * megabytes} MB")


def _from_s3(source: Path, folder: Path, rounds: int) -> None:
    """Compare ours from an S3 server with its two halves: the download alone, and the upload alone.

    Store, sink and sender share the machine, so the CPU seconds of all three are printed beside the time: where they
    fill the cores, the processors are the limit, not the waiting of one half for the other.
    """
    from upload_s3 import bucket_with

    halves: dict[str, list[float]] = {"download": [], "upload": []}
    ours: dict[str, list[Round]] = {"ours": [], "ours-without-hash": []}
    shared: dict[str, list[float]] = {name: [] for name in ours}
    with bucket_with(source) as (url, address, store), sink(folder) as (target, ca, receiver):
        for _ in range(rounds):
            downloaded = folder / "downloaded.bin"
            fetch = ["curl", "-sS", "--noproxy", "*", "-o", str(downloaded), "-w", "%{time_total}", address]
            halves["download"].append(measure(fetch).seconds)
            halves["upload"].append(curl(target, ca, str(downloaded)).seconds)
            for name, results in ours.items():
                before = _cpu_of(store) + _cpu_of(receiver)
                results.append(python(name)(target, ca, url))
                shared[name].append(_cpu_of(store) + _cpu_of(receiver) - before)
    slower = max(statistics.median(seconds) for seconds in halves.values())
    for name, seconds in halves.items():
        print(f"S3: {name:17} {statistics.median(seconds):5.2f} s ({_shown(seconds)})")
    for name, results in ours.items():
        seconds = [one.seconds for one in results]
        middle, own = statistics.median(seconds), statistics.median(one.sending for one in results)
        other = statistics.median(shared[name])
        busy = (own + other) / (middle * (os.cpu_count() or 1))
        print(f"S3: {name:17} {middle:5.2f} s ({_shown(seconds)}), {slower / middle:.2f} of the slower half", end="; ")
        print(f"CPU {own:.1f} s + store and sink {other:.1f} s = {busy:.0%} of {os.cpu_count()} cores")


def _shown(seconds: list[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in seconds)


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
