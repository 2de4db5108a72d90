"""What workers on repositories and on devices share: a thread that gives tasks to a process until the time is over."""

from __future__ import annotations

import random
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from airflow_provider_vmanage.simulator import Simulator
from tests.soak.process import Task, WorkerProcess
from tests.soak.tally import Tally


class Work(threading.Thread):
    """Gives tasks to one process. Make it before anything starts a thread.

    :param attempt: does a task in the process.
    :param folder: for files of the run.
    """

    vm: Simulator
    connection: str
    tally: Tally
    end: float

    def __init__(self, name: str, seed: int, attempt: Callable[[Task], Task], folder: Path) -> None:
        super().__init__(name=name)
        self.folder = folder
        self.random = random.Random(f"{seed} {name}")
        self.process = WorkerProcess(attempt, folder / f"{name.replace(' ', '-')}.log")

    def begin(self, vm: Simulator, connection: str, end: float, tally: Tally) -> None:
        """Work on a manager until the end, by the monotonic clock."""
        self.vm, self.connection, self.end, self.tally = vm, connection, end, tally
        self.start()

    def run(self) -> None:
        try:
            while time.monotonic() < self.end:
                self.tally.add("operations")
                self.operate()
        except Exception as err:  # noqa: BLE001 (else a thread ends in silence)
            self.tally.expect(False, f"{self.name}: {type(err).__name__}: {err}")
        self.tally.expect(self.process.stop() == 0, f"{self.name} has not ended well")

    def ask(self, task: Task) -> Task:
        """Return the response of the process to a task."""
        response = self.process.ask({**task, "connection": self.connection})
        # Where a restart ends right after the login page, a manager seems to have refused the login while it was ready.
        self.tally.add("taken for refused", "refused the login" in response.get("error", ""))
        return response

    @abstractmethod
    def operate(self) -> None:
        """Do one operation, and check it."""
