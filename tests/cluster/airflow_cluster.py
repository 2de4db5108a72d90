"""An Airflow of separate parts with CeleryExecutor, as a cluster has it, on one machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from scripts.rest_api import RestApi, free_port
from tests.cluster.services import postgresql, redis

ROOT = Path(__file__).parents[2]

#: seconds for all parts to come up on two busy cores
START = 180.0

#: a death is noticed in seconds rather than minutes
QUICK_TO_NOTICE = {
    "CORE__PARALLELISM": "8",
    # With Redis only the scheduler notices that a worker is dead: when its tasks give no sign for so many
    # seconds (300 unless set).
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    # What a worker did not acknowledge is given to another one after so many seconds (86400 unless set), and so also
    # the task that died: it must not be run by that. Checked every 10 s rather than every 100 s.
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
    "CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_THROTTLE": "1",
}


class AirflowCluster(RestApi):
    """PostgreSQL, Redis, scheduler, DAG processor, triggerer and API server; workers are started one by one.

    :param home: ``AIRFLOW_HOME`` of all parts.
    :param dags: folder of the DAGs.
    :param connections: id to fields, as JSON types.
    :param settings: more of Airflow's settings: ``{"SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20"}``.
    """

    def __init__(
        self, home: Path, dags: Path, connections: dict[str, dict[str, Any]], settings: dict[str, str]
    ) -> None:
        self._port = free_port()
        super().__init__(f"http://127.0.0.1:{self._port}")
        self._home = home
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self._services = ExitStack()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "PYTHONPATH": str(ROOT),  # for worker_name
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.cluster.worker_name.worker_name",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(24),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()},
        }

    def __enter__(self) -> AirflowCluster:
        """Start all but the workers, and wait until they are healthy."""
        try:
            self.database = self._services.enter_context(postgresql())
            self._environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = self.database
            self._environment["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+{self.database}"
            self._environment["AIRFLOW__CELERY__BROKER_URL"] = self._services.enter_context(redis())
            self._start("migration", "db", "migrate").wait(START)
            if self.parts.pop("migration").returncode != 0:
                raise AssertionError(f"no database:\n{self.log_tail()}")
            self._start("api-server", "api-server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
            self._start("scheduler", "scheduler", "--skip-serve-logs")
            self._start("dag-processor", "dag-processor")
            self.start_triggerer()
            self.wait(self.healthy, START, "healthy Airflow")
            self.sign_in()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all parts, the workers first."""
        self._stop()

    def start_worker(self, name: str, concurrency: int) -> None:
        """Start a worker, and wait until it takes tasks."""
        # All workers write their logs into one folder, which the API server reads.
        options = ["--celery-hostname", name, "--concurrency", str(concurrency), "--skip-serve-logs"]
        self._start(name, "celery", "worker", *options, "--pid", str(self._home / f"{name}.pid"), CLUSTER_WORKER=name)
        self.wait(lambda: f"celery@{name} ready" in self._log(name).read_text(), START, f"worker {name}")

    def start_triggerer(self) -> None:
        """Start the triggerer, at first or after a kill."""
        self._start("triggerer", "triggerer", "--skip-serve-logs")

    def received(self, worker: str) -> set[str]:
        """Return the ids of the messages that a worker has received from Redis."""
        return set(re.findall(r"Task execute_workload\[(\S+)\] received", self._log(worker).read_text()))

    def suspend(self, name: str) -> None:
        """Stop a part with SIGSTOP, with every process that it has started."""
        self._act(name, psutil.Process.suspend)

    def resume(self, name: str) -> None:
        """Let a part go on that was suspended."""
        self._act(name, psutil.Process.resume)

    def kill(self, name: str) -> None:
        """Kill a part with SIGKILL, with every process that it has started."""
        self.suspend(name)  # so that none of them starts another one, or notices that its child is gone
        self._act(name, psutil.Process.kill)
        self.parts.pop(name).wait()

    def stop(self, name: str) -> None:
        """End a part as a service manager does, and wait for it."""
        part = self.parts.pop(name)
        part.terminate()
        try:
            part.wait(60)
        except subprocess.TimeoutExpired:
            self.parts[name] = part
            self.kill(name)

    def has_ended(self) -> bool:
        """Whether a part has ended by itself."""
        return any(part.poll() is not None for part in self.parts.values())

    def log_tail(self) -> str:
        """Return the end of what each part wrote."""
        logs = sorted(self._home.glob("*.log"))
        return "\n".join(f"== {log.stem}\n{log.read_text(errors='replace')[-2500:]}" for log in logs)

    def _start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        with self._log(name).open("wb") as output:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                env={**self._environment, **environment},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the test, which then stops the parts
            )
        return self.parts[name]

    def _act(self, name: str, act: Callable[[psutil.Process], None]) -> None:
        top = psutil.Process(self.parts[name].pid)
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                act(process)

    def _log(self, name: str) -> Path:
        return self._home / f"{name}.log"

    def _stop(self) -> None:
        for name in reversed(list(self.parts)):
            self.stop(name)
        self._services.close()
