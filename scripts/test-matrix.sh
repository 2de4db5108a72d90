#!/bin/sh
# Run the suite on a selection of Airflow releases and Pythons, the corners included, and with the lowest releases
# that pyproject.toml allows. Each cell has an environment of its own under .tmp/matrix, kept for the next run.
# Names of cells choose some of them: scripts/test-matrix.sh 3.1-3.10 lowest-3.10
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

# line of Airflow (or "lowest") and Python; README.md names the same (tests/packaging/test_matrix.py)
CELLS="3.1-3.10 3.1-3.13 3.2-3.11 3.2-3.12 3.3-3.10 3.3-3.13 lowest-3.10"

constraints_of() {
  [ "$1" = 3.3 ] && echo constraints.txt || echo "constraints-$1.txt"
}

# pyenv's shims do not run for versions that are switched off, so check where it keeps them as well.
find_python() {
  for python in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    "$python" -c 'import ssl, sqlite3' >/dev/null 2>&1 && echo "$python" && return
  done
  echo "$1" # uv searches further, and fetches it where it can
}

# The environment of a cell, made again only when something that it is made from has changed.
make_environment() {
  folder=.tmp/matrix/$1
  pins=$(constraints_of "${1%-*}")
  made_from=$(cat "$pins" pyproject.toml airflow_provider_vmanage/__init__.py | cksum)
  [ "$(cat "$folder/.made-from" 2>/dev/null)" != "$made_from" ] || return 0
  rm -rf "$folder"
  .venv/bin/uv venv --quiet --python "$(find_python "${1##*-}")" "$folder" &&
    .venv/bin/uv pip install --quiet --python "$folder/bin/python" --compile-bytecode \
      --constraints "$pins" --editable '.[simulator]' --group test &&
    echo "$made_from" >"$folder/.made-from"
}

run_cell() {
  make_environment "$1" || return 1
  # With the DAGs of `make test-live` that need no `airflow standalone`: commands of Airflow differ by release. What
  # differs by the manager's release alone (whole_grid) is for `make coverage`.
  # shellcheck disable=SC2086 # several arguments on purpose
  ".tmp/matrix/$1/bin/python" -m pytest -n 4 --dist worksteal -q -p no:cacheprovider \
    -m "not whole_grid and not live and not third_party and not ui and not cluster and not fleet and not model" ${PYTEST_ARGS:-}
}

mkdir -p .tmp/matrix
summary=
failed=
for cell in ${*:-$CELLS}; do
  echo "== $cell"
  began=$(date +%s)
  run_cell "$cell" >".tmp/matrix-$cell.log" 2>&1 || failed="$failed $cell"
  grep -E '^(FAILED|ERROR) ' ".tmp/matrix-$cell.log" || true
  airflow=$(sed -n 's/^apache-airflow==//p' "$(constraints_of "${cell%-*}")")
  line="$(printf '%-12s Airflow %-6s Python %-5s' "$cell" "$airflow" "${cell##*-}") $(tail -n 1 ".tmp/matrix-$cell.log")"
  echo "$line; $(($(date +%s) - began)) s in all"
  summary="$summary$line
"
done
printf '\n%s' "$summary"
[ -z "$failed" ] || {
  echo "failed:$failed (whole output in .tmp/matrix-<cell>.log)" >&2
  exit 1
}
