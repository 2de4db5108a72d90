#!/bin/sh
# Random sequences of all operators against a model: MODEL_STEPS tasks (2000), a quarter of them in each release, chosen
# by MODEL_SEED (1).
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

# shellcheck disable=SC2086 # several arguments on purpose
.venv/bin/python -m pytest -m model -n 2 --dist worksteal -q tests/stateful ${PYTEST_ARGS:-}
