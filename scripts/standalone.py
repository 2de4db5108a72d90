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
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import requests

DAGS = Path(__file__).parent.parent / "tests" / "system" / "dags"

_WITH_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.executable, [sys.executable, "-m", "airflow", "standalone"])
"""

#: seconds for everything to come up on two busy cores
START = 180.0

#: who signs in; the password is made when the folder is new, and kept there
USER = "admin"
PASSWORDS = "passwords.json"


class Standalone:
    """Runs in a folder of its own until the end of the ``with`` block.

    :param home: ``AIRFLOW_HOME``; a folder of an earlier run goes on where that ended.
    :param connections: id to fields, as JSON types; in the environment, so that no page shows or changes them.
    :param dags: folder of the DAGs.
    :param port: of the API server, on 127.0.0.1; 0 takes a free one.
    :param settings: more environment, over what is set here.
    """

    def __init__(
        self,
        home: Path,
        connections: Mapping[str, Mapping[str, Any]],
        dags: Path = DAGS,
        *,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.password = _password_in(home)
        self._http = requests.Session()
        self._http.trust_env = False
        self.log = home / "standalone.log"
        self._triggerer: subprocess.Popen[bytes] | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts `airflow` by name
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / PASSWORDS),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(48),
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()},
            **(settings or {}),
        }

    def __enter__(self) -> Standalone:
        """Start it and wait until all of it is healthy."""
        self._output = self.log.open("w")
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
            self._http.headers["Authorization"] = f"Bearer {self._token()}"
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
        self.wait(lambda: self._http.get(f"{self.url}/api/v2/dags/{dag_id}").status_code == 200, 60, f"DAG {dag_id}")
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
        answer = self._http.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def wait_for_end(self) -> None:
        """Return when Airflow has ended by itself."""
        self._process.wait()

    def wait(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """Return the first true value that ``look`` gives."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := look():
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.2)
        raise TimeoutError(f"no {what} within {seconds:.0f} s:\n{self.log.read_text()[-4000:]}")

    def _healthy(self) -> bool:
        try:
            parts = self._http.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        wanted = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(parts.get(part, {}).get("status") == "healthy" for part in wanted)

    def _token(self) -> str:
        answer = self._http.post(f"{self.url}/auth/token", json={"username": USER, "password": self.password})
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def _stop(self) -> None:
        for process in (self._triggerer, self._process):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _kill_session(self._process.pid)
        self._output.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _password_in(home: Path) -> str:
    file = home / PASSWORDS
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps({USER: secrets.token_urlsafe(9)}))
    return str(json.loads(file.read_text())[USER])


def _kill_session(leader: int) -> None:
    """Kill what is left of the processes that were started with the leader: tasks have process groups of their own."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == leader:
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=10)
