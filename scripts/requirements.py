"""The minimum versions of ``pyproject.toml`` as a table of docs/requirements.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements_table() -> str:
    """Return a row for each requirement, with the extra that installs it."""
    project: dict[str, Any] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    rows = [row for extra, lines in groups.items() for row in _rows(extra, lines)]
    return "\n".join(["| Extra | Installs | Versions |", "|---|---|---|", *rows])


def _rows(extra: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        found = Requirement(line)
        options = f"[{','.join(sorted(found.extras))}]" if found.extras else ""
        yield f"| {f'`{extra}`' if extra else 'always'} | `{found.name}{options}` | {_versions(found) or 'any'} |"


def _versions(found: Requirement) -> str:
    return ", ".join(f"`{part}`" for part in sorted(map(str, found.specifier), reverse=True))
