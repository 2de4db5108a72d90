"""The table of docs/scale.md is what the formula beside it gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def test_formula_gives_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (formula,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    given = subprocess.run([sys.executable, "-c", formula], capture_output=True, text=True, check=True).stdout
    assert given.count("\n") == 3
    assert given in page
