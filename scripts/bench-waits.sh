#!/bin/sh
# Waits in one event loop, side by side with Airflow's own deferrable HttpSensor; then one wait for many devices.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

AIRFLOW_HOME=$(mktemp -d)
export AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
.venv/bin/python benchmarks/waits.py "$@"
.venv/bin/python benchmarks/device_waits.py
