#!/bin/sh
# Run the named checks (lint, types, quick, tests, coverage, live) to the end and fail when any of them failed. The last
# one is seen at work; those before it run beside it, and what they print follows.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

lint() {
  .venv/bin/ruff check . && .venv/bin/ruff format --check .
}

types() {
  .venv/bin/mypy
}

# On more processes than two cores: tests wait, too. One that has no tests left takes over some of another's.
on_processes() {
  number=$1
  shift
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -n "$number" --dist worksteal "$@" ${PYTEST_ARGS:-}
}

# One release of the manager, and nothing that takes long by its nature. Each process takes six seconds to begin.
quick() {
  on_processes 3 -q -m "not slow and not whole_grid" --release 20.12.4 tests/client tests/operators
}

tests() {
  on_processes 4
}

# With the pairs that the tests leave out, and without a limit of 50 ms of CPU, which would measure the tracing as well.
coverage() {
  on_processes 4 --hypothesis-profile=thorough \
    --deselect tests/client/test_actions_scale.py::test_status_of_500_devices_is_judged_in_50_ms \
    -m "not whole_airflow and not live and not third_party and not ui and not cluster and not fleet and not model" --cov --cov-report=term:skip-covered
}

live() {
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -m "live or whole_airflow" ${PYTEST_ARGS:-} &&
    UPLOAD_TEST_MB=3000 .venv/bin/python -m pytest -m "" tests/client/test_upload_speed_limits.py
}

output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
beside=
while [ $# -gt 1 ]; do
  { "$1" >"$output/$1" 2>&1 || : >"$output/$1.failed"; } &
  beside="$beside $1"
  shift
done

failed=
echo "== $1"
"$1" || failed=" $1"
wait
for check in $beside; do
  echo "== $check"
  cat "$output/$check"
  [ ! -e "$output/$check.failed" ] || failed="$failed $check"
done
[ -z "$failed" ] || {
  echo "failed:$failed" >&2
  exit 1
}
