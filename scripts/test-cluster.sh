#!/bin/sh
# Three images to eight managers, and upgrades of their edges, on clusters: PostgreSQL and Redis of Debian's packages,
# started here and ended again, CeleryExecutor and two workers. With --bench: tasks per minute for one worker and for two.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

missing=
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
command -v redis-server >/dev/null && command -v redis-cli >/dev/null || missing="$missing redis-server"
[ -z "$missing" ] || {
  echo "make test-cluster: not installed:$missing (on Debian and Ubuntu: apt-get install -y$missing)" >&2
  exit 1
}
.venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode \
  --constraints constraints.txt --group cluster

if [ "${1:-}" = --bench ]; then
  shift
  PYTHONPATH=. exec .venv/bin/python benchmarks/cluster.py "$@"
fi
# shellcheck disable=SC2086 # several arguments on purpose
exec .venv/bin/python -m pytest -m cluster tests/cluster ${PYTEST_ARGS:-}
