"""The recipes of docs/recipes.md, run by Airflow against simulated managers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from packaging.version import Version

from airflow_provider_vmanage.simulator import Simulator
from scripts.simulated import ROOT, connection_to, image_name

NAME = image_name("20.12.4")
OTHER = image_name("20.12.5")

pytestmark = [pytest.mark.whole_airflow, pytest.mark.timeout(400)]


@pytest.fixture
def managers() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Simulator()) for name in ("vmanage_default", "vmanage_branch")}


def run_dag(dag_id: str, managers: dict[str, Simulator], home: Path, **settings: str) -> tuple[int, str]:
    """Run a DAG of docs/ in an Airflow of its own; return its exit status and log."""
    connections = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection_to(vm)) for name, vm in managers.items()}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        **connections,
        **settings,
    }
    if not home.exists():
        (home / "dags").mkdir(parents=True)
        (home / "dags" / f"{dag_id}.py").write_text((ROOT / "docs" / f"{dag_id}.py").read_text())
        _airflow(environment, "db", "migrate")
    ended = _airflow(environment, "dags", "test", dag_id)
    return ended.returncode, ended.stdout + ended.stderr


def _airflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "airflow", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_taskflow_copies_what_only_one_manager_has(managers: dict[str, Simulator], tmp_path: Path) -> None:
    first, second = managers.values()
    for name in (NAME, OTHER):
        first.add_image(name, name.encode())
    second.add_image(NAME, NAME.encode())
    status, log = run_dag("compare_managers", managers, tmp_path / "home")
    assert status == 0, log
    assert sorted(image.file_name for image in second.images) == [NAME, OTHER]
    assert sum(request.path.endswith("/package") for request in second.requests) == 1
    assert (first.counters.open_sessions, second.counters.open_sessions) == (0, 0)


def test_taskflow_does_not_retry_a_refused_login(managers: dict[str, Simulator], tmp_path: Path) -> None:
    managers["vmanage_default"].faults.add("login_refused", times=9)
    status, log = run_dag("compare_managers", managers, tmp_path / "home")
    assert status != 0
    assert "VManageFailException" in log
    assert managers["vmanage_default"].counters.refused_logins == 1, log


class Collector(BaseHTTPRequestHandler):
    """Receives metrics as an OpenTelemetry collector does."""

    gauges: dict[str, float] = {}  # noqa: RUF012
    tags: set[tuple[str, str]] = set()  # noqa: RUF012

    def do_POST(self) -> None:
        request = ExportMetricsServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        metrics = [one for of in request.resource_metrics for scope in of.scope_metrics for one in scope.metrics]
        for metric in (one for one in metrics if "vmanage" in one.name):
            (point,) = metric.gauge.data_points
            self.gauges[metric.name] = point.as_double or point.as_int
            self.tags.update((one.key, one.value.string_value) for one in point.attributes)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def collector() -> Iterator[int]:
    """The port of a collector."""
    Collector.gauges.clear()
    Collector.tags.clear()
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.skipif(Version(airflow_version) < Version("3.1.8"), reason="before 3.1.8 a process ends without sending")
def test_collector_gets_bytes_and_seconds_of_an_upload(
    managers: dict[str, Simulator], collector: int, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(b"an image")
    settings = {
        "VMANAGE_IMAGES": str(tmp_path),
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "AIRFLOW__METRICS__OTEL_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__OTEL_PORT": str(collector),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    status, log = run_dag("upload_metrics", managers, tmp_path / "home", **settings)
    assert status == 0, log
    assert Collector.gauges["airflow.vmanage.upload.bytes"] == 8, log
    assert 0 < Collector.gauges["airflow.vmanage.upload.seconds"] < 300
    assert Collector.tags == {("connection", "vmanage_default")}

    Collector.gauges.clear()
    status, log = run_dag("upload_metrics", managers, tmp_path / "home", **settings)  # the image is there already
    assert status == 0, log
    assert Collector.gauges == {}


@pytest.fixture
def statsd() -> Iterator[socket.socket]:
    """A socket that receives what is sent to a StatsD server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)  # read after the run only
        receiver.setblocking(False)
        yield receiver


def received(receiver: socket.socket) -> dict[str, str]:
    """The gauges of uploads that have arrived, by name."""
    lines: list[str] = []
    with suppress(BlockingIOError):
        while True:
            lines += receiver.recv(65536).decode().splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines) if "vmanage" in name}


def test_statsd_gets_bytes_and_seconds_of_an_upload(
    managers: dict[str, Simulator], statsd: socket.socket, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(b"an image")
    settings = {
        "VMANAGE_IMAGES": str(tmp_path),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
    }
    status, log = run_dag("upload_metrics", managers, tmp_path / "home", **settings)
    assert status == 0, log
    gauges = received(statsd)
    assert gauges.keys() == {"airflow.vmanage.upload.bytes", "airflow.vmanage.upload.seconds"}, log
    assert gauges["airflow.vmanage.upload.bytes"] == "8|g"
    assert 0 < float(gauges["airflow.vmanage.upload.seconds"].removesuffix("|g")) < 300
