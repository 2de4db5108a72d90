#!/bin/sh
# Run Python in .venv with what drives a browser (the dependency group "ui") installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
.venv/bin/uv pip install --quiet --python .venv/bin/python --constraints constraints.txt --group ui
exec .venv/bin/python "$@"
