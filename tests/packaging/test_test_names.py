"""A test's name is the sentence that it proves: ten words at most, without a leading article (CONTRIBUTING.md)."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMES = [
    (file.relative_to(TESTS).as_posix(), name)
    for file in sorted(TESTS.rglob("*.py"))
    for name in re.findall(r"^\s*(?:async )?def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
]


def test_no_test_name_has_more_than_ten_words() -> None:
    assert [place for place in NAMES if place[1].count("_") >= 10] == []


def test_no_test_name_starts_with_an_article() -> None:
    assert [place for place in NAMES if place[1].startswith(("a_", "an_", "the_"))] == []


def test_names_are_read_from_every_folder_of_tests() -> None:
    assert {"client", "hooks", "operators", "sensors", "simulator", "triggers"} <= {p.split("/")[0] for p, _ in NAMES}
