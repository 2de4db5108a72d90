#!/bin/sh
# Tasks on repositories and fleets, in processes that are killed at random, against managers that fail at random,
# for SOAK_SECONDS (600). SOAK_SEED chooses another run; SOAK_LOGS=folder keeps the logs of a run that fails.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

AIRFLOW_HOME=$(mktemp -d)
export AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
PYTHONPATH=. .venv/bin/python -m tests.soak.soak --seconds "${SOAK_SECONDS:-600}" --seed "${SOAK_SEED:-1}" "$@"
