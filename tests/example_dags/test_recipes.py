"""The recipes of docs/recipes.md, run by Airflow against simulated managers."""

from __future__ import annotations

import socket
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
from scripts.simulated import ROOT, image_name
from tests.airflow_command import AirflowCommand

NAME = image_name("20.12.4")
OTHER = image_name("20.12.5")

pytestmark = [pytest.mark.whole_airflow, pytest.mark.timeout(400)]


@pytest.fixture
def managers() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Simulator()) for name in ("vmanage_default", "vmanage_branch")}


def recipe(dag_id: str, managers: dict[str, Simulator], home: Path, **settings: str) -> AirflowCommand:
    """An Airflow with a DAG of docs/."""
    dags = home / "dags"
    dags.mkdir(parents=True)
    (dags / f"{dag_id}.py").write_text((ROOT / "docs" / f"{dag_id}.py").read_text())
    return AirflowCommand(home, managers, dags=dags, settings=settings)


def test_taskflow_copies_what_only_one_manager_has(managers: dict[str, Simulator], tmp_path: Path) -> None:
    first, second = managers.values()
    for name in (NAME, OTHER):
        first.add_image(name, name.encode())
    second.add_image(NAME, NAME.encode())
    recipe("compare_managers", managers, tmp_path / "home").run_dag("compare_managers")
    assert sorted(image.file_name for image in second.images) == [NAME, OTHER]
    assert sum(request.path.endswith("/package") for request in second.requests) == 1
    assert (first.counters.open_sessions, second.counters.open_sessions) == (0, 0)


def test_taskflow_does_not_retry_a_refused_login(managers: dict[str, Simulator], tmp_path: Path) -> None:
    managers["vmanage_default"].faults.add("login_refused", times=9)
    airflow = recipe("compare_managers", managers, tmp_path / "home")
    status, log = airflow.run("dags", "test", "compare_managers")
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
    airflow = recipe("upload_metrics", managers, tmp_path / "home", **settings)
    log = airflow.run_dag("upload_metrics")
    assert Collector.gauges["airflow.vmanage.upload.bytes"] == 8, log
    assert 0 < Collector.gauges["airflow.vmanage.upload.seconds"] < 300
    assert Collector.tags == {("connection", "vmanage_default")}

    Collector.gauges.clear()
    airflow.run_dag("upload_metrics")  # the image is there already
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
    log = recipe("upload_metrics", managers, tmp_path / "home", **settings).run_dag("upload_metrics")
    gauges = received(statsd)
    assert gauges.keys() == {"airflow.vmanage.upload.bytes", "airflow.vmanage.upload.seconds"}, log
    assert gauges["airflow.vmanage.upload.bytes"] == "8|g"
    assert 0 < float(gauges["airflow.vmanage.upload.seconds"].removesuffix("|g")) < 300
