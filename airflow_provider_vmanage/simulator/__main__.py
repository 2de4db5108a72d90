"""Run the simulator from a shell: ``python -m airflow_provider_vmanage.simulator --help``."""

from __future__ import annotations

import signal
import sys

from airflow_provider_vmanage.simulator.command_line import build_parser

_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; 0 after a clean end, 2 after a one-line error."""
    # Blocked before the server's thread starts, so that only sigwait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    options = build_parser().parse_args(arguments)
    try:
        from airflow_provider_vmanage.simulator import serving
    except ModuleNotFoundError as exc:
        return _fail(f"{exc.name} is missing: pip install 'airflow-provider-vmanage[simulator]'")
    if options.list_faults:
        sys.stdout.write(serving.fault_table())
        return 0
    try:
        serving.serve(options, wait=lambda: signal.sigwait(_STOP_SIGNALS))
    except OSError as exc:
        return _fail(f"cannot serve on {options.host}:{options.port}: {exc.strerror or exc}")
    except (ValueError, TypeError) as exc:
        return _fail(str(exc))
    return 0


def _fail(reason: str) -> int:
    sys.stderr.write(f"vManage simulator: {reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
