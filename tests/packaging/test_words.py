"""The words that CONTRIBUTING.md retires (*Words*) are not used. Run this file to see every place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("airflow_provider_vmanage", "tests", "docs", "example_dags", "scripts", "benchmarks")
SUFFIXES = (".py", ".md", ".sh", ".json")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Makefile", "pyproject.toml")

#: uses that stay: a verdict on health, fields of the simulator, names of others, CSS, and a command
ALLOWED = re.compile(
    r"cannot[ _]tell|hidden[-_](fields|lists|until)|overflow: hidden|:hidden:|\"hidden\"|\.tell\("
    r"|look(ed)?[-_ ]?ups?|`make up`"
)

RETIRED = {
    "answer": r"answer(s|ed|ing)?",
    "tell": r"tell(s|ing)?|told",
    "mend": r"mend(s|ed|ing)?",
    "look": r"look(s|ed|ing)?",
    "away": r"away",
    "anew": r"anew",
    "nobody": r"nobody|whoever|surely|in vain",
    "give up": r"(give[sn]?|gave|giving|put|puts)[ _](up|away)",
    "hide": r"hid(e|es|den|ing)",
    "last words": r"last[ _]words|goodbye|hasty|how-manieth",
    "made up": r"made[ -]up",
    "do nothing": r"do nothing (where|unless|if)",
    "came to be": r"c(a|o)mes? to be|is not known to be",
    "deed": r"deeds?|naps?|passport",
    "URL entry": r"url[ _]entr(y|ies)",
    "Return what": r"\"\"\"return what",
    "became of": r"(become|becomes|became) of|came of it",
}


def files() -> Iterator[Path]:
    """The files that hold our words; this one holds the retired."""
    yield from (ROOT / name for name in FILES)
    for folder in FOLDERS:
        found = (ROOT / folder).rglob("*")
        yield from sorted(file for file in found if file.suffix in SUFFIXES and file != Path(__file__))


def text_of(file: Path) -> str:
    """The text of a file in lower case, without what may stay and without the table of retired words."""
    text = file.read_text(encoding="utf-8").lower()
    if file.name == "CONTRIBUTING.md":
        text = re.sub(r"(?s)\n## words\n.*?(?=\n## )", "", text)
    return ALLOWED.sub("", text)


TEXTS = {file.relative_to(ROOT).as_posix(): text_of(file) for file in files()}


def uses(word: str) -> list[str]:
    """Each place of a word, within names too."""
    pattern = re.compile(rf"(?<![a-z])({RETIRED[word]})(?![a-z])")
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in TEXTS.items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("word", RETIRED)
def test_retired_word_is_not_used(word: str) -> None:
    assert uses(word) == [], "see *Words* in CONTRIBUTING.md"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_read(folder: str) -> None:
    assert any(path.startswith(f"{folder}/") for path in TEXTS)


@pytest.mark.parametrize(
    "use", ["hidden-fields", "hidden_lists", "overflow: hidden", "look up", "lookups", "cannot tell"]
)
def test_what_is_allowed_is_not_counted(use: str) -> None:
    assert ALLOWED.sub("", use) == ""


if __name__ == "__main__":
    sys.stdout.writelines(f"{word}: {use}\n" for word in RETIRED for use in uses(word))
