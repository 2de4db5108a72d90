"""What the commands print for a simulated manager, for docs/commands.md."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from airflow_provider_vmanage.cli.definition import get_commands
from airflow_provider_vmanage.simulator import Simulator

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand

#: lines of the table of `check` that the page shows: a header, a rule, and some rows
SHOWN = 6

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def command_output(command: str) -> str:
    """Return the output of a command, as a block of a page; random ids and durations are left out.

    :param command: ``check``, ``images``, ``devices`` or ``plan``.
    """
    return f"```text\n{_MAKERS[command]()}\n```"


def parse(*arguments: str) -> argparse.Namespace:
    """Return the arguments of a command of ``airflow vmanage``, also on an Airflow that does not offer them."""
    (group,) = get_commands()
    parser = argparse.ArgumentParser("airflow vmanage")
    commands = parser.add_subparsers(required=True)
    for command in cast("GroupCommand", group).subcommands:
        one = commands.add_parser(command.name, description=command.description)
        one.set_defaults(func=command.func)
        for argument in command.args:
            argument.add_to_parser(one)
    return parser.parse_args(arguments)


def _check() -> str:
    """Return the report of a manager that forbids one call."""
    with Simulator() as vm:
        vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
        vm.add_device("edge-1")
        vm.faults.add("forbidden", times=None, path="device/counters")
        lines = _run(vm, "check").splitlines()
    end = lines.index("")
    return "\n".join([*lines[:SHOWN], "…", *lines[end:-1], re.sub(r"[\d.]+ s\)$", "… s)", lines[-1])])


def _listed(*arguments: str) -> Callable[[], str]:
    def text() -> str:
        with Simulator(fleet=8) as vm:
            vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
            vm.add_image("c8000v-universalk9.17.12.04.SPA.bin")
            printed = _run(vm, *arguments)
        return "\n".join(line.rstrip() for line in _UUID.sub("…", printed).splitlines()).rstrip()

    return text


def _run(vm: Simulator, *arguments: str) -> str:
    """Return the output of a command, errors and notes included, as a terminal shows both."""
    extra = {"ca_bundle": vm.ca_bundle}
    connection = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, "extra": extra}
    os.environ["AIRFLOW_CONN_LAB"] = json.dumps(connection)
    args = parse(*arguments, "--conn-id", "lab")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), contextlib.suppress(SystemExit):
        args.func(args)
    return printed.getvalue()


_MAKERS = {
    "check": _check,
    "images": _listed("images"),
    "devices": _listed("devices", "--device-type", "vedge"),
    "plan": _listed("plan", "17.12.04", "--wave-sizes", "1", "50%"),
}
