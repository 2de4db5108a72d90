"""Waits side by side: ``make bench-waits``. One event loop with N waits, beside Airflow's own deferrable HttpSensor.

The simulated manager is in this process and the event loop in another, over TLS. Each wait is for one of 100 images,
which appear one after the other within one interval; ours are found in the manager's list, those of the peer at a plain
page that responds with 200 or 404.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator

HERE = Path(__file__).resolve().parent
VERSIONS = 100


def main() -> None:
    """Run all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waits", default="1,100,1000,5000", help="sizes of ours")
    parser.add_argument("--peer", default="1,100,1000", help="sizes of HttpSensor")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two polls")
    options = parser.parse_args()
    print(f"interval {options.interval:.0f} s; event: seconds from the image to the trigger's event")
    print(f"{'':10} {'waits':>6} {'calls per':>9} {'sessions':>8} {'KB per':>7} {'CPU ms per wait':>15}", end=" ")
    print(f"{'largest loop gap, ms':>32} {'watchdog':>8} {'event p50':>9} {'p99':>6}")
    print(f"{'':10} {'':6} {'interval':>9} {'':8} {'wait':>7} {'and interval':>15}", end=" ")
    print(f"{'first / begin / wait / events':>32} {'warnings':>8}")
    for kind, sizes in (("ours", options.waits), ("HttpSensor", options.peer)):
        for waits in map(int, filter(None, sizes.split(","))):
            print(measure(kind, waits, options.interval), flush=True)
    print(match(images=10_000, waits=1000))


def match(*, images: int, waits: int) -> str:
    """Measure the reading of a long list, and return a line with the result."""
    command = [sys.executable, str(HERE / "waits_contenders.py"), "match", str(images), str(waits)]
    parsed, indexed, matched = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-3:]
    return (
        f"{images} images, CPU ms of a poll: {parsed} to read the records, {indexed} to index them, "
        f"{matched} to match {waits} waits"
    )


def measure(kind: str, waits: int, interval: float) -> str:
    """Run one size and return its line of the table."""
    with Simulator() as vm:
        command = [sys.executable, str(HERE / "waits_contenders.py"), kind, str(waits), str(interval)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment(vm)) as child:
            assert child.stdout is not None
            _expect(child.stdout, "begun")
            before, since = _calls(vm), time.monotonic()
            _expect(child.stdout, "add the images")
            calls = (_calls(vm) - before) / ((time.monotonic() - since) / interval)
            sessions = vm.counters.open_sessions
            appeared = [_add(vm, number, pause=interval / VERSIONS) for number in range(VERSIONS)]
            result = json.loads(_last_line(child.stdout))
        left = vm.counters.open_sessions
    assert left == 0, f"{left} sessions left open"
    return _line(kind, waits, calls, sessions, appeared, result)


def _line(kind: str, waits: int, calls: float, sessions: int, appeared: list[float], result: dict[str, Any]) -> str:
    delays = sorted(end - appeared[number % VERSIONS] for number, end in enumerate(result["ends"]))
    p99 = delays[min(len(delays) - 1, int(len(delays) * 0.99))]
    gaps = " / ".join(f"{result['gaps'][phase]:.0f}" for phase in ("first wait", "begin", "wait", "events"))
    memory = f"{result['kilobytes'] / waits:.1f}" if waits > 1 else "-"
    cost = f"{result['cpu'] / waits * 1000:.3f}"
    return (
        f"{kind:10} {waits:6} {calls:9.1f} {sessions:8} {memory:>7} {cost:>15} {gaps:>32} {result['warnings']:8} "
        f"{statistics.median(delays):9.2f} {p99:6.2f}"
    )


def _add(vm: Simulator, number: int, *, pause: float) -> float:
    """Add an image, spread over one interval: how long its event takes depends on when it comes."""
    time.sleep(pause)
    vm.add_image(f"{number}.bin", version=f"20.{number}.1")
    return time.time()


def _calls(vm: Simulator) -> int:
    return sum(request.path.startswith(("/dataservice/device", "/simulator/")) for request in vm.requests)


def _expect(lines: Any, wanted: str) -> None:
    for line in lines:
        if line.strip() == wanted:
            return
    raise SystemExit(f"the waits ended before {wanted!r}")


def _last_line(lines: Any) -> str:
    return str(list(lines)[-1])


def _environment(vm: Simulator) -> dict[str, str]:
    """Both connections, and the certificate authority in the way that each kind takes it."""
    assert vm.ca_bundle is not None
    ours = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password}
    host, _, port = vm.url.removeprefix("https://").partition(":")
    peer = {"conn_type": "http", "schema": "https", "host": host, "port": int(port)}
    return {
        **{name: value for name, value in os.environ.items() if not name.upper().endswith(("_PROXY", "_BUNDLE"))},
        "SSL_CERT_FILE": vm.ca_bundle,
        "AIRFLOW_CONN_VMANAGE_DEFAULT": json.dumps({**ours, "extra": {"ca_bundle": vm.ca_bundle}}),
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(peer),
    }


if __name__ == "__main__":
    main()
