#!/bin/sh
# Uploads side by side, with the vendor's SDK in an environment of its own: it pins other versions than Airflow.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

peer=.tmp/catalystwan
if [ ! -x "$peer/bin/python" ] || ! "$peer/bin/python" -c 'import catalystwan' 2>/dev/null; then
  echo "Installing catalystwan 0.41.6 into $peer"
  rm -rf "$peer"
  .venv/bin/python -m venv "$peer"
  .venv/bin/uv pip install --quiet --python "$peer/bin/python" catalystwan==0.41.6 pyyaml
fi
AIRFLOW_HOME=$(mktemp -d)
export AIRFLOW_HOME AIRFLOW__CORE__LOAD_EXAMPLES=False
trap 'rm -rf "$AIRFLOW_HOME"' EXIT
.venv/bin/python benchmarks/upload.py --catalystwan "$peer/bin/python" --s3 "$@"
