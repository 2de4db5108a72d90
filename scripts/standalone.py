"""A whole Airflow as ``airflow standalone`` starts it: scheduler, triggerer, API server and LocalExecutor."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from scripts.rest_api import RestApi, free_port

DAGS = Path(__file__).parent.parent / "tests" / "system" / "dags"

_WITH_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.executable, [sys.executable, "-m", "airflow", "standalone"])
"""

# `airflow standalone` starts its parts by this name. Their log servers would listen on all addresses of the machine, at
# ports that another Airflow may have; the API server reads the files itself.
_WITHOUT_LOG_SERVERS = f"""#!/bin/sh
case $1 in scheduler | triggerer) set -- "$@" --skip-serve-logs ;; esac
exec "{sys.executable}" -m airflow "$@"
"""

#: seconds for everything to come up on two busy cores
START = 300.0

#: what Airflow writes, in its folder
LOG = "standalone.log"

#: who signs in; the password is made when the folder is new, and kept there
USER = "admin"
PASSWORDS = "passwords.json"


class Standalone(RestApi):
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
        super().__init__(f"http://127.0.0.1:{port}")
        self.password = _password_in(home)
        self.log = home / LOG
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            "PATH": f"{_commands_in(home)}{os.pathsep}{os.environ['PATH']}",
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
            self.wait(self.healthy, START, "healthy Airflow")
            self.sign_in(USER, self.password)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it as Ctrl-C does."""
        self._stop()

    def kill(self, part: str) -> None:
        """Kill a part (``triggerer``, ``scheduler``) with SIGKILL, with every process that it has started."""
        started = self._parts.pop(part, None)
        top = psutil.Process(started.pid) if started else self._own(part)
        # Stopped first, from the top: none of them starts another one, or notices that its child is gone.
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in (top, *top.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    act(process)
        if started:
            started.wait()

    def start(self, part: str) -> None:
        """Start another triggerer or scheduler, as a service manager would."""
        self._parts[part] = subprocess.Popen(
            [sys.executable, "-m", "airflow", part, "--skip-serve-logs"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def has_ended(self) -> bool:
        """Whether Airflow has ended by itself."""
        return self._process.poll() is not None

    def log_tail(self) -> str:
        """Return the end of what Airflow wrote."""
        return self.log.read_text()[-4000:]

    def wait_paused(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait until a task that pauses is off its worker, and the scheduler knows it.

        What wakes it before is taken for a failure when the scheduler hears of the end of the first process (Airflow
        3.3, apache/airflow issues 71172 and 72716).
        """
        key = f"dag_id={dag_id!r}, task_id={task_id!r}, run_id={run_id!r}"
        report = f"executor event with state success for task instance TaskInstanceKey({key}"
        self.wait(lambda: report in self.log.read_text(), 180, f"report of the executor about {task_id}")

    def wait_for_end(self) -> None:
        """Return when Airflow has ended by itself."""
        self._process.wait()

    def _own(self, part: str) -> psutil.Process:
        """Return the process of a part that ``airflow standalone`` has started; it leaves dead ones as zombies."""
        alive = [one for one in psutil.Process(self._process.pid).children() if one.status() != psutil.STATUS_ZOMBIE]
        (found,) = (one for one in alive if part in one.cmdline())
        return found

    def _stop(self) -> None:
        for process in (*self._parts.values(), self._process):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            _kill_session(process.pid)
        self._output.close()


def _commands_in(home: Path) -> Path:
    command = home / "bin" / "airflow"
    command.parent.mkdir(exist_ok=True)
    command.write_text(_WITHOUT_LOG_SERVERS)
    command.chmod(0o755)
    return command.parent


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
