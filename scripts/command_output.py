"""What the commands print for a simulated manager, for docs/commands.md."""

from __future__ import annotations

import re

from airflow_provider_vmanage.cli.check import as_text
from airflow_provider_vmanage.client.assumptions.run import check_manager
from airflow_provider_vmanage.client.settings import read_settings
from airflow_provider_vmanage.simulator import Simulator

#: lines of the table of `check` that the page shows: a header, a rule, and some rows
SHOWN = 6


def command_output(command: str) -> str:
    """Return the output of a command as a block of a page.

    :param command: ``check``.
    """
    return f"```text\n{_MAKERS[command]()}\n```"


def _check() -> str:
    """Return the report of a manager that forbids one call; how long it took is left out."""
    with Simulator() as vm:
        vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
        vm.add_device("edge-1")
        vm.faults.add("forbidden", times=None, path="device/counters")
        extra = {"ca_bundle": vm.ca_bundle}
        settings = read_settings(host=vm.url, login=vm.username, password=vm.password, extra=extra)
        lines = as_text(check_manager(settings)).splitlines()
    end = lines.index("")
    return "\n".join([*lines[:SHOWN], "…", *lines[end:-1], re.sub(r"[\d.]+ s\)$", "… s)", lines[-1])])


_MAKERS = {"check": _check}
