#!/bin/sh
# `make up` as a person uses it: until Airflow responds at its address; then Ctrl-C, which stops all of it.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .tmp
output=.tmp/up.log

fail() {
  cat "$output"
  echo "make up: $1" >&2
  exit 1
}

address() {
  sed -n 's/^Airflow  *\(http[^ ]*\) .*/\1/p' "$output"
}

is_up() {
  [ -n "$(address)" ] && curl --silent --fail --noproxy '*' --output /dev/null "$(address)/api/v2/version"
}

setsid make up >"$output" 2>&1 &
group=$!
trap 'kill -TERM "-$group" 2>/dev/null || :' EXIT

seconds=0
until is_up; do
  kill -0 "$group" 2>/dev/null || fail "has ended by itself"
  [ "$seconds" -lt 420 ] || fail "nothing responds after $seconds s"
  sleep 1
  seconds=$((seconds + 1))
done

kill -INT "-$group"
seconds=0
while kill -0 "-$group" 2>/dev/null; do
  [ "$seconds" -lt 60 ] || fail "still runs $seconds s after Ctrl-C"
  sleep 1
  seconds=$((seconds + 1))
done
grep -q '^== Ended' "$output" || fail "did not stop cleanly"
if is_up; then fail "Airflow still responds"; fi
cat "$output"
