#!/bin/sh
# Build the distribution into dist/, install the wheel into a clean environment and ask Airflow about it.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rm -rf dist
.venv/bin/uv pip install --quiet --python .venv/bin/python --constraints constraints.txt build
# The build backend comes pinned as well (by a relative name: pip splits this variable at blanks).
PIP_CONSTRAINT=constraints.txt .venv/bin/python -m build --outdir dist .

.venv/bin/python -m venv --without-pip "$scratch/venv"
.venv/bin/uv pip install --quiet --python "$scratch/venv/bin/python" --compile-bytecode \
  --constraints constraints.txt dist/*.whl
.venv/bin/uv pip check --python "$scratch/venv/bin/python"

# Asked from another folder, so that the source tree cannot stand in for the wheel.
cd "$scratch"
export AIRFLOW_HOME="$scratch/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False
venv/bin/airflow providers list --output plain | grep airflow-provider-vmanage
venv/bin/airflow providers get airflow-provider-vmanage --full --output yaml

# The page of a report is made from files that are no modules.
venv/bin/python -c 'from airflow_provider_vmanage.reports.upgrade_report import render_html; print(len(render_html({})))'
