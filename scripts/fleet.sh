#!/bin/sh
# Upgrades that take too long for make test: killed at each moment, and of 1,000 devices (FLEET_SEEDS of them, 20).
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

# shellcheck disable=SC2086 # several arguments on purpose
.venv/bin/python -m pytest -m fleet -n 2 --dist worksteal -rP tests/upgrade ${PYTEST_ARGS:-}
