#!/bin/sh
# Run a Python script of this clone in .venv, whatever the caller's shell exports.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
exec .venv/bin/python "$@"
