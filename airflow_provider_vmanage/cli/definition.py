"""What Airflow's command line reads of the group ``vmanage`` (Airflow 3.2 and newer). It runs with every command.

So it imports nothing but Airflow's own description of commands, which is there by then, and what fails in it costs this
group only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, GroupCommand

log = logging.getLogger(__name__)

_COMMANDS = "airflow_provider_vmanage.cli.commands"
_LISTS = ("vedge", "controller", "vmanage")

_CHECK = """
Reads only, in one session and within a minute. Exit status: 0 nothing differs, 1 nothing could be checked, 3 something
differs. Examples: airflow vmanage check --conn-id lab; airflow vmanage check --json > report.json
"""
_IMAGES = "Examples: airflow vmanage images; airflow vmanage images --conn-id lab --image-type software -o json"
_DEVICES = "Examples: airflow vmanage devices; airflow vmanage devices --device-type controller -o yaml"
_PLAN = """
Changes nothing. Examples: airflow vmanage plan 17.12.04; airflow vmanage plan 17.12.04 --sites 100 200 -o json
"""


def get_commands() -> list[ActionCommand | GroupCommand]:
    """Return the group ``vmanage``, or nothing if this release of Airflow describes commands in another way."""
    try:
        return [_group()]
    except Exception as err:  # noqa: BLE001 - Airflow would print the traceback with every command
        log.warning("airflow vmanage is not available in this release of Airflow (%s)", type(err).__name__)
        return []


def _group() -> GroupCommand:
    from airflow.cli import cli_config

    airflow: Any = cli_config  # its arguments have no types
    conn_id = airflow.Arg(("--conn-id",), help="connection of the manager", default="vmanage_default")
    uri = airflow.Arg(("--uri",), help="connection as URI instead; - reads it from the standard input")

    def command(name: str, summary: str, description: str, *args: Any) -> Any:
        return airflow.ActionCommand(
            name=name,
            help=summary,
            description=description,
            func=airflow.lazy_load_command(f"{_COMMANDS}.{name}"),
            args=(*args, conn_id, uri, airflow.ARG_VERBOSE),
        )

    image_type = airflow.Arg(("--image-type",), help="only images of this type, such as software")
    device_type = airflow.Arg(("--device-type",), help="only this list", choices=_LISTS)
    group: GroupCommand = airflow.GroupCommand(
        name="vmanage",
        help="Read Cisco vManage (Catalyst SD-WAN Manager)",
        subcommands=(
            command("check", "Compare a manager with what is assumed", _CHECK, *_check_arguments(airflow)),
            command("images", "List software images", _IMAGES, image_type, airflow.ARG_OUTPUT),
            command("devices", "List the software of devices", _DEVICES, device_type, airflow.ARG_OUTPUT),
            command("plan", "Plan an upgrade of devices", _PLAN, *_plan_arguments(airflow), airflow.ARG_OUTPUT),
        ),
    )
    return group


def _check_arguments(airflow: Any) -> tuple[Any, ...]:
    return (
        airflow.Arg(("--json",), help="print the redacted report, to send to us", action="store_true"),
        airflow.Arg(("--write",), help="also upload and delete scratch files of 1 MB", action="store_true"),
        airflow.Arg(("-y", "--yes"), help="do not ask before --write", action="store_true"),
        airflow.Arg(("--expiry",), help="also wait for the end of an idle session", action="store_true"),
        airflow.Arg(("--idle",), help="seconds to wait for that", type=float, default=1860.0, metavar="SECONDS"),
    )


def _plan_arguments(airflow: Any) -> tuple[Any, ...]:
    sizes = ("1", "10%", "50%")
    return (
        airflow.Arg(("version",), help="version that is wanted, as the repository spells it"),
        airflow.Arg(("--devices",), help="host names, system IPs or uuids", nargs="+"),
        airflow.Arg(("--device-type",), help="list to plan for", choices=_LISTS, default="vedge"),
        airflow.Arg(("--sites",), help="only devices of these site ids", nargs="+"),
        airflow.Arg(("--platform-family",), help="only this family, such as c8000v"),
        airflow.Arg(("--running",), help="only devices that run a version of this pattern, such as '17.09.*'"),
        airflow.Arg(("--exclude",), help="leave these devices out", nargs="+", default=()),
        airflow.Arg(("--wave-sizes",), help="numbers, or percentages of the devices", nargs="+", default=sizes),
        airflow.Arg(("--many-per-site",), help="allow several devices of a site in a wave", action="store_true"),
        airflow.Arg(("--max-devices",), help="refuse more devices that would change than this", default=50),
        airflow.Arg(("--allow-downgrade",), help="plan older versions too", action="store_true"),
    )
