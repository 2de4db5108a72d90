"""What is asked of a running Airflow, over its REST API."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

#: seconds that Airflow may take for one response, or to know a DAG: two busy cores run all of its parts
PATIENCE = 120


class RestApi:
    """The API of an Airflow on this machine.

    :param url: of the API server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def sign_in(self, user: str | None = None, password: str | None = None) -> None:
        """Get a token for all calls that follow; without a user from an Airflow that takes anybody for an admin."""
        address = f"{self.url}/auth/token"
        login = {"username": user, "password": password}
        response = self._http.post(address, json=login) if user else self._http.get(address)
        response.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def healthy(self) -> bool:
        """Whether all parts but the workers, of which the API says nothing, are up."""
        try:
            parts = self._http.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        wanted = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all(parts.get(part, {}).get("status") == "healthy" for part in wanted)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, once it is known."""
        self.wait(
            lambda: self._http.get(f"{self.url}/api/v2/dags/{dag_id}").status_code == 200, PATIENCE, f"DAG {dag_id}"
        )
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def start_run(self, dag_id: str, **conf: Any) -> str:
        """Start a run of a DAG, once the DAG is known; return the run's id."""
        self.unpause(dag_id)
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task instance as the API has it."""
        found: dict[str, Any] = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return the XCom of a task."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path)["value"]
        return json.loads(value) if isinstance(value, str) else value

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Call the REST API."""
        response = self._http.request(method, f"{self.url}/api/v2/{path}", json=body, headers=headers, timeout=PATIENCE)
        if not response.ok:  # with Airflow's reason, which raise_for_status leaves out
            raise requests.HTTPError(f"{method} {path}: {response.status_code} {response.text}", response=response)
        return response.json()

    def wait(self, check: Callable[[], Any], seconds: float, what: str) -> Any:
        """Return the first true value that ``check`` gives."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := check():
                return found
            if self.has_ended():
                raise TimeoutError(f"no {what}, since Airflow has ended by itself:\n{self.log_tail()}")
            time.sleep(0.2)
        raise TimeoutError(f"no {what} within {seconds:.0f} s:\n{self.log_tail()}")

    def has_ended(self) -> bool:
        """Whether a part of Airflow has ended by itself, so that waiting is vain."""
        raise NotImplementedError

    def log_tail(self) -> str:
        """Return the end of what Airflow wrote."""
        raise NotImplementedError


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
