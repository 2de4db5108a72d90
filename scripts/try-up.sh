#!/bin/sh
# `make up` as a person uses it: until Airflow answers at the address that it tells; then Ctrl-C, which ends all of it.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .tmp
told=.tmp/up.log

fail() {
  cat "$told"
  echo "make up: $1" >&2
  exit 1
}

address() {
  sed -n 's/^Airflow  *\(http[^ ]*\) .*/\1/p' "$told"
}

answers() {
  [ -n "$(address)" ] && curl --silent --fail --noproxy '*' --output /dev/null "$(address)/api/v2/version"
}

setsid make up >"$told" 2>&1 &
group=$!
trap 'kill -TERM "-$group" 2>/dev/null || :' EXIT

seconds=0
until answers; do
  kill -0 "$group" 2>/dev/null || fail "has ended by itself"
  [ "$seconds" -lt 300 ] || fail "nothing answers after $seconds s"
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
grep -q '^== Ended' "$told" || fail "did not end in its own way"
if answers; then fail "Airflow still answers"; fi
cat "$told"
