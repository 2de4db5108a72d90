#!/bin/sh
# The verdict on a task, by ours and by clients that others wrote, each in an environment of its own under .tmp.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
. scripts/peers.sh

install catalystwan catalystwan.session catalystwan==0.41.6 pyyaml # which it imports and does not ask for
install sastre cisco_sdwan.tasks.common cisco-sdwan==1.28
install viptela vmanage.api.utilities viptela==0.3.10 six # likewise
.venv/bin/python benchmarks/verdicts.py "$@"
