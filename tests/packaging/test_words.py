"""The words that CONTRIBUTING retires (*Words*) only become fewer. Run this file to see the counts and their places."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("airflow_provider_vmanage",)

#: what is no use of a retired word: a verdict on health, names of others, fields of the simulator, CSS, and the command
ALLOWED = re.compile(r"cannot tell|hidden[-_](fields|lists|until)|overflow: hidden|[Ll]ook(ed)?[-_ ]?ups?|`make up`")

#: by the word: what finds it, within names too, and how often the package may still hold it; only ever lower a number
RETIRED: dict[str, tuple[str, int]] = {
    "answer": (r"answer(s|ed|ing)?", 0),
    "tell": (r"tell(s|ing)?|told", 0),
    "mend": (r"mend(s|ed|ing)?", 0),
    "look": (r"look(s|ed|ing)?", 0),
    "away": (r"away", 0),
    "anew": (r"anew", 0),
    "nobody": (r"nobody|whoever|surely|in vain", 0),
    "give up": (r"(give[sn]?|gave|giving|put|puts)[ _](up|away)", 0),
    "hide": (r"hid(e|es|den|ing)", 0),
    "last words": (r"last[ _]words|goodbye|hasty|how-manieth", 0),
    "made up": (r"made[ -]up", 0),
    "do nothing": (r"do nothing (where|unless|if)", 0),
    "came to be": (r"c(a|o)mes? to be|is not known to be", 0),
    "deed": (r"deeds?|naps?|passport", 0),
}


def uses(word: str) -> Counter[str]:
    """How often each file holds a word, by its path."""
    pattern = re.compile(rf"(?<![a-z])({RETIRED[word][0]})(?![a-z])", re.IGNORECASE)
    files = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    found: Counter[str] = Counter()
    for file in files:
        text = ALLOWED.sub("", file.read_text(encoding="utf-8"))
        found[file.relative_to(ROOT).as_posix()] += len(pattern.findall(text))
    return +found


@pytest.mark.parametrize("word", RETIRED)
def test_retired_word_is_not_used_more_often_than_before(word: str) -> None:
    found, most = uses(word), RETIRED[word][1]
    places = ", ".join(f"{file} ({count})" for file, count in found.most_common())
    assert found.total() <= most, f"{word!r}: {found.total()}, at most {most}; see *Words* in CONTRIBUTING.md: {places}"


def test_what_is_allowed_is_not_counted() -> None:
    uses = ("hidden-fields", "hidden_lists", "hidden_until", "overflow: hidden", "look up", "lookups", "cannot tell")
    assert [ALLOWED.sub("", use) for use in uses] == [""] * len(uses)


if __name__ == "__main__":
    for each, (_, budget) in RETIRED.items():
        counted = uses(each)
        sys.stdout.write(f"{each:12} {counted.total():4} of {budget:4}  {dict(counted.most_common(5))}\n")
