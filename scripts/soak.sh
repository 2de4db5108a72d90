#!/bin/sh
# Mixed tasks in worker processes against managers that fail at random, for SOAK_SECONDS (600); SOAK_SEED repeats a run.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

AIRFLOW_HOME=$(mktemp -d)
export AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
PYTHONPATH=. .venv/bin/python tests/soak/soak.py --seconds "${SOAK_SECONDS:-600}" --seed "${SOAK_SEED:-1}" "$@"
