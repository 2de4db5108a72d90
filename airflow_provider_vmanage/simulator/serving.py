"""What the command line does once its options are read."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from airflow_provider_vmanage.simulator.faults.book import FAULTS
from airflow_provider_vmanage.simulator.simulator import Simulator


def serve(options: argparse.Namespace, wait: Callable[[], object]) -> None:
    """Start, print how to connect, wait, stop.

    :raises OSError: The port is taken, or a file cannot be written.
    :raises ValueError: Release, fault or device that does not exist.
    """
    simulator = Simulator(
        options.version,
        not options.no_tls,
        host=options.host,
        port=options.port,
        username=options.username,
        password=options.password,
        storage=options.storage,
        tenants=options.tenant,
        group_by_version=options.group_by_version,
        fleet=options.fleet,
        seconds_per_minute=options.seconds_per_minute,
    )
    with simulator:
        _prepare(simulator, options)
        sys.stdout.write(_greeting(simulator))
        sys.stdout.flush()
        wait()


def fault_table() -> str:
    """One line per fault: name, options, description."""
    width = max(map(len, FAULTS))
    lines = []
    for name, kind in FAULTS.items():
        options = f" ({', '.join(f'{o}=' for o in kind.options)})" if kind.options else ""
        lines.append(f"{name:<{width}}  {kind.about}{options}")
    return "\n".join(lines) + "\n"


def connection_json(simulator: Simulator) -> str:
    """The Airflow connection to a running simulator, as ``AIRFLOW_CONN_...`` takes it."""
    address = urlsplit(simulator.url)
    connection: dict[str, object] = {
        "conn_type": "vmanage",
        "host": address.hostname,
        "port": address.port,
        "login": simulator.username,
        "password": simulator.password,
    }
    if simulator.ca_bundle is None:
        connection["schema"] = "http"
    else:
        connection["extra"] = {"ca_bundle": simulator.ca_bundle}
    return json.dumps(connection)


def _prepare(simulator: Simulator, options: argparse.Namespace) -> None:
    for name, fields in options.device:
        simulator.add_device(name, **fields)
    for name, fields in options.fault:
        simulator.faults.add(name, **fields)
    if options.ca_out and simulator.ca_bundle:
        shutil.copyfile(simulator.ca_bundle, options.ca_out)


def _greeting(simulator: Simulator) -> str:
    lines = [
        f"vManage simulator, release {simulator.version} (behaves as {simulator.release.name})",
        f"  address   {simulator.url}",
        f"  login     {simulator.username} / {simulator.password}",
    ]
    if simulator.release.has_jwt:
        lines.append(f"  API key   {simulator.api_key}")
    if simulator.ca_bundle:
        lines.append(f"  CA        {simulator.ca_bundle}")
    quoted = connection_json(simulator).replace("'", "'\\''")
    lines += ["", f"export AIRFLOW_CONN_VMANAGE_DEFAULT='{quoted}'", "", "Ctrl-C ends it."]
    return "\n".join(lines) + "\n"
