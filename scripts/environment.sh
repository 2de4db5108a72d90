# Sourced by the other scripts: unset what the caller's shell may hold that would lead Python, pip, uv or
# Airflow out of this clone's .venv, lead local traffic past a proxy, and carry pip's settings for a mirror or a private
# authority over to uv.
# shellcheck shell=sh

# Bytecode halves the time Airflow takes to start.
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONSAFEPATH
unset VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT PIP_NO_COMPILE
unset UV_SYSTEM_PYTHON UV_PYTHON UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE UV_BREAK_SYSTEM_PACKAGES
unset UV_PROJECT UV_PROJECT_ENVIRONMENT UV_WORKING_DIRECTORY UV_NO_INSTALLER_METADATA
unset PYTEST_ADDOPTS PYTEST_PLUGINS COVERAGE_FILE COVERAGE_RCFILE MYPYPATH RUFF_CONFIG

for name in $(env | sed -n 's/^\(AIRFLOW_[A-Za-z0-9_]*\)=.*/\1/p'); do
  unset "$name"
done

# What these commands start listens on this machine alone, where no proxy leads. Packages still come through the proxy.
no_proxy=${no_proxy:-${NO_PROXY:-}}
if [ "$no_proxy" != "*" ]; then
  no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
fi
NO_PROXY=$no_proxy
export no_proxy NO_PROXY

if [ -n "${PIP_INDEX_URL:-}" ]; then
  export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
fi
if [ -n "${PIP_CERT:-}" ]; then
  export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
fi
