# Sourced by the scripts that run clients of others: each gets an environment of its own under .tmp.
# shellcheck shell=sh

install() { # the folder $1, a module $2 of what is installed, and the packages
  peer=.tmp/$1 module=$2
  shift 2
  if [ ! -x "$peer/bin/python" ] || ! "$peer/bin/python" -c "import $module" 2>/dev/null; then
    echo "Installing $* into $peer"
    rm -rf "$peer"
    .venv/bin/python -m venv "$peer"
    .venv/bin/uv pip install --quiet --python "$peer/bin/python" "$@"
  fi
}
