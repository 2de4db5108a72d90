#!/bin/sh
# Make or renew .venv: the pinned set of constraints.txt, this package (editable) and what its tests need.
# PYTHON names the interpreter to prefer. Says in one line what is wrong, and leaves no stamp behind then.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

fail() {
  echo "make venv: $*" >&2
  exit 1
}

# A name on the PATH proves nothing (pyenv's shims exist for versions that are switched off): run it.
# Airflow of constraints.txt refuses Python 3.15.
suits() {
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

find_python() {
  wanted=${PYTHON:-}
  without_venv=
  for python in ${wanted:+"$wanted"} python3 python3.13 python3.12 python3.11 python3.10 python3.14 python; do
    if ! suits "$python"; then
      [ "$python" != "$wanted" ] || echo "make venv: $wanted does not run as Python 3.10 to 3.14, trying the next" >&2
    elif "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      return 0
    else
      without_venv=${without_venv:-$python}
    fi
  done
  [ -z "$without_venv" ] || fail "$without_venv has no venv module: install it (on Debian and Ubuntu:" \
    "apt-get install python$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv)"
  fail "no Python 3.10 to 3.14 found: install one, or name it (make venv PYTHON=/path/to/python3)"
}

free_mib() { # in the folder $1
  df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}

version_of() {
  "$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null
}

# A .venv that works is renewed in place. One that was moved is not: its commands name the old folder.
must_be_made() {
  ! suits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    { [ -f .venv/.made-for ] && [ "$(cat .venv/.made-for)" != "$(pwd -P)" ]; } ||
    { [ -n "${PYTHON:-}" ] && [ "$(version_of .venv/bin/python)" != "$(version_of "$python")" ]; }
}

find_python
if must_be_made; then
  needed=2500 # MiB: 750 installed, as much again in uv's cache, and room for tests and demo
  [ "$(free_mib .)" -ge $needed ] || fail "disk full: $(free_mib .) MiB free in $PWD, $needed MiB needed"
  echo "Making .venv with $("$python" --version) ($(command -v "$python"))"
  rm -rf .venv
  error=$("$python" -m venv .venv 2>&1) || fail "python -m venv failed: $(echo "$error" | tail -n 1)"
fi

rm -f .venv/.made-for
echo "Installing the pinned set of constraints.txt"
install() {
  # pip's warnings (retries, other indexes) are of interest only when it fails.
  said=$(.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv 2>&1) ||
    { echo "$said" >&2 && return 1; }
  .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode \
    --constraints constraints.txt --editable '.[simulator]' --group test
}

if install; then
  pwd -P >.venv/.made-for
  exit 0
fi
[ "$(free_mib .)" -ge 50 ] || fail "disk full: $(free_mib .) MiB free in $PWD"
proxy=${https_proxy:-${HTTPS_PROXY:-${all_proxy:-${ALL_PROXY:-}}}}
fail "install failed (see above): is the package registry within reach${proxy:+, through the proxy ${proxy##*@}}?"
