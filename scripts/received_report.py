"""Turn a received report of `check --json` into payloads of the tests: `python -m scripts.received_report report.json`.

It writes `tests/data/<release>/report<number>_<call>.json` for each response that has a body. Read it before you
commit it: the person who sent it may have edited it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.assumptions.gather import READS
from airflow_provider_vmanage.client.assumptions.report import FORMAT
from airflow_provider_vmanage.client.assumptions.table import DIFFERS

DATA = Path(__file__).parents[1] / "tests" / "data"

#: responses that become payloads: what only shows errors or texts does not
CALLS = ("server", *(name for name, _, _ in READS), "metadata", "task")


def write_payloads(report: Mapping[str, Any], folder: Path = DATA) -> list[Path]:
    """Write the payloads of a report and return their files.

    :param report: parsed JSON of `check --json`.
    :param folder: that holds a folder for each release.
    :raises ValueError: it is no such report, or does not name its release.
    """
    release = _release_of(report)
    target = folder / release
    target.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(found[1]) for file in target.iterdir() if (found := _NUMBER.match(file.name))), default=0)
    written = []
    for name in CALLS:
        response = report["responses"].get(name)
        if not isinstance(response, Mapping) or "body" not in response:
            continue
        file = target / f"report{number}_{name}.json"
        sample = {"source": _source_of(report, response), "response": response["body"]}
        file.write_text(json.dumps(sample, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(file)
    return written


_NUMBER = re.compile(r"report(\d+)_")


def _release_of(report: Any) -> str:
    if (
        not isinstance(report, Mapping)
        or report.get("format") != FORMAT
        or not isinstance(report.get("responses"), Mapping)
    ):
        raise ValueError("not a report of check --json, or one of another format")
    found = re.match(r"(\d{1,2}\.\d{1,2})(?!\d)", str(report.get("release")))
    if found is None:
        raise ValueError("the report does not name its release: fill in release, as the person who sent it says")
    return found[1]


def _source_of(report: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    """Return where the payload comes from, and what differed there."""
    rows = report.get("assumptions")
    differing = [str(row["id"]) for row in rows if row["outcome"] == DIFFERS] if isinstance(rows, list) else []
    call = f"{response.get('method')} {response.get('path')}, HTTP {response.get('status')}"
    versions = f"release {report['release']}, provider {report.get('provider')}"
    return f"report of a user, redacted: {call}, {versions}; differs: {', '.join(differing) or 'nothing'}"


def main(arguments: list[str]) -> int:
    """Write the payloads of a file and return the exit code."""
    try:
        (file,) = arguments
        written = write_payloads(json.loads(Path(file).read_text(encoding="utf-8")))
    except (ValueError, OSError) as err:
        print(f"received_report: {err}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
