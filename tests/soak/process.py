"""Processes that work for the soak, forked from one that has imported Airflow: importing it in each takes long."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.http import refused_logins

FORK = multiprocessing.get_context("fork")

Task = dict[str, Any]


class WorkerProcess:
    """Does one task after the other; fork it before anything starts a thread.

    :param attempt: does a task, and returns how it ended.
    :param log: file for all that is logged and printed.
    """

    def __init__(self, attempt: Callable[[Task], Task], log: Path) -> None:
        self._connection, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_serve, args=(attempt, theirs, log, os.getpid()))
        self._process.start()
        theirs.close()

    def ask(self, task: Task) -> Task:
        """Return the response to a task.

        :raises EOFError: the process has died.
        """
        self._connection.send(json.dumps(task))
        response: Task = json.loads(self._connection.recv())
        return response

    def stop(self) -> int | None:
        """Let the process end, and return its exit code; ``None`` if it does not."""
        self._connection.send("null")
        self._process.join(30)
        return self._process.exitcode

    def kill(self) -> None:
        """End the process, if it has not ended yet."""
        self._process.kill()


def run_in_a_process(attempt: Callable[[Task], Task], task: Task) -> Task:
    """Do a task in a process of its own, and kill it ``task["kill_after"]`` seconds later; return how it has ended."""
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=lambda: sender.send(json.dumps(attempt(task))))
    process.start()
    sender.close()
    try:
        if receiver.poll(task["kill_after"]):
            response: Task = json.loads(receiver.recv())
            return response
    except EOFError:
        process.join()
        if process.exitcode != -signal.SIGKILL:
            return {"end": "crashed", "error": f"exit {process.exitcode}"}
    finally:
        process.kill()
        process.join()
    return {"end": "killed"}


def _serve(attempt: Callable[[Task], Task], connection: Connection, log: Path, parent: int) -> None:
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    while os.getppid() == parent:  # else it would wait for ever
        if connection.poll(5):
            task = json.loads(connection.recv())
            if task is None:
                return
            refused_logins.forget_all()  # Airflow runs each task in a process of its own
            connection.send(json.dumps(attempt(task)))
