#!/bin/sh
# Run the named checks (lint, types, tests, live) to the end and fail when any of them failed.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

lint() {
  .venv/bin/ruff check . && .venv/bin/ruff format --check .
}

types() {
  .venv/bin/mypy
}

tests() {
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -n 2 --cov --cov-report=term:skip-covered ${PYTEST_ARGS:-}
}

live() {
  # shellcheck disable=SC2086 # several arguments on purpose
  .venv/bin/python -m pytest -m live tests/system ${PYTEST_ARGS:-} &&
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
