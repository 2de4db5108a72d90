#!/bin/sh
# Resolve constraints.in and the package's own dependencies for every supported Python into constraints.txt, the same
# with each older line of Airflow into constraints-<line>.txt, and with the lowest versions that pyproject.toml allows
# into constraints-lowest.txt. Pins that still fit are kept; UPGRADE=1 takes newer releases of everything.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Resolve $2 (and more inputs) and write the pins to $1.
# A constraint that nothing requires is harmless, a long marker is not readable: drop the lines for
# other systems than POSIX, for PyPy, and for Pythons which Airflow refuses (3.15), and the clauses that exclude them.
resolve() {
  output=$1
  shift
  kept=$output # uv keeps what it finds in its output file; a new file begins with the pins of its neighbour
  [ -f "$kept" ] || kept=constraints.txt
  cp "$kept" "$scratch/resolved"
  .venv/bin/uv pip compile --quiet $pythons --python-version 3.10 --no-annotate --no-header \
    --no-emit-index-url ${UPGRADE:+--upgrade} --output-file "$scratch/resolved" "$@" --all-extras --group test >/dev/null
  {
    echo "# Made by 'make constraints' from constraints.in and pyproject.toml: edit those."
    sed -E \
      -e "/sys_platform == 'linux'/! { /sys_platform == '(win32|emscripten|cygwin)'/d; }" \
      -e "/ ; python_full_version >= '3.15'$/d" \
      -e "s/(sys_platform|platform_python_implementation|implementation_name) != '[A-Za-z0-9]+'( and |$)//g" \
      -e "s/python_full_version < '3.15'( and |$)//g" \
      -e "s/( and| ;) *$//" \
      "$scratch/resolved"
  } >"$output"
}

# What constraints.in says of the older lines in its comments that begin so.
annotated() {
  sed -n "s/^# $1[^:]*: *//p" constraints.in
}

# What constraints.in asks for, with Airflow $1.
with_airflow() {
  sed "s/^apache-airflow==.*/apache-airflow==$1/" constraints.in
  annotated "and there"
}

pythons=--universal
resolve constraints.txt constraints.in pyproject.toml

for release in $(annotated "tested too"); do
  with_airflow "$release" >"$scratch/constraints.in"
  resolve "constraints-${release%.*}.txt" "$scratch/constraints.in" pyproject.toml
done

# Only the oldest Python that we support: the lowest releases of some dependencies know no newer one.
.venv/bin/uv pip compile --quiet --no-deps --resolution lowest-direct --python-version 3.10 --no-annotate --no-header \
  --no-emit-index-url pyproject.toml --all-extras >"$scratch/lowest.in"
annotated "and" >>"$scratch/lowest.in"
[ -f constraints-lowest.txt ] || cp constraints-3.1.txt constraints-lowest.txt
pythons=
resolve constraints-lowest.txt "$scratch/lowest.in" pyproject.toml
