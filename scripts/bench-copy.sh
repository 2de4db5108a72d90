#!/bin/sh
# Copies from manager to manager, side by side with curl down and curl up.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

AIRFLOW_HOME=$(mktemp -d)
export AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES=False
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
.venv/bin/python benchmarks/image_copy.py "$@"
