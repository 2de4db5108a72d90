#!/bin/sh
# Clients that others wrote, unmodified, against the simulator. Each in an environment of its own under .tmp: they pin
# other versions than Airflow does.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
. scripts/peers.sh

install catalystwan catalystwan.session catalystwan==0.41.6 pyyaml # which it imports and does not ask for
install vmngclient vmngclient.session vmngclient==0.22.1
install sastre cisco_sdwan.base.rest_api cisco-sdwan==1.28
install viptela vmanage.api.utilities viptela==0.3.10 six # likewise
install mcp sdwan_mcp.dispatcher catalyst-sdwan-super-mcp==0.6.4
# shellcheck disable=SC2086 # several arguments on purpose
.venv/bin/python -m pytest -m third_party tests/third_party ${PYTEST_ARGS:-}
