#!/bin/sh
# Mutation testing: a sample of MUTATION_SAMPLE mutants (300) and at least ten of each file, chosen by MUTATION_SEED (1),
# on a copy of the tree; fails if the tests kill fewer than 90 % of them. What was killed is remembered until
# `make clean`, so a run that is stopped (or ends after MUTATION_SECONDS) goes on later.
# A mutant meets tests that take MUTATION_BUDGET seconds (20): with more, those that survived meet more of them.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

peer=.tmp/mutmut
if [ ! -x "$peer/bin/python" ] || ! "$peer/bin/python" -c 'import coverage, mutmut' 2>/dev/null; then
  echo "Installing mutmut into $peer"
  rm -rf "$peer"
  .venv/bin/python -m venv "$peer"
  .venv/bin/uv pip install --quiet --python "$peer/bin/python" --constraints constraints.txt mutmut==3.8.1 coverage
fi

# Without mutants: the tests must pass, and record which lines each of them reaches, and in how many seconds. Tests of how
# long something takes cannot tell a mutant from the tracing.
work=.tmp/mutation
made_from=$(git ls-files -co --exclude-standard airflow_provider_vmanage tests pyproject.toml | sort |
  xargs cat | cksum)
if [ "$(cat "$work/made-from" 2>/dev/null)" != "$made_from" ]; then
  rm -rf "$work/tree" "$work/coverage" "$work/made-from"
  mkdir -p "$work/tree"
  git ls-files -co --exclude-standard -z | xargs -0 cp --parents --preserve=timestamps -t "$work/tree"
  selection=$("$peer/bin/python" -c \
    'from mutmut.configuration import config; print(*config().pytest_add_cli_args_test_selection)')
  python=$PWD/.venv/bin/python
  # shellcheck disable=SC2086 # several folders on purpose
  (cd "$work/tree" && PYTHONPATH=$PWD COVERAGE_FILE=../coverage "$python" -m pytest -q -n 2 -p no:cacheprovider --cov \
    --cov-context=test --cov-report= --junitxml=../durations.xml -o junit_family=xunit1 \
    --ignore tests/client/test_actions_scale.py $selection)
  echo "$made_from" >"$work/made-from"
fi
"$peer/bin/python" scripts/mutation.py --sample "${MUTATION_SAMPLE:-300}" --seed "${MUTATION_SEED:-1}" \
  --seconds "${MUTATION_SECONDS:-3600}"
