"""How a command ends: with an exit status, and one line for an error."""

from __future__ import annotations

import sys
from collections.abc import Callable

from airflow_provider_vmanage.client.errors import VManageError

FAILED = 1


def run(command: str, body: Callable[[], int]) -> int:
    """Return the exit status of a command; print an expected error as one line.

    :param command: its name, for the line.
    :param body: the command.
    """
    try:
        return body()
    except VManageError as err:
        text = " ".join(str(err).split())
        say(f"vmanage {command}: {text}")
    except KeyboardInterrupt:
        say(f"vmanage {command}: interrupted")
    return FAILED


def say(line: str) -> None:
    """Print a line to the user, apart from the output of the command."""
    sys.stderr.write(f"{line}\n")
