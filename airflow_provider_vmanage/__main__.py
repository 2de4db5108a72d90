"""``python -m airflow_provider_vmanage check``, for every release of Airflow."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_vmanage",
        description="Compare a manager with everything that this package assumes about it.",
        epilog="Exit status: 0 nothing differs, 1 nothing could be checked, 3 something differs.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read only, one session, within a minute")
    where = check.add_mutually_exclusive_group()
    where.add_argument("--conn-id", help="connection of Airflow (default: vmanage_default)")
    where.add_argument("--uri", help="vmanage://user:password@host:port/?verify=false; - reads it from standard input")
    check.add_argument("--json", action="store_true", help="print the redacted report, to send to us")
    check.add_argument("--write", action="store_true", help="also upload and delete scratch files of 1 MB")
    check.add_argument("-y", "--yes", action="store_true", help="do not ask before --write")
    check.add_argument("--expiry", action="store_true", help="also wait for the end of an idle session")
    check.add_argument("--idle", type=float, default=1860.0, metavar="SECONDS", help="to wait for that (%(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    args = build_parser().parse_args(arguments)
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to the standard output, which is the report's
        from airflow_provider_vmanage.cli.check import CheckOptions, check
        from airflow_provider_vmanage.cli.errors import run

        options = CheckOptions(
            args.conn_id, args.uri, args.json, args.write, args.yes, args.idle if args.expiry else None
        )
        return run("check", lambda: check(options, out=out))


if __name__ == "__main__":
    sys.exit(main())
