"""A whole Airflow as ``airflow standalone`` starts it: scheduler, triggerer, API server and LocalExecutor."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import requests

DAGS = Path(__file__).parent / "dags"

_WITH_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.executable, [sys.executable, "-m", "airflow", "standalone"])
"""

#: seconds for everything to come up on two busy cores
START = 180.0


class Standalone:
    """Runs in a folder of its own until the end of the ``with`` block.

    :param home: ``AIRFLOW_HOME``.
    :param connections: id to fields, as JSON types.
    :param dags: folder of the DAGs.
    """

    def __init__(self, home: Path, connections: dict[str, dict[str, Any]], dags: Path = DAGS) -> None:
        self._port = _free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self._http = requests.Session()
        self._http.trust_env = False
        self._log = home / "standalone.log"
        self._triggerer: subprocess.Popen[bytes] | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts `airflow` by name
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self._url,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(48),
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()},
        }

    def __enter__(self) -> Standalone:
        """Start it and wait until all of it is healthy."""
        self._output = self._log.open("w")
        self._process = subprocess.Popen(
            # A background job of a shell ignores SIGINT, and so would its children.
            [sys.executable, "-c", _WITH_SIGINT],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.wait(self._healthy, START, "a healthy Airflow")
            self._http.headers["Authorization"] = (
                f"Bearer {self._http.get(f'{self._url}/auth/token').json()['access_token']}"
            )
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it as Ctrl-C does."""
        self._stop()

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, once it is known."""
        self.wait(lambda: self._http.get(f"{self._url}/api/v2/dags/{dag_id}").status_code == 200, 60, f"DAG {dag_id}")
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def kill_triggerer(self) -> None:
        """Kill the triggerer with SIGKILL, with the process that runs the triggers."""
        (triggerer,) = (
            child for child in psutil.Process(self._process.pid).children() if "triggerer" in child.cmdline()
        )
        for process in (triggerer, *triggerer.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def start_triggerer(self) -> None:
        """Start another triggerer, as a service manager would."""
        self._triggerer = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def start_run(self, dag_id: str, **conf: Any) -> str:
        """Start a run of a DAG, once the DAG is known; return the run's id."""
        self.unpause(dag_id)
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what the API says of a task instance."""
        found: dict[str, Any] = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def wait_paused(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait until a task that pauses is off its worker, and the scheduler was told so.

        What wakes it before is taken for a failure when the scheduler hears of the end of the first process (Airflow
        3.3, apache/airflow issues 71172 and 72716).
        """
        key = f"dag_id={dag_id!r}, task_id={task_id!r}, run_id={run_id!r}"
        told = f"executor event with state success for task instance TaskInstanceKey({key}"
        self.wait(lambda: told in self._log.read_text(), 180, f"report of the executor about {task_id}")

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task left as its XCom."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path)["value"]
        return json.loads(value) if isinstance(value, str) else value

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the REST API."""
        answer = self._http.request(method, f"{self._url}/api/v2/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def wait(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """Return the first true value that ``look`` gives."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := look():
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.2)
        raise AssertionError(f"no {what} within {seconds:.0f} s:\n{self._log.read_text()[-4000:]}")

    def _healthy(self) -> bool:
        try:
            parts = self._http.get(f"{self._url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        wanted = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(parts.get(part, {}).get("status") == "healthy" for part in wanted)

    def _stop(self) -> None:
        for process in (self._triggerer, self._process):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                if process is self._process:
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                process.wait()
        self._output.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
