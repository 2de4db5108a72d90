"""The options of the command line; nothing here needs the extra, so ``--help`` always works."""

from __future__ import annotations

import argparse
from typing import Any

_FAULT = "switch a fault on; k=v are its options, times= (1; none means always), method= and path="
_DEVICE = "show a device, such as edge-1:device_type=vedge,version=20.9.4,fails_at=download"
_MINUTE = "seconds that a minute of a task on devices takes (default: %(default)s)"


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``python -m airflow_provider_vmanage.simulator``."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_vmanage.simulator",
        description="A Cisco vManage to run on a laptop, as far as its software and that of its devices go.",
        epilog="--list-faults describes what can go wrong on purpose.",
    )
    parser.add_argument("--version", default="20.12.4", metavar="RELEASE", help="release (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8443, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--username", default="admin", help="default: %(default)s")
    parser.add_argument("--password", default="admin-password", help="default: %(default)s")
    parser.add_argument("--no-tls", action="store_true", help="plain HTTP")
    parser.add_argument("--storage", metavar="FOLDER", help="keep images, repository and CA over restarts")
    parser.add_argument("--ca-out", metavar="FILE", help="also write the CA certificate (PEM) here")
    parser.add_argument("--group-by-version", action="store_true", help="one record for all files of a version")
    parser.add_argument("--tenant", action="append", default=[], metavar="NAME", help="a tenant; may be repeated")
    parser.add_argument("--device", type=_spec, action="append", default=[], metavar="NAME[:k=v,...]", help=_DEVICE)
    parser.add_argument("--fleet", type=int, default=0, metavar="N", help="N devices at many sites, in some roles")
    parser.add_argument("--seconds-per-minute", type=float, default=2.0, metavar="S", help=_MINUTE)
    parser.add_argument("--fault", type=_spec, action="append", default=[], metavar="NAME[:k=v,...]", help=_FAULT)
    parser.add_argument("--list-faults", action="store_true", help="describe all faults and end")
    return parser


def _port(text: str) -> int:
    """A port number, or 0."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text!r}")
    return int(text)


def _spec(text: str) -> tuple[str, dict[str, Any]]:
    """``name:k=v,k=v`` taken apart; numbers, true, false and none are not left as text."""
    name, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair]
    if not name or any(not sign for _, sign, _ in pairs):
        raise argparse.ArgumentTypeError(f"not NAME[:k=v,...]: {text!r}")
    return name, {key: _value(value) for key, _, value in pairs}


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
