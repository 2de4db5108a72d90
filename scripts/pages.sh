#!/bin/sh
# Write what the pages of docs/ take from code into them. An own AIRFLOW_HOME, since Airflow is imported and writes there.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
AIRFLOW_HOME="$scratch" .venv/bin/python -m scripts.pages
