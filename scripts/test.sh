#!/bin/sh
# Run the named checks (lint, types, quick, tests, coverage, live) to the end and fail when any of them failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

lint() {
  .venv/bin/ruff check . && .venv/bin/ruff format --check .
}

types() {
  .venv/bin/mypy
}

# On two processes; one that has no tests left takes over some of the other's.
on_two() {
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -n 2 --dist worksteal "$@" ${PYTEST_ARGS:-}
}

# One release of the manager, and nothing that takes long by its nature.
quick() {
  on_two -q -m "not slow" --release 20.12.4 tests/client tests/operators
}

tests() {
  on_two
}

coverage() {
  on_two --cov --cov-report=term:skip-covered
}

live() {
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -m "live or whole_airflow" ${PYTEST_ARGS:-} &&
    UPLOAD_TEST_MB=3000 .venv/bin/python -m pytest tests/client/test_upload_speed_limits.py
}

failed=
for check in "$@"; do
  echo "== $check"
  "$check" || failed="$failed $check"
done
[ -z "$failed" ] || {
  echo "failed:$failed" >&2
  exit 1
}
