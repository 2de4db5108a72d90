#!/bin/sh
# Clients that others wrote, unmodified, against the simulator. Each in an environment of its own under .tmp: they pin
# other versions than Airflow does.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

install() { # the folder $1, a module $2 of what is installed, and the packages
  peer=.tmp/$1 module=$2
  shift 2
  if [ ! -x "$peer/bin/python" ] || ! "$peer/bin/python" -c "import $module" 2>/dev/null; then
    echo "Installing $* into $peer"
    rm -rf "$peer"
    .venv/bin/python -m venv "$peer"
    .venv/bin/uv pip install --quiet --python "$peer/bin/python" "$@"
  fi
}

install catalystwan catalystwan.session catalystwan==0.41.6 pyyaml # which it imports and does not ask for
install sastre cisco_sdwan.base.rest_api cisco-sdwan==1.28
# shellcheck disable=SC2086 # several arguments on purpose
.venv/bin/python -m pytest -m third_party tests/third_party ${PYTEST_ARGS:-}
