#!/bin/sh
# Coverage-guided fuzzing (atheris) of what is read from a response's bytes; FUZZ_SECONDS shortens the ten minutes. The
# fuzzer has wheels for Python 3.11 to 3.13 only, and an environment of its own that needs no Airflow.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

peer=.tmp/fuzz
if [ ! -x "$peer/bin/python" ] || ! "$peer/bin/python" -c 'import atheris, requests, tenacity' 2>/dev/null; then
  echo "Installing atheris into $peer"
  rm -rf "$peer"
  .venv/bin/python -m venv "$peer"
  .venv/bin/uv pip install --quiet --python "$peer/bin/python" --only-binary atheris atheris requests tenacity
fi

# Each sample payload as the body of a good response; what is found new is kept beside them for the next run.
corpus=.tmp/fuzz-corpus
mkdir -p "$corpus"
"$peer/bin/python" - "$corpus" tests/data/*/*.json <<'END'
import json, pathlib, sys

for path in map(pathlib.Path, sys.argv[2:]):
    body = json.dumps(json.loads(path.read_text())["response"]).encode()
    for first in range(14):  # every status
        (pathlib.Path(sys.argv[1]) / f"{path.parent.name}-{path.stem}-{first}").write_bytes(bytes([first]) + body)
END
PYTHONPATH=. exec "$peer/bin/python" tests/fuzz/fuzz_responses.py "$corpus" -dict=tests/fuzz/responses.dict \
  -max_total_time="${FUZZ_SECONDS:-600}" -timeout=20 -max_len=8192 -artifact_prefix=.tmp/ -print_final_stats=1 ${FUZZ_ARGS:-}
