"""A whole Airflow with the example DAGs, and two simulated managers to try them on: ``make up``.

What was done is kept in ``.up`` of the clone, so that the next time goes on from there. ``make clean`` deletes it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from scripts.rest_api import free_port
from scripts.simulated import (
    MEGABYTE,
    ROOT,
    ScriptError,
    add_edge_images,
    alone,
    check_disk,
    check_port,
    chosen_ports,
    connection_to,
    image_name,
    manager,
    sample_image,
    sha512_of,
)
from scripts.standalone import LOG, USER, Standalone

STATE = ROOT / ".up"
IMAGE_SIZE = 64 * MEGABYTE
NEW, OLD = "20.12.4", "20.12.3"
FLEET, SECONDS_PER_MINUTE = 24, 2.0
#: loses a transport whenever it reboots: there an upgrade fails, stops, and brings it back
FAILING = ("vmanage_branch", "site101-edge-1", "biz-internet")
WATCHED = "20.15.3"  # on_new_image waits for one of its release

#: by the id of the connection: the release, and the images of the very first start with their age in days
MANAGERS = {
    "vmanage_default": ("20.12.4", {image_name(OLD): 120}),
    "vmanage_branch": ("20.18.2", {image_name("20.15.2"): 200}),
}
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Site:
    """What runs.

    :param managers: by the id of their connection.
    """

    airflow: Standalone
    managers: Mapping[str, Simulator]


def main() -> int:
    """Run until Ctrl-C; return the exit code."""
    for number in ENDING:
        signal.signal(number, _end)  # also where a script started us in the background, with SIGINT ignored
    try:
        with alone(STATE), site(STATE, ports(STATE)) as running:
            print(welcome(running), flush=True)
            wait(running.airflow)
    except KeyboardInterrupt:
        pass  # before all of it ran
    except TimeoutError as err:
        what = str(err).splitlines()[0].rstrip(":")  # the end of the log follows
        print(f"make up: {what}: see {os.path.relpath(STATE / 'airflow' / LOG)}", file=sys.stderr)
        return 1
    except (ScriptError, OSError) as err:
        print(f"make up: {err}", file=sys.stderr)
        return 1
    say("Ended")
    return 0


@contextmanager
def site(state: Path, ports: list[int]) -> Iterator[Site]:
    """Run the managers and Airflow.

    :param state: folder that keeps all of it.
    :param ports: of Airflow and of each manager.
    """
    home = state / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        **sample_images(state),
        **window_settings(state),
    }
    with run_managers(state, ports[1:]) as managers:
        say("Starting Airflow")
        with Standalone(home, {}, ROOT / "example_dags", port=ports[0], settings=settings) as airflow:
            write(airflow, "connections", connections(managers, state))
            write(airflow, "pools", pools(managers))
            yield Site(airflow, managers)


def sample_images(state: Path) -> dict[str, str]:
    """Make the images that the example DAGs upload; return the variables through which DAGs find them."""
    check_disk(state, 6 * IMAGE_SIZE)
    images = state / "images"
    images.mkdir(exist_ok=True)
    made = [sample_image(images, NEW, IMAGE_SIZE), sample_image(images, WATCHED, MEGABYTE)]
    checksums = images / "SHA512SUMS"
    checksums.write_text("".join(f"{sha512_of(image)}  {image.name}\n" for image in made))
    return {"VMANAGE_IMAGES": str(images), "VMANAGE_CHECKSUM": f"file:{checksums}"}


def window_settings(state: Path) -> dict[str, str]:
    """Return the variables of upgrade_devices: folder of its reports, minutes as the managers count them, its alert."""
    reports = state / "reports"
    reports.mkdir(exist_ok=True)
    return {
        "VMANAGE_REPORTS": str(reports),
        "VMANAGE_MINUTE": str(SECONDS_PER_MINUTE),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "example_dags" / "plugins"),
    }


@contextmanager
def run_managers(state: Path, ports: list[int]) -> Iterator[Mapping[str, Simulator]]:
    """Run the managers, by the id of their connection."""
    with ExitStack() as stack:
        managers = {}
        for (name, (version, held)), port in zip(MANAGERS.items(), ports, strict=True):
            new = not (state / name).exists()
            managers[name] = stack.enter_context(
                manager(version, state / name, held, port, fleet=FLEET, seconds_per_minute=SECONDS_PER_MINUTE)
            )
            if new:
                add_edge_images(managers[name])
        manager_id, device, colour = FAILING
        managers[manager_id].behave(device, loses_colour=colour)
        yield managers


def connections(managers: Mapping[str, Simulator], state: Path) -> list[dict[str, Any]]:
    """Return all connections that the example DAGs name."""
    found = []
    for name, vm in managers.items():
        fields = connection_to(vm)
        about = f"Simulated vManage {vm.version}"
        found.append(
            {**fields, "connection_id": name, "description": about, "extra": json.dumps(fields["extra"])},
        )
    database = {"conn_type": "sqlite", "host": str(state / "inventory.db"), "description": "Table of inventory_export"}
    # The managers only note where it is: nothing is fetched from it.
    server = {"conn_type": "generic", "host": "images.example.com", "login": "sdwan", "password": "placeholder"}
    about = "Image server of repository_upkeep, a placeholder"
    return [
        *found,
        {**database, "connection_id": "vmanage_inventory_db"},
        {**server, "connection_id": "vmanage_image_server", "description": about},
    ]


def pools(managers: Mapping[str, Simulator]) -> list[dict[str, Any]]:
    """Return all pools that the example DAGs name."""
    about = "Uploads to managers: as many at once as there are slots"
    return [{"name": "vmanage_uploads", "slots": len(managers), "description": about}]


def write(airflow: Standalone, what: str, entities: list[dict[str, Any]]) -> None:
    """Make entities of Airflow's database, or bring them to this state."""
    action = {"action": "create", "action_on_existence": "overwrite", "entities": entities}
    response = airflow.call("PATCH", what, {"actions": [action]})
    if errors := response["create"]["errors"]:
        raise ScriptError(f"Airflow takes no {what}: {errors}")


def ports(state: Path) -> list[int]:
    """Return those that UP_PORT asks for, or those of the last time, so that open pages stay good, or any free ones."""
    wanted = chosen_ports("UP_PORT", 1 + len(MANAGERS))
    if all(wanted):
        return wanted
    kept = state / "ports.json"
    try:
        found: list[int] = json.loads(kept.read_text())
        for port in found:
            check_port(port)
    except (OSError, ValueError):
        found = [free_port() for _ in wanted]
        kept.write_text(json.dumps(found))
    return found


def welcome(running: Site) -> str:
    """Return where everything is and how to sign in."""
    airflow, managers = running.airflow, running.managers
    reports = airflow.log.parents[1] / "reports"
    lines = ["", f"Airflow          {airflow.url}    sign in: {USER} / {airflow.password}"]
    for name, vm in managers.items():
        lines.append(f"{name:16} {vm.url}/  vManage {vm.version}; its user: {vm.username} / {vm.password}")
    lines += [
        "",
        f"Trigger any DAG as it is, or fleet_upload with the managers {', '.join(managers)}.",
        f"upgrade_devices waits under Browse > Required Actions; its report comes to {os.path.relpath(reports)}.",
        f"With the manager {FAILING[0]} it fails: {FAILING[1]} loses {FAILING[2]} when it reboots.",
        "A browser warns of the managers' certificates: each has its own CA.",
        f"Airflow's log is in {os.path.relpath(airflow.log)}. Ctrl-C ends all of it.",
    ]
    return "\n".join(lines)


def wait(airflow: Standalone) -> None:
    """Return at Ctrl-C.

    :raises ScriptError: Airflow has ended by itself.
    """
    try:
        airflow.wait_for_end()
    except KeyboardInterrupt:
        say("Ending Airflow and the managers")
        return
    raise ScriptError(f"Airflow has ended by itself: see {os.path.relpath(airflow.log)}")


def _end(number: int, frame: object) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)  # an impatient second Ctrl-C would leave processes behind
    raise KeyboardInterrupt


def say(text: str) -> None:
    """Print what happens now."""
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
