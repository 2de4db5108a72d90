"""Runs a client that others wrote, in an environment of its own that `make test-clients` makes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def run(client: str, *arguments: str, ca_bundle: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``with_<client>.py``.

    :param ca_bundle: for clients that take it from the environment alone.
    """
    python = ROOT / ".tmp" / client / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} is missing: make test-clients makes it")
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(ROOT / ".tmp"), "NO_PROXY": "*"}
    if ca_bundle:  # the one way to make catalystwan check a certificate during its login; httpx reads the other
        surroundings |= {"REQUESTS_CA_BUNDLE": ca_bundle, "SSL_CERT_FILE": ca_bundle}
    command = [str(python), str(HERE / f"with_{client}.py"), *arguments]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=240)


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the last line of a client that has succeeded."""
    assert done.returncode == 0, done.stderr[-2000:]
    response: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return response
