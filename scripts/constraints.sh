#!/bin/sh
# Resolve constraints.in and the package's own dependencies for every supported Python into constraints.txt.
# Pins that still fit are kept; UPGRADE=1 looks for newer releases of everything.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

resolved=$(mktemp)
trap 'rm -f "$resolved"' EXIT
cp constraints.txt "$resolved" # uv keeps what it finds in its output file

.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-header \
  --no-emit-index-url ${UPGRADE:+--upgrade} --output-file "$resolved" \
  constraints.in pyproject.toml --all-extras --group test >/dev/null

# A constraint that applies where nobody asked is harmless, a long marker is not readable: drop the lines for
# other systems than POSIX, for PyPy, and for Pythons which Airflow refuses (3.15), and the clauses that exclude them.
{
  echo "# Made by 'make constraints' from constraints.in and pyproject.toml: edit those."
  sed -E \
    -e "/sys_platform == 'linux'/! { /sys_platform == '(win32|emscripten|cygwin)'/d; }" \
    -e "/ ; python_full_version >= '3.15'$/d" \
    -e "s/(sys_platform|platform_python_implementation|implementation_name) != '[A-Za-z0-9]+'( and |$)//g" \
    -e "s/python_full_version < '3.15'( and |$)//g" \
    -e "s/( and| ;) *$//" \
    "$resolved"
} >constraints.txt
