#!/bin/sh
# Build the pages of docs/ into build/docs, with warnings as errors. An own AIRFLOW_HOME, since Airflow is imported
# for the reference and writes there.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/uv pip install --quiet --python .venv/bin/python --constraints constraints.txt --group docs
AIRFLOW_HOME="$scratch" .venv/bin/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet \
  --doctree-dir "$scratch/doctrees" docs build/docs
echo "Open build/docs/index.html"
