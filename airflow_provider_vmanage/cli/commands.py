"""The commands of ``airflow vmanage``; Airflow imports this module only when one of them runs."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.utils.cli import suppress_logs_and_warning

from airflow_provider_vmanage.cli.check import CheckOptions
from airflow_provider_vmanage.cli.check import check as check_manager
from airflow_provider_vmanage.cli.connections import settings_for
from airflow_provider_vmanage.cli.errors import run, say
from airflow_provider_vmanage.client.arguments import parse_max_devices
from airflow_provider_vmanage.client.devices import list_devices
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upgrade.plan_result import plan_upgrade
from airflow_provider_vmanage.client.upgrade.wish import parse_wish
from airflow_provider_vmanage.reports.upgrade_approval import LOG_COLUMNS, count_plan, plan_rows

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.session import ManagerSession

#: columns of tables; json and yaml have all fields
IMAGE_COLUMNS = ("file_name", "version", "image_type", "version_type", "platform_family", "version_id")
DEVICE_COLUMNS = ("device", "system_ip", "site_id", "role", "model", "running", "default", "available", "reachable")


@suppress_logs_and_warning
def check(args: Namespace) -> None:
    """Compare a manager with everything that the package assumes about it."""
    options = CheckOptions(args.conn_id, args.uri, args.json, args.write, args.yes, args.idle if args.expiry else None)
    _end("check", lambda: check_manager(options))


@suppress_logs_and_warning
def images(args: Namespace) -> None:
    """List the images of the software repository."""

    def body() -> int:
        with _session(args) as session:
            found = SoftwareRepository(session).list_images(image_type=args.image_type)
        rows = [image.as_row() for image in found]
        _print(args.output, rows, rows, IMAGE_COLUMNS)
        return 0

    _end("images", body)


@suppress_logs_and_warning
def devices(args: Namespace) -> None:
    """List the software of devices."""

    def body() -> int:
        with _session(args) as session:
            rows = [device.as_row() for device in list_devices(session, args.device_type)]
        _print(args.output, rows, rows, DEVICE_COLUMNS)
        return 0

    _end("devices", body)


@suppress_logs_and_warning
def plan(args: Namespace) -> None:
    """Plan an upgrade of devices; json and yaml hold all of the plan."""

    def body() -> int:
        wish = parse_wish(
            args.version,
            devices=args.devices,
            device_type=args.device_type,
            sites=args.sites,
            platform_family=args.platform_family,
            running=args.running,
            exclude=args.exclude,
        )
        with _session(args) as session:
            found = plan_upgrade(
                session,
                wish,
                wave_sizes=args.wave_sizes,
                one_per_site=not args.many_per_site,
                max_devices=parse_max_devices(args.max_devices),
                allow_downgrade=args.allow_downgrade,
            )
        rows = [dict(zip(LOG_COLUMNS, row, strict=True)) for row in plan_rows(found)]
        _print(args.output, found, rows, LOG_COLUMNS)
        for line in (*found["warnings"], *found["baseline_problems"], count_plan(found)):
            say(line)
        return 0

    _end("plan", body)


@contextmanager
def _session(args: Namespace) -> Iterator[ManagerSession]:
    from airflow_provider_vmanage.client.session import ManagerSession

    with ManagerSession(settings_for(args.conn_id, args.uri)) as session:
        yield session


def _print(output: str, data: Any, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print data as json or yaml with its types, or the columns of rows as a table."""
    console = AirflowConsole()
    if output == "json":
        console.print_as_json(data)
    elif output == "yaml":
        console.print_as_yaml(json.loads(json.dumps(data)))
    else:
        shown = [{name: "" if row[name] is None else row[name] for name in columns} for row in rows]
        console.print_as(shown, output=output)


def _end(command: str, body: Callable[[], int]) -> None:
    """Run a command and end the process with its status, unless that is 0."""
    if status := run(command, body):
        raise SystemExit(status)
