#!/bin/sh
# Fail unless the tag $1 is v<version of the package>: scripts/check-tag.sh v0.1.0
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' airflow_provider_vmanage/__init__.py)
[ "${1:-}" = "v$version" ] || {
  echo "tag '${1:-}' is not v$version: change __version__ in airflow_provider_vmanage/__init__.py, or the tag" >&2
  exit 1
}
